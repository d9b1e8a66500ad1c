import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { brokers, faultKinds, isOpen } from '../data/brokers.ts';
import type { Broker } from '../data/brokers.ts';
import { Synthetic } from '../ui/Panel.tsx';
import { AuthenticateForm } from './AuthenticateForm.tsx';
import { FaultForm } from './FaultForm.tsx';

const TONES = {
  CONNECTED: 'good',
  CONNECTING: 'waiting',
  DEGRADED: 'waiting',
  DISCONNECTED: 'bad',
  DISABLED: 'bad',
} as const;

/** The gateway's brokers: how each is, and why. */
export function BrokersPanel(): JSX.Element {
  return (
    <section class="panel brokers" aria-labelledby="brokers-title">
      <header class="panel-head">
        <h2 id="brokers-title">Brokers</h2>
      </header>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- What scrolls has to be reachable by keys. */}
      <div class="scroll" tabIndex={0} role="region" aria-label="Brokers and their states">
        <ul>
          {(brokers.value ?? []).map((broker) => (
            <Entry key={broker.id} broker={broker} />
          ))}
        </ul>
        {brokers.value === null ? <p class="waiting">The gateway is asked.</p> : null}
      </div>
    </section>
  );
}

function Entry({ broker }: { readonly broker: Broker }): JSX.Element {
  const { id, state, reason, synthetic, requiresAuthentication, authenticated } = broker;
  const isAuthenticating = useSignal(false);
  const canFail = synthetic && faultKinds.value.length > 0 && isOpen(broker);
  return (
    <li>
      <div class="broker">
        <b>{id}</b>
        {synthetic ? <Synthetic /> : null}
        <span class="room" />
        <span class={`feed ${TONES[state]}`}>{state.toLowerCase()}</span>
      </div>
      {reason === null ? null : <p class="reason">{reason}</p>}
      {requiresAuthentication ? (
        <div class="broker">
          <span class="reason">{authenticated ? 'Your account is in use.' : 'It serves only your own account.'}</span>
          <span class="room" />
          <button
            type="button"
            class="tool"
            aria-expanded={isAuthenticating.value}
            onClick={() => {
              isAuthenticating.value = !isAuthenticating.value;
            }}
          >
            {authenticated ? 'Other account…' : 'Authenticate…'}
          </button>
        </div>
      ) : null}
      {isAuthenticating.value ? (
        <AuthenticateForm
          broker={broker}
          onDone={() => {
            isAuthenticating.value = false;
          }}
        />
      ) : null}
      {canFail ? <FaultForm broker={id} /> : null}
    </li>
  );
}
