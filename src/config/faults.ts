import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { Schema } from './schemaWalk.ts';
import { keysOf, schemaAt } from './schemaWalk.ts';
import { maskUserInfo, mayComeFromFile } from './secrets.ts';
import { REDACTED } from '../shared/logger.ts';
import type { Path } from './tree.ts';
import { valueAt } from './tree.ts';
import { isMap } from './fields.ts';

const MAX_SHOWN = 60;

/** One thing that is wrong with a configuration. Its texts contain no secret. */
export interface ConfigFault {
  /** The file (with the line, if known) or the environment variable. */
  readonly source: string;
  /** The dotted path of the setting; empty for the file as a whole. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

/** A fault as one line of text. */
export function formatFault({ source, path, found, expected }: ConfigFault): string {
  return `${source}: ${path === '' ? '' : `${path}: `}found ${found}, expected ${expected}`;
}

/** The schema, and the document that was checked against it. */
export interface FaultContext {
  readonly schema: Schema;
  readonly document: unknown;
  readonly sourceOf: (path: Path) => string;
}

/** Converts the errors of the schema to faults, in the order of the settings and at most one for each path. */
export function faultsOf(error: z.ZodError, context: FaultContext): ConfigFault[] {
  const faults = new Map<string, ConfigFault>();
  for (const issue of error.issues) {
    for (const fault of issueFaults(issue, context)) {
      if (!faults.has(fault.path)) faults.set(fault.path, fault);
    }
  }
  return [...faults.values()];
}

function issueFaults(issue: z.core.$ZodIssue, { schema, document, sourceOf }: FaultContext): ConfigFault[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const parent = schemaAt(schema, path, document);
    const known = parent === null ? [] : keysOf(parent, valueAt(document, path));
    return issue.keys.map((key) => ({
      source: sourceOf([...path, key]),
      path: [...path, shownKey(key, known)].join('.'),
      found: 'an unknown key',
      expected: oneOfKeys(known, key),
    }));
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? 'another key';
    return [{ source: sourceOf(path), path: path.join('.'), found: 'a malformed key', expected }];
  }
  const wantsMap = issue.code === 'invalid_type' && ['object', 'record', 'array'].includes(issue.expected);
  const found = describe(valueAt(document, path), wantsMap || mayComeFromFile(path));
  return [{ source: sourceOf(path), path: path.join('.'), found, expected: issue.message }];
}

const LIKE_A_KEY = /^[A-Za-z_-]{1,24}\d{0,3}$/;
/** No known key is that much longer when it is mistyped. */
const MAX_SURPLUS = 4;

/** An unknown key. If a colon was forgotten, its value is a part of it, and may be a secret. */
function shownKey(key: string, known: readonly string[]): string {
  const begun = known.find((word) => key.startsWith(word));
  if (LIKE_A_KEY.test(key) && (begun === undefined || key.length <= begun.length + MAX_SURPLUS)) return key;
  return `${begun ?? ''}…`;
}

/** Lists the known keys, and first the closest one if the key looks like a typing error. */
function oneOfKeys(known: readonly string[], key: string): string {
  if (known.length === 0) return 'no key here';
  const suggestion = nearest(known, key);
  return suggestion === null ? `one of: ${known.join(', ')}` : `${suggestion} or another of: ${known.join(', ')}`;
}

/**
 * The known word closest to a mistyped one, ignoring case, or null if more than `most` letters differ. @default half of them
 */
export function nearest(known: readonly string[], word: string, most = Math.max(1, word.length / 2)): string | null {
  const wanted = word.toLowerCase().slice(0, MAX_SHOWN);
  const ranked = known.map((candidate) => ({ candidate, apart: distance(wanted, candidate.toLowerCase()) }));
  const best = ranked.reduce<(typeof ranked)[number] | null>(
    (least, next) => (least === null || next.apart < least.apart ? next : least),
    null,
  );
  return best !== null && best.apart <= most ? best.candidate : null;
}

/** Describes a value. The value itself is shown, shortened, unless it may contain a secret. */
function describe(value: unknown, secret: boolean): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (isMap(value)) return 'a map';
  if (typeof value === 'string') {
    if (/PRIVATE KEY-----/.test(value)) return 'a private key';
    if (secret) return value === '' ? 'an empty text' : `a text (${REDACTED})`;
    return JSON.stringify(maskUserInfo(value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value));
  }
  if (secret || (typeof value !== 'number' && typeof value !== 'boolean')) return `a ${typeof value}`;
  return String(value);
}
