import { randomId } from './random.ts';

/** Every error code that a client may see. `retryable`: the same request may succeed later. */
export const ERROR_CODES = {
  BAD_REQUEST: { retryable: false },
  UNKNOWN_BROKER: { retryable: false },
  BROKER_DISABLED: { retryable: true },
  UNKNOWN_SYMBOL: { retryable: false },
  AMBIGUOUS_SYMBOL: { retryable: false },
  UNSUPPORTED_TYPE: { retryable: false },
  BROKER_AUTHENTICATION_REQUIRED: { retryable: false },
  BROKER_AUTHENTICATION_FAILED: { retryable: false },
  UNAUTHENTICATED: { retryable: false },
  FORBIDDEN: { retryable: false },
  RATE_LIMITED: { retryable: true },
  LIMIT_EXCEEDED: { retryable: false },
  BROKER_UNAVAILABLE: { retryable: true },
  SLOW_CONSUMER: { retryable: true },
  INTERNAL: { retryable: true },
} as const satisfies Record<string, { retryable: boolean }>;

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
