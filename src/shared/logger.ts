import { pino } from 'pino';
import type { Logger, LoggerOptions as PinoOptions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { GatewayError } from './errors.ts';

export type { Logger };

/** The values of `log.level`. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** One of LOG_LEVELS. */
export type LogLevel = (typeof LOG_LEVELS)[number];

const SECRET_KEYS = [
  'accessToken',
  'accountId',
  'apiKey',
  'apiSecret',
  'authorization',
  'connectionParams',
  'cookie',
  'credentials',
  'listenKey',
  'password',
  'privateKey',
  'secret',
  'session',
  'sha256',
  'signature',
  'token',
  '["x-session"]',
] as const;

/**
 * The paths whose values a log line never shows: the secret names at the top of a line and up to three levels down. There is no
 * other such list. `err` is not covered by it, because `serializeError` copies no field that it does not know.
 */
export const REDACTED_PATHS: readonly string[] = SECRET_KEYS.flatMap((key) => {
  const step = key.startsWith('[') ? key : `.${key}`;
  return [key, `*${step}`, `*.*${step}`, `*.*.*${step}`];
});

/** The destination of a logger's lines. */
export interface LogOutput {
  /** True for a terminal. */
  readonly isTTY: boolean;
  /** Takes a line with its line feed. It never waits and never throws. It returns false if the line was dropped. */
  write(line: string): boolean;
}

export interface LoggerOptions {
  /** A function is asked for each line, also of loggers that were derived from this one. */
  readonly level: LogLevel | (() => LogLevel);
  /** `auto` writes readable lines to a terminal and JSON to anything else. */
  readonly pretty: 'auto' | boolean;
  readonly output: LogOutput;
}

/**
 * A logger of one JSON object per line, or of readable lines. It counts the lines that the output dropped and logs their number
 * later.
 */
export function createLogger({ level, pretty, output }: LoggerOptions): Logger {
  const format = (pretty === 'auto' ? output.isTTY : pretty) ? prettyLines(output.isTTY) : (line: string) => line;
  let dropped = 0;
  /** The lines that the line which is being written stands for. */
  let lines = 1;
  const logger = pino(
    {
      ...(typeof level === 'string' ? { level } : changingLevel(level)),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (thrown: unknown) => serializeError(thrown) },
      redact: { paths: [...REDACTED_PATHS], censor: REDACTED },
    },
    {
      write(line) {
        if (!output.write(format(line))) {
          dropped += lines;
        } else if (dropped > 0) {
          lines = dropped;
          dropped = 0;
          logger.warn({ lines }, 'log lines dropped');
          lines = 1;
        }
      },
    },
  );
  return logger;
}

/** A derived logger has its own copy of a level, so all of them take every line, and those below the level are dropped here. */
function changingLevel(current: () => LogLevel): Pick<PinoOptions, 'level' | 'hooks'> {
  const { values } = pino.levels;
  return {
    level: 'trace',
    hooks: {
      logMethod(line, method, level) {
        if (level >= (values[current()] ?? Infinity)) method.apply(this, line);
      },
    },
  };
}

/** A logger that writes nothing, for tests and tools. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}

function prettyLines(colorize: boolean): (line: string) => string {
  return prettyFactory({ colorize, translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true });
}

/** `serializeError` turns an error into this. */
export interface SerializedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly id?: string;
  readonly stack?: string;
  readonly cause?: SerializedError;
  readonly errors?: readonly SerializedError[];
}

const MAX_CAUSES = 4;

/**
 * The form in which a log line shows anything thrown: type, message, code, stack and causes, with whatever looks like a
 * credential masked. Expected errors (a venue that can't be reached) and their causes get no stack. No other field is copied,
 * because the errors of HTTP libraries carry whole requests.
 */
export function serializeError(thrown: unknown, depth = 0, expected = isExpected(thrown)): SerializedError {
  if (!(thrown instanceof Error)) {
    return { type: typeof thrown, message: typeof thrown === 'string' ? scrub(thrown) : 'not an Error' };
  }
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const id = thrown instanceof GatewayError ? thrown.details.id : undefined;
  const deeper = depth < MAX_CAUSES;
  return {
    type: thrown.name,
    message: scrub(thrown.message),
    ...(code === undefined ? {} : { code }),
    ...(id === undefined ? {} : { id }),
    ...(thrown.stack === undefined || expected ? {} : { stack: scrub(thrown.stack) }),
    ...(deeper && thrown.cause !== undefined ? { cause: serializeError(thrown.cause, depth + 1, expected) } : {}),
    ...(deeper && thrown instanceof AggregateError
      ? { errors: thrown.errors.slice(0, MAX_CAUSES).map((error) => serializeError(error, depth + 1, expected)) }
      : {}),
  };
}

function isExpected(thrown: unknown): boolean {
  return thrown instanceof GatewayError && thrown.code !== 'INTERNAL';
}

/** Logs an INTERNAL error under the id that the client got. Errors with other codes are not logged. */
export function logFault(logger: Logger, error: GatewayError, message: string): void {
  if (error.code !== 'INTERNAL') return;
  logger.error({ err: error.cause ?? error, faultId: error.details.id }, message);
}

/** Replaces a secret wherever one is masked. */
export const REDACTED = '[redacted]';

/** Longer text is cut to this length before the patterns are applied. */
const MAX_LENGTH = 8_192;

const RULES: readonly (readonly [RegExp, string])[] = [
  // user:password@ of a URL
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@]{1,1024}@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  // key=value and "key":"value", as in URLs, forms and JSON
  [
    /\b(access_?token|token|api_?key|api_?secret|client_?secret|secret|password|passwd|signature|authorization|session|account_?id)(["']?\s{0,4}[=:]\s{0,4}["']?)[^\s"'&,;}{[\]]+/gi,
    `$1$2${REDACTED}`,
  ],
  // a JSON Web Token, and a token in OANDA's format
  [/\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g, REDACTED],
  [/\b[0-9a-f]{32}-[0-9a-f]{32}\b/gi, REDACTED],
];

/**
 * Masks what looks like a credential in text from elsewhere: error messages, stacks, URLs. This is a second line of defence; the
 * rule remains that no text with a secret in it is logged.
 */
export function scrub(text: string): string {
  let scrubbed = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  for (const [pattern, replacement] of RULES) scrubbed = scrubbed.replace(pattern, replacement);
  return scrubbed;
}
