import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { faultKinds, provokeFault } from '../data/brokers.ts';
import { announce } from '../ui/announce.tsx';
import { formText } from '../ui/formText.ts';

const FOR_MS = 10_000;

/** Has a mock broker misbehave for some seconds, to see what clients see of it. */
export function FaultForm({ broker }: { readonly broker: string }): JSX.Element {
  const problem = useSignal<string | null>(null);
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const kind = formText(form, 'kind');
    const answer = await provokeFault(broker, kind, FOR_MS);
    problem.value = answer.ok ? null : answer.problem.message;
    if (answer.ok) announce(`${broker}: ${nameOf(kind)} for ${FOR_MS / 1_000} seconds`);
  };
  return (
    <form
      class="fault"
      aria-label={`Let ${broker} misbehave`}
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      <label>
        Misbehave{' '}
        <select name="kind">
          {faultKinds.value.map((kind) => (
            <option key={kind} value={kind}>
              {nameOf(kind)}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class="tool">
        for {FOR_MS / 1_000} s
      </button>
      {problem.value === null ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
    </form>
  );
}

function nameOf(kind: string): string {
  return kind.toLowerCase().replaceAll('_', ' ');
}
