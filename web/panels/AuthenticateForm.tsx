import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { authenticate } from '../data/brokers.ts';
import type { Broker } from '../data/brokers.ts';
import { announce } from '../ui/announce.tsx';
import { formText } from '../ui/formText.ts';

interface AuthenticateFormProps {
  readonly broker: Broker;
  readonly onDone: () => void;
}

/** What each kind of broker wants to know. */
const FIELDS = {
  oanda: [
    ['accountId', 'Account'],
    ['token', 'Token'],
  ],
  binance: [
    ['apiKey', 'API key'],
    ['apiSecret', 'API secret'],
  ],
} as const;

/** Gives a broker a person's own credentials. They leave the form only for the gateway. */
export function AuthenticateForm({ broker, onDone }: AuthenticateFormProps): JSX.Element {
  const problem = useSignal<string | null>(null);
  const isWaiting = useSignal(false);
  const fields = broker.kind.includes('binance') ? FIELDS.binance : FIELDS.oanda;
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const entries = fields.map(([name]) => [name, formText(form, name)] as const);
    isWaiting.value = true;
    const found = await authenticate(broker.id, Object.fromEntries(entries));
    isWaiting.value = false;
    problem.value = found?.message ?? null;
    if (found !== null) return;
    form.reset();
    announce(`${broker.id} accepted the account`);
    onDone();
  };
  return (
    <form
      class="form"
      aria-label={`Authenticate with ${broker.id}`}
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      {broker.kind === 'mock-oanda' ? (
        <p class="reason">
          The mock takes the account <code>mock-account</code> with the token <code>mock-token</code>.
        </p>
      ) : null}
      {fields.map(([name, label], i) => (
        <label key={name}>
          {label}
          {i === 0 ? (
            <input name={name} type="text" autocomplete="off" spellcheck={false} required />
          ) : (
            <input name={name} type="password" autocomplete="off" required />
          )}
        </label>
      ))}
      {problem.value === null ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <button type="submit" class="primary" disabled={isWaiting.value}>
        {isWaiting.value ? 'Asking the venue…' : 'Authenticate'}
      </button>
    </form>
  );
}
