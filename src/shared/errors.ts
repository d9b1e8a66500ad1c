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

/** One of the keys of ERROR_CODES. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** An error may carry these details beside its code and message. */
export interface GatewayErrorDetails {
  /** The underlying error. It goes to the log, never to a client. */
  readonly cause?: unknown;
  /** In how many milliseconds the client should try again, if that is known. */
  readonly retryAfterMs?: number;
  /** The symbols that the error is about. */
  readonly symbols?: readonly string[];
  /** Replaces the HTTP status of the code. */
  readonly httpStatus?: number;
  /** For INTERNAL: the id under which the error was logged. The message contains it. */
  readonly id?: string;
}

/** The only error class of the gateway. `message` is a sentence that may reach a client; `cause` never does. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly details: GatewayErrorDetails;

  constructor(code: ErrorCode, message: string, details: GatewayErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  /** Both protocols send this beside the message: GraphQL as `extensions`, raw JSON as members of the error. */
  toExtensions(): { code: ErrorCode; retryable: boolean; retryAfterMs?: number; symbols?: readonly string[] } {
    return {
      code: this.code,
      retryable: this.retryable,
      ...(this.details.retryAfterMs === undefined ? {} : { retryAfterMs: this.details.retryAfterMs }),
      ...(this.details.symbols === undefined ? {} : { symbols: this.details.symbols }),
    };
  }

  /** Turns anything thrown into a GatewayError. What is not one becomes INTERNAL, with an id to find it in the log. */
  static from(thrown: unknown): GatewayError {
    if (thrown instanceof GatewayError) return thrown;
    const id = randomId();
    return new GatewayError('INTERNAL', `The gateway failed to handle this; it is logged as ${id}.`, {
      cause: thrown,
      id,
    });
  }
}

/** For the default branch of a switch over a union: the compiler rejects the call if a member is not handled. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}

/** Status and headers of an HTTP answer that consists of an error alone. */
export function toHttpHead({ code, details }: GatewayError): {
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
