/** Why the gateway refused something. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** Reads what a subscription or an answer failed with: GraphQL errors, the close of a socket, or an error. */
export function problemOf(thrown: unknown): Problem {
  const [first = thrown] = Array.isArray(thrown) ? thrown : [thrown];
  const extensions = isRecord(first) && isRecord(first['extensions']) ? first['extensions'] : {};
  const code = textOf(extensions['code']) ?? 'UNKNOWN';
  const message = isRecord(first) ? (textOf(first['message']) ?? textOf(first['reason'])) : null;
  // A problem without a code of the gateway comes from the way to it, and passes.
  return {
    code,
    message: message ?? 'The connection failed.',
    retryable: extensions['retryable'] === true || code === 'UNKNOWN',
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
