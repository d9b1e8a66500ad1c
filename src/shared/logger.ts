import { pino } from 'pino';
import type { Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { GatewayError } from './errors.ts';

export type { Logger };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
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
 * Every path at which a log line may never show a value: these names at the top of a line and up to three levels down.
 * The only such list; `err` is written by `serializeError`, which copies no field that it does not know.
 */
export const REDACTED_PATHS: readonly string[] = SECRET_KEYS.flatMap((key) => {
  const step = key.startsWith('[') ? key : `.${key}`;
  return [key, `*${step}`, `*.*${step}`, `*.*.*${step}`];
});

/** Where the lines of a logger go. */
export interface LogOutput {
  /** True where a person reads along. */
  readonly isTTY: boolean;
  /** Takes a whole line, its line feed included; never waits and never throws. False: there was no room, the line is lost. */
  write(line: string): boolean;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto`: for a person where the output is a terminal, else JSON. */
  readonly pretty: 'auto' | boolean;
  readonly output: LogOutput;
}

/** A JSON object a line. Lines for which the output had no room are counted, and the count is logged when it has again. */
export function createLogger({ level, pretty, output }: LoggerOptions): Logger {
  const format = (pretty === 'auto' ? output.isTTY : pretty) ? prettyLines(output.isTTY) : (line: string) => line;
  let dropped = 0;
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (thrown: unknown) => serializeError(thrown) },
      redact: { paths: [...REDACTED_PATHS], censor: REDACTED },
    },
    {
      write(line) {
        if (!output.write(format(line))) {
          dropped += 1;
        } else if (dropped > 0) {
          const lines = dropped;
          dropped = 0;
          logger.warn({ lines }, 'log lines dropped');
        }
      },
    },
  );
  return logger;
}

/** A logger that writes nothing, for tests and tools. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}

function prettyLines(colorize: boolean): (line: string) => string {
  return prettyFactory({ colorize, translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname' });
}

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
 * What a log line shows of anything thrown: type, message, code, stack and causes, with whatever looks like a credential
 * masked. What was foreseen (a venue that can't be reached) has no stack, nor have its causes: where it was thrown says
 * nothing. No other field is copied: errors of HTTP libraries carry whole requests.
 */
export function serializeError(thrown: unknown, depth = 0, foreseen = isForeseen(thrown)): SerializedError {
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
    ...(thrown.stack === undefined || foreseen ? {} : { stack: scrub(thrown.stack) }),
    ...(deeper && thrown.cause !== undefined ? { cause: serializeError(thrown.cause, depth + 1, foreseen) } : {}),
    ...(deeper && thrown instanceof AggregateError
      ? { errors: thrown.errors.slice(0, MAX_CAUSES).map((error) => serializeError(error, depth + 1, foreseen)) }
      : {}),
  };
}

function isForeseen(thrown: unknown): boolean {
  return thrown instanceof GatewayError && thrown.code !== 'INTERNAL';
}

/** Logs an error that is a fault of ours, with the id by which the client was told of it. */
export function logFault(logger: Logger, error: GatewayError, message: string): void {
  if (error.code !== 'INTERNAL') return;
  logger.error({ err: error.cause ?? error, faultId: error.details.id }, message);
}

/** What stands in place of a secret, wherever one is masked. */
export const REDACTED = '[redacted]';

/** Enough of any text for a log; what lies beyond is cut before a pattern looks at it. */
const MAX_LENGTH = 8_192;

const RULES: readonly (readonly [RegExp, string])[] = [
  // user:password@ of a URL
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@]{1,1024}@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  // key=value and "key":"value", as they stand in URLs, forms and JSON
  [
    /\b(access_?token|token|api_?key|api_?secret|client_?secret|secret|password|passwd|signature|authorization|session|account_?id)(["']?\s{0,4}[=:]\s{0,4}["']?)[^\s"'&,;}{[\]]+/gi,
    `$1$2${REDACTED}`,
  ],
  // a JSON Web Token, and a token as OANDA issues them
  [/\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g, REDACTED],
  [/\b[0-9a-f]{32}-[0-9a-f]{32}\b/gi, REDACTED],
];

/**
 * Masks what looks like a credential in text that we did not write ourselves: error messages, stacks, URLs. A net beneath
 * the rule that such text is not logged with secrets in it, not a licence to do so.
 */
export function scrub(text: string): string {
  let scrubbed = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  for (const [pattern, replacement] of RULES) scrubbed = scrubbed.replace(pattern, replacement);
  return scrubbed;
}
