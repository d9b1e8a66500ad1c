import { GatewayError } from '../shared/errors.ts';

/** An object that a client sent, as a Map: a key of it can't reach a prototype. */
export type JsonObject = ReadonlyMap<string, unknown>;

const MAX_NESTING = 8;
/** Keys that mean something to JavaScript and nothing in this protocol. */
const POISONED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Throws BAD_REQUEST for whatever is not one JSON object of harmless keys and little nesting. */
export function parseObject(text: string): JsonObject {
  const value = toMaps(parseJson(text), MAX_NESTING);
  if (!(value instanceof Map)) throw bad('The message is not a JSON object; expected one, with an action.');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The cause would quote the message, which may hold a secret.
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
    map.set(key, toMaps(item, nesting - 1));
  }
  return map;
}

function bad(message: string): GatewayError {
  return new GatewayError('BAD_REQUEST', message);
}
