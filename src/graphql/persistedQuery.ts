/** These members of a client's operation show whether it is a persisted query. */
interface Sent {
  readonly query?: unknown;
  readonly extensions?: unknown;
}

/**
 * True for the hash of a query without the query itself. No queries are kept here, so such a client has to be refused in
 * the words that make it send the whole query from then on.
 */
export function isPersistedQuery({ query, extensions }: Sent): boolean {
  const hasText = query !== undefined && query !== null && query !== '';
  return !hasText && isObject(extensions) && isObject(extensions['persistedQuery']);
}

/**
 * The message with an empty query if it is a persisted one, because graphql-ws knows no message without a query. Any
 * other message stays as it is.
 */
export function withQuery(message: unknown): unknown {
  if (!isObject(message) || !isObject(message['payload'])) return message;
  const { payload } = message;
  return isPersistedQuery(payload) ? { ...message, payload: { ...payload, query: '' } } : message;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
