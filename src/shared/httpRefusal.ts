import type { ErrorCode, GatewayError } from './errors.ts';

/** The statuses of what is wrong with who asks; all else is a fault of ours. */
const STATUSES: ReadonlyMap<ErrorCode, number> = new Map([
  ['BAD_REQUEST', 400],
  ['UNAUTHENTICATED', 401],
  ['FORBIDDEN', 403],
  ['RATE_LIMITED', 429],
  ['LIMIT_EXCEEDED', 429],
]);

/** How HTTP tells an error to who is not let in, beside the body. */
export function httpRefusal({ code, details }: GatewayError): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { retryAfterMs, httpStatus } = details;
  return {
    status: httpStatus ?? STATUSES.get(code) ?? 500,
    headers: {
      ...(code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}),
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
    },
  };
}
