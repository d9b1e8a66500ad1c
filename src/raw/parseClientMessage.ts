import { DEFAULT_OPTIONS, readCursors } from '../core/subscription.ts';
import type { SubscriptionOptions } from '../core/subscription.ts';
import type { BrokerCredentials } from '../market/credentials.ts';
import { CANDLE_INTERVALS } from '../market/marketData.ts';
import type { BookUpdateKind, CandleInterval, FeedType } from '../market/marketData.ts';
import { RAW_TYPES } from './messages.ts';
import type { ClientLogin, ClientMessage, MessageId, SubscribeMessage } from './messages.ts';
import { assertNever, GatewayError } from '../shared/errors.ts';
import { withoutByteOrderMark } from '../shared/byteOrderMark.ts';

/** The id is present in both cases if it could be read, so that even a refusal carries it. */
export type ParsedMessage =
  | { readonly id: MessageId | undefined; readonly message: ClientMessage; readonly error?: undefined }
  | { readonly id: MessageId | undefined; readonly error: GatewayError; readonly message?: undefined };

const ACTIONS = ['subscribe', 'unsubscribe', 'authenticate', 'auth', 'ping', 'list'] as const;
const BOOK_KINDS: readonly BookUpdateKind[] = ['snapshot', 'delta'];
const INTERVALS = Object.keys(CANDLE_INTERVALS).filter((name): name is CandleInterval =>
  Object.hasOwn(CANDLE_INTERVALS, name),
);
const OPTION_NAMES = Object.keys(DEFAULT_OPTIONS);
const MAX_ID_LENGTH = 128;
const MAX_NAME_LENGTH = 64;
const DEPTH = { min: 1, max: 1_000 };
const HISTORY = { min: 0, max: 1_000 };
const THROTTLE_MS = { min: 0, max: 60_000 };

/**
 * Parses a client's text message. Never throws: what is wrong is returned as BAD_REQUEST, whose message names the
 * member, what was found and what was expected. Unknown members of the message are ignored, unknown options are
 * refused. A member that is null is as if it were not there.
 */
export function parseClientMessage(text: string): ParsedMessage {
  let id: MessageId | undefined;
  try {
    const json = parseObject(text);
    id = readId(json);
    return { id, message: readMessage(json) };
  } catch (thrown) {
    return { id, error: GatewayError.from(thrown) };
  }
}

function readMessage(json: JsonObject): ClientMessage {
  const action = oneOf(ACTIONS, json.get('action'), 'action');
  switch (action) {
    case 'subscribe':
      return {
        action,
        broker: readBroker(json),
        symbols: readSymbols(json.get('symbols')),
        types: json.has('types') ? readTypes(json.get('types')) : ['tick'],
        options: readOptions(json.get('options')),
        resume: json.has('resume') ? readResume(json.get('resume')) : null,
      };
    case 'unsubscribe':
      return {
        action,
        broker: readBroker(json),
        symbols: json.has('symbols') ? readSymbols(json.get('symbols')) : null,
        types: json.has('types') ? readTypes(json.get('types')) : null,
      };
    case 'auth':
      if (!json.has('broker')) return { action: 'logIn', login: readLogin(json) };
      return readAuthenticate(json);
    case 'authenticate':
      return readAuthenticate(json);
    case 'ping':
    case 'list':
      return { action };
    default:
      return assertNever(action);
  }
}

function readAuthenticate(json: JsonObject): ClientMessage {
  const broker = readName(json.get('broker'), 'broker', "a broker's id");
  return { action: 'authenticate', broker, credentials: readBrokerCredentials(json) };
}

function readId(json: JsonObject): MessageId | undefined {
  const id = json.get('id');
  if (id === undefined) return undefined;
  if (typeof id === 'string' && id.length <= MAX_ID_LENGTH) return id;
  // JavaScript would echo a larger number as a different one.
  if (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER) return id;
  throw unexpected('id', id, `a string of at most ${MAX_ID_LENGTH} characters, or a number within ±(2^53 - 1)`);
}

function readBroker(json: JsonObject): string | null {
  return json.has('broker') ? readName(json.get('broker'), 'broker', "a broker's id") : null;
}

function readSymbols(value: unknown): readonly string[] {
  const list = readList(value, 'symbols', 'a list of at least one symbol');
  return [...new Set(list.map((symbol, index) => readName(symbol, `symbols[${index}]`, 'a symbol')))];
}

function readTypes(value: unknown): readonly FeedType[] {
  const list = readList(value, 'types', `a list of at least one of ${RAW_TYPES.join(', ')}`);
  return [...new Set(list.map((type, index) => oneOf(RAW_TYPES, type, `types[${index}]`)))];
}

function readResume(value: unknown): SubscribeMessage['resume'] {
  if (!Array.isArray(value)) throw unexpected('resume', value, 'a list of cursors');
  return readCursors(
    value.map((cursor: unknown, index) => {
      if (typeof cursor === 'string') return cursor;
      throw unexpected(`resume[${index}]`, cursor, 'a cursor');
    }),
  );
}

function readOptions(value: unknown): SubscriptionOptions {
  if (value === undefined) return DEFAULT_OPTIONS;
  if (!(value instanceof Map)) throw unexpected('options', value, 'an object');
  const options: JsonObject = value;
  for (const name of options.keys()) {
    if (!OPTION_NAMES.includes(name)) {
      throw new GatewayError('BAD_REQUEST', `options has ${shown(name)}; expected only ${OPTION_NAMES.join(', ')}.`);
    }
  }
  return {
    interval: optional(options, 'interval', (found, field) => oneOf(INTERVALS, found, field)),
    depth: optional(options, 'depth', (found, field) => wholeNumber(found, field, DEPTH)),
    book: optional(options, 'book', (found, field) => oneOf(BOOK_KINDS, found, field)),
    throttleMs: optional(options, 'throttleMs', (found, field) => wholeNumber(found, field, THROTTLE_MS)),
    snapshot: optional(options, 'snapshot', flag),
    history: optional(options, 'history', (found, field) => wholeNumber(found, field, HISTORY)),
  };
}

