import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { MarketDataRequest } from '../../client/index.ts';
import { needsLogin } from '../data/gateway.ts';
import { QUERY_FORMS, queryText } from '../data/queryText.ts';
import { copy } from './copy.ts';

/** Copies a panel's query, ready to be pasted into GraphiQL, a shell or a program. */
export function CopyMenu({ request }: { readonly request: MarketDataRequest }): JSX.Element {
  const details = useRef<HTMLDetailsElement>(null);
  const close = (): void => {
    details.current?.removeAttribute('open');
  };
  return (
    <details
      class="copy"
      ref={details}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        close();
        details.current?.querySelector('summary')?.focus();
      }}
      onFocusOut={({ relatedTarget }) => {
        if (!(relatedTarget instanceof Node) || details.current?.contains(relatedTarget) !== true) close();
      }}
    >
      <summary aria-label="Copy this panel's query" title="Copy this panel's query">
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3" />
        </svg>
      </summary>
      <ul>
        {QUERY_FORMS.map((form) => (
          <li key={form}>
            <button
              type="button"
              onClick={() => {
                const context = { origin: location.origin, needsLogin: needsLogin.value };
                void copy(queryText(form, request, context), form);
                close();
              }}
            >
              {form}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
