import { resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigFault } from './faults.ts';
import type { Schema } from './schemaWalk.ts';
import { unwrap, childOf, keysOf } from './schemaWalk.ts';
import { mayComeFromFile } from './secrets.ts';
import type { Path, Tree } from './tree.ts';
import { emptyTree, merge, setAt, valueAt, isTree } from './tree.ts';
import { readYaml } from './yamlDocument.ts';
import { nearest } from './faults.ts';
import { configSchema } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'TICKGRAPH_';
/** So many letters may be wrong in the whole of a variable's name for another to be suggested. */
const MAX_SLIP = 3;

/** Names the configuration file, and is no setting. */
export const CONFIG_VARIABLE = `${PREFIX}CONFIG`;

/** Names that hosting platforms set. Set but empty, they say nothing; a TICKGRAPH_ variable wins over them. */
const PLATFORM_VARIABLES: readonly (readonly [string, Path])[] = [
  ['HOST', ['server', 'host']],
  ['PORT', ['server', 'port']],
  ['LOG_LEVEL', ['log', 'level']],
  ['REDIS_URL', ['bus', 'redis', 'url']],
];

/** What Kubernetes puts into every container beside a Service named tickgraph. */
const SERVICE_LINK =
  /^TICKGRAPH_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const SERVICE_PORT_VALUE = /^(?:tcp|udp):\/\//;

export interface EnvironmentOptions {
  readonly env: Environment;
  readonly cwd: string;
  readonly readFile: (path: string) => string;
  /** What lies beneath: tells which brokers there are, and of what kind. */
  readonly below: Tree;
}

/** The settings that environment variables make, and which variable made each. */
export interface EnvironmentLayer {
  readonly tree: Tree;
  readonly faults: readonly ConfigFault[];
  /** The variable that gave the setting, or one beneath it; null where none did. */
  locate(path: Path): string | null;
}

export function readEnvironment(options: EnvironmentOptions): EnvironmentLayer {
  const reader = new EnvironmentReader(options);
  for (const [name, path] of PLATFORM_VARIABLES) reader.readPlatform(name, path);
  for (const name of Object.keys(options.env).filter(isOurs).toSorted()) {
    if (name !== `${PREFIX}PORT` || !SERVICE_PORT_VALUE.test(options.env[name] ?? '')) reader.read(name);
  }
  return reader;
}

function isOurs(name: string): boolean {
  return name.startsWith(PREFIX) && name !== CONFIG_VARIABLE && !SERVICE_LINK.test(name);
}

class EnvironmentReader implements EnvironmentLayer {
  readonly tree = emptyTree();
  readonly faults: ConfigFault[] = [];
  readonly #options: EnvironmentOptions;
  /** What lies beneath, with the kinds of brokers as this environment gives them. */
  readonly #known: Tree;
  /** By dotted path. */
  readonly #variables = new Map<string, string>();

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.#known = withKinds(options);
  }

  readPlatform(name: string, path: Path): void {
    const value = this.#options.env[name];
    if (value === undefined || value === '') return;
    const setting = settingOf(variableFor(path), this.#known);
    if ('schema' in setting) this.#set(name, setting, name === 'LOG_LEVEL' ? value.toLowerCase() : value);
  }

  read(name: string): void {
    const value = this.#options.env[name];
    if (value === undefined) return;
    const setting = settingOf(name, this.#known);
    const inFile = name.endsWith('_FILE') ? settingOf(name.slice(0, -5), this.#known) : setting;
    if ('schema' in setting) {
      this.#set(name, setting, value);
    } else if ('schema' in inFile && mayComeFromFile(inFile.path)) {
      this.#readFile(name, inFile, value);
    } else {
      this.#fail(name, setting.path, { found: 'an unknown key', expected: setting.expected });
    }
  }

  locate(path: Path): string | null {
    if (valueAt(this.tree, path) === undefined) return null;
    for (let length = path.length; length > 0; length -= 1) {
      const name = this.#variables.get(path.slice(0, length).join('.'));
      if (name !== undefined) return name;
    }
    const prefix = `${path.join('.')}.`;
    return this.#variables.entries().find(([key]) => key.startsWith(prefix))?.[1] ?? null;
  }

  #set(name: string, { path, schema }: Setting, text: string): void {
    setAt(this.tree, path, parse(schema, text, path));
    this.#variables.set(path.join('.'), name);
  }

  #readFile(name: string, setting: Setting, file: string): void {
    const { env, cwd, readFile } = this.#options;
    const direct = name.slice(0, -5);
    if (env[direct] !== undefined) {
      this.#fail(name, setting.path, { found: `${direct} beside it`, expected: 'one of the two' });
      return;
    }
    try {
      this.#set(name, setting, readFile(resolve(cwd, file)).replace(/[\r\n]+$/, ''));
    } catch (error) {
      const found = `a file that can't be read (${systemCode(error)})`;
      this.#fail(name, setting.path, { found, expected: 'the name of a readable file' });
    }
  }

  #fail(name: string, path: Path, { found, expected }: Pick<ConfigFault, 'found' | 'expected'>): void {
    this.faults.push({ source: name, path: path.join('.'), found, expected });
  }
}

/** A broker's kind says which variables it may have, so it is looked at before them. */
function withKinds({ env, below }: EnvironmentOptions): Tree {
  const kinds = emptyTree();
  for (const [name, kind] of Object.entries(env)) {
    if (!name.startsWith(`${PREFIX}BROKERS__`) || !name.endsWith('__KIND')) continue;
    const setting = settingOf(name, below);
    if ('schema' in setting) setAt(kinds, setting.path, kind);
  }
  return merge(below, kinds);
}

/** By what is expected there. Text that can't be read as such stays text, for the schema to refuse. */
function parse(schema: Schema, value: string, path: Path): unknown {
  if (value === '' && acceptsNull(schema)) return null;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodNumber) return /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
  if (inner instanceof z.ZodArray) return value.trimStart().startsWith('[') ? flow(value, path) : commaSeparated(value);
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord || inner instanceof z.ZodDiscriminatedUnion) {
    return flow(value, path);
  }
  if (inner instanceof z.ZodBoolean || inner instanceof z.ZodUnion) {
    if (value === 'true' || value === 'false') return value === 'true';
  }
  return value;
}

function acceptsNull(schema: Schema): boolean {
  return schema instanceof z.ZodNullable || (schema instanceof z.ZodDefault && acceptsNull(schema.unwrap()));
}

function commaSeparated(value: string): string[] {
  return value.trim() === '' ? [] : value.split(',').map((item) => item.trim());
}

/** JSON (or YAML's flow form). */
function flow(value: string, path: Path): unknown {
  const key = path.at(-1) ?? '';
  const { tree, faults } = readYaml({ text: `{${JSON.stringify(key)}: ${value}\n}`, name: '', at: path.slice(0, -1) });
  return faults.length > 0 || tree === null ? value : tree[key];
}

/** The operating system's word for what went wrong: ENOENT, EADDRINUSE. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown reason';
}

/** The part of a variable's name that means a key: `maxPayloadBytes` is MAX_PAYLOAD_BYTES, `mock-binance` MOCK_BINANCE. */
export function variablePart(key: string): string {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
}

/** The variable that means the setting at the path. */
function variableFor(path: Path): string {
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
function settingOf(name: string, below: Tree): Setting | NoSetting {
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
