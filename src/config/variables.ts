import { z } from 'zod';
import { nearest } from './faults.ts';
import { configSchema } from './schema.ts';
import type { Schema } from './schemaWalk.ts';
import { childOf, keysOf, unwrap } from './schemaWalk.ts';
import type { Path, Tree } from './tree.ts';
import { isTree, valueAt } from './tree.ts';

export const PREFIX = 'TICKGRAPH_';
/** So many letters may be wrong in the whole of a variable's name for another to be suggested. */
const MAX_SLIP = 3;

/** The part of a variable's name that means a key: `maxPayloadBytes` is MAX_PAYLOAD_BYTES, `mock-binance` MOCK_BINANCE. */
export function variablePart(key: string): string {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
}

/** The variable that means the setting at the path. */
export function variableFor(path: Path): string {
  return PREFIX + path.map(variablePart).join('__');
}

export interface Setting {
  readonly path: Path;
  readonly schema: Schema;
}

export interface NoSetting {
  /** Where the search ended. */
  readonly path: Path;
  /** The variables that could have been meant. */
  readonly expected: string;
}

/**
 * The setting that a variable's name means. `below` says which brokers there are, and of what kind; where it does not know
 * a broker, the id is the name's part in lower case with `-` for `_`.
 */
export function settingOf(name: string, below: Tree): Setting | NoSetting {
  const path: string[] = [];
  let schema: Schema = configSchema;
  for (const part of name.slice(PREFIX.length).split('__')) {
    const value = valueAt(below, path);
    const key = keyFor({ schema, part, value });
    const child = key === null ? null : childOf(schema, key, value);
    if (key === null || child === null) {
      const alternatives = keysOf(schema, value).map((known) => variableFor([...path, known]));
      return { path: [...path, part.toLowerCase()], expected: meant(name, alternatives, below) };
    }
    path.push(key);
    schema = child;
  }
  return { path, schema };
}

function keyFor({ schema, part, value }: { schema: Schema; part: string; value: unknown }): string | null {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodRecord)) return keysOf(inner, value).find((key) => variablePart(key) === part) ?? null;
  if (part === '') return null;
  // In the map of brokers the id; in a map of symbols the symbol, as it is written.
  if (!(unwrap(inner.valueType) instanceof z.ZodDiscriminatedUnion)) return part;
  const known = isTree(value) ? Object.keys(value) : [];
  return known.find((id) => variablePart(id) === part) ?? part.toLowerCase().replaceAll('_', '-');
}

function meant(name: string, alternatives: readonly string[], below: Tree): string {
  const slip = nearest(settingNames(configSchema, below), name, MAX_SLIP);
  if (slip !== null) return slip;
  if (alternatives.length === 0) return 'no such variable';
  return `a name that begins with one of: ${alternatives.join(', ')}`;
}

/** Of every setting there is, with the brokers that are known. */
function settingNames(schema: Schema, value: unknown, path: Path = []): string[] {
  const inner = unwrap(schema);
  const known = isTree(value) ? value : {};
  const keys = inner instanceof z.ZodRecord && path.length === 1 ? Object.keys(known) : keysOf(inner, value);
  if (keys.length === 0) return [variableFor(path)];
  return keys.flatMap((key) => {
    const child = childOf(inner, key, value);
    return child === null ? [] : settingNames(child, known[key], [...path, key]);
  });
}