function optional<Name extends keyof SubscriptionOptions>(
  options: JsonObject,
  name: Name,
  read: (found: unknown, field: string) => SubscriptionOptions[Name],
): SubscriptionOptions[Name] {
  return options.has(name) ? read(options.get(name), `options.${name}`) : DEFAULT_OPTIONS[name];
}

function readName(value: unknown, field: string, what: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH) return value;
  throw unexpected(field, value, `${what}, a string of 1 to ${MAX_NAME_LENGTH} characters`);
}

function readList(value: unknown, field: string, expected: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw unexpected(field, value, expected);
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown, field: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw unexpected(field, value, `one of ${allowed.join(', ')}`);
  return found;
}

function wholeNumber(value: unknown, field: string, { min, max }: { min: number; max: number }): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw unexpected(field, value, `a whole number from ${min} to ${max}`);
}

function flag(value: unknown, field: string): boolean {
  if (typeof value === 'boolean') return value;
  throw unexpected(field, value, 'true or false');
}

function unexpected(field: string, found: unknown, expected: string): GatewayError {
  return new GatewayError('BAD_REQUEST', `${field} is ${describe(found)}; expected ${expected}.`);
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return shown(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'null' : 'an object';
}

function shown(text: string): string {
  return JSON.stringify(text.length <= 40 ? text : `${text.slice(0, 40)}…`);
}

/** An object that a client sent, as a Map, so that no key can reach a prototype. */
export type JsonObject = ReadonlyMap<string, unknown>;

const MAX_NESTING = 8;
/** Keys that mean something to JavaScript and nothing in this protocol. */
const POISONED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Throws BAD_REQUEST for anything but one JSON object with harmless keys and little nesting. */
function parseObject(text: string): JsonObject {
  const value = toMaps(parseJson(text), MAX_NESTING);
  if (!(value instanceof Map)) throw bad('The message is not a JSON object; expected one, with an action.');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(withoutByteOrderMark(text));
  } catch {
    // The cause would quote the message, which may contain a secret.
    throw bad('The message is not valid JSON.');
  }
}

function toMaps(value: unknown, nesting: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (nesting === 0) throw bad(`The message is nested deeper than ${MAX_NESTING} levels.`);
  if (Array.isArray(value)) return value.map((item) => toMaps(item, nesting - 1));
  const map = new Map<string, unknown>();
  for (const [key, item] of Object.entries(value)) {
    if (POISONED.has(key)) throw bad(`The message has the key ${key}, which is not allowed.`);
    // Many languages write null for what is not set.
    if (item !== null) map.set(key, toMaps(item, nesting - 1));
  }
  return map;
}

function bad(message: string): GatewayError {
  return new GatewayError('BAD_REQUEST', message);
}

const OF_BROKERS = ['apiKey', 'apiSecret', 'accountId', 'token'] as const;
const OF_LOGINS = ['token', 'apiKey', 'session'] as const;
const MAX_LENGTH = 8_192;

/** The credentials for a broker. Throws BAD_REQUEST, never quoting a value, because it may be a secret. */
function readBrokerCredentials(json: JsonObject): BrokerCredentials {
  const given = readMembers(json, OF_BROKERS, 'what the broker asks for');
  const [apiKey, apiSecret, accountId, token] = OF_BROKERS.map((name) => given.get(name) ?? null);
  return { apiKey: apiKey ?? null, apiSecret: apiSecret ?? null, accountId: accountId ?? null, token: token ?? null };
}

/** The login to the gateway itself. */
function readLogin(json: JsonObject): ClientLogin {
  const given = readMembers(json, OF_LOGINS, 'one');
  const [first, ...others] = given;
  if (first === undefined || others.length > 0) {
    throw bad(
      `credentials has ${[...given.keys()].join(' and ')}; expected one of ${OF_LOGINS.join(', ')} to log in with.`,
    );
  }
  const [name, value] = first;
  if (name === 'apiKey') return { kind: 'apiKey', apiKey: value };
  return name === 'token' ? { kind: 'token', token: value } : { kind: 'session', session: value };
}

function readMembers<Name extends string>(
  json: JsonObject,
  names: readonly Name[],
  needed: string,
): ReadonlyMap<Name, string> {
  const expected = `expected an object with ${needed} of ${names.join(', ')}`;
  const credentials = json.get('credentials');
  if (credentials === undefined) throw bad(`credentials is missing; ${expected}.`);
  if (!(credentials instanceof Map)) throw bad(`credentials is no object; ${expected}.`);
  if (credentials.size === 0) throw bad(`credentials is empty; ${expected}.`);
  const given = new Map<Name, string>();
  for (const [key, value] of credentials) {
    const name = names.find((candidate) => candidate === key);
    if (name === undefined)
      throw bad(`credentials has a member that means nothing here; expected only ${names.join(', ')}.`);
    if (typeof value !== 'string' || value === '' || value.length > MAX_LENGTH) {
      throw bad(`credentials.${name}: expected text of 1 to ${MAX_LENGTH} characters.`);
    }
    given.set(name, value);
  }
  return given;
}
