import { randomId } from './random.ts';

/**
 * Every error code that a client may see. `retryable`: the same request may succeed later. `httpStatus`: the status of an HTTP
 * answer that consists of the error alone.
 */
export const ERROR_CODES = {
  BAD_REQUEST: { retryable: false, httpStatus: 400 },
  UNKNOWN_BROKER: { retryable: false, httpStatus: 500 },
  BROKER_DISABLED: { retryable: true, httpStatus: 500 },
  UNKNOWN_SYMBOL: { retryable: false, httpStatus: 500 },
  AMBIGUOUS_SYMBOL: { retryable: false, httpStatus: 500 },
  UNSUPPORTED_TYPE: { retryable: false, httpStatus: 500 },
  BROKER_AUTHENTICATION_REQUIRED: { retryable: false, httpStatus: 500 },
  BROKER_AUTHENTICATION_FAILED: { retryable: false, httpStatus: 500 },
  UNAUTHENTICATED: { retryable: false, httpStatus: 401 },
  FORBIDDEN: { retryable: false, httpStatus: 403 },
  RATE_LIMITED: { retryable: true, httpStatus: 429 },
  LIMIT_EXCEEDED: { retryable: false, httpStatus: 429 },
  BROKER_UNAVAILABLE: { retryable: true, httpStatus: 500 },
  SLOW_CONSUMER: { retryable: true, httpStatus: 500 },
  INTERNAL: { retryable: true, httpStatus: 500 },
} as const satisfies Record<string, { retryable: boolean; httpStatus: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface GatewayErrorDetails {
  /** The fault beneath; for the log, never for a client. */
  readonly cause?: unknown;
  /** Of RATE_LIMITED and of faults whose end is known: when to try again. */
  readonly retryAfterMs?: number;
  /** Of symbol errors: all the symbols that are meant. */
  readonly symbols?: readonly string[];
  /** The HTTP status, where it is not the one of the code. */
  readonly httpStatus?: number;
  /** Of INTERNAL: the id under which the fault was logged; the message carries it. */
  readonly id?: string;
}

/** The one error class. `message` is a sentence that may reach a client; `cause` never does. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly details: GatewayErrorDetails;

  constructor(code: ErrorCode, message: string, details: GatewayErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  /** What both protocols tell of this error beside the message: GraphQL's `extensions`, members of a raw error. */
  toExtensions(): { code: ErrorCode; retryable: boolean; retryAfterMs?: number; symbols?: readonly string[] } {
    return {
      code: this.code,
      retryable: this.retryable,
      ...(this.details.retryAfterMs === undefined ? {} : { retryAfterMs: this.details.retryAfterMs }),
      ...(this.details.symbols === undefined ? {} : { symbols: this.details.symbols }),
    };
  }

  /** The one door from anything thrown: what is not ours becomes INTERNAL with an id to find it in the log by. */
  static from(thrown: unknown): GatewayError {
    if (thrown instanceof GatewayError) return thrown;
    const id = randomId();
    return new GatewayError('INTERNAL', `The gateway failed to handle this; it is logged as ${id}.`, {
      cause: thrown,
      id,
    });
  }
}

/** The default branch of every switch over a union: the compiler rejects the call when a member was forgotten. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}

/** How HTTP tells an error to who is not let in, beside the body. */
export function httpRefusal({ code, details }: GatewayError): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { retryAfterMs, httpStatus } = details;
  return {
    status: httpStatus ?? ERROR_CODES[code].httpStatus,
    headers: {
      ...(code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}),
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
    },
  };
}
