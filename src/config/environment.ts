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
import { withoutByteOrderMark } from '../shared/byteOrderMark.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'TICKGRAPH_';
/** Another name is suggested if at most this many letters of a variable's name are wrong. */
const MAX_SLIP = 3;

/** The variable that names the configuration file. It is not a setting. */
export const CONFIG_VARIABLE = `${PREFIX}CONFIG`;

/** The variable with the login of the commands that are clients of a gateway. It is no setting of one. */
export const LOGIN_VARIABLE = `${PREFIX}TOKEN`;

/** The variables with the broker credentials of these commands. They come from the environment because everybody can see a command line. */
export const CREDENTIAL_VARIABLES = {
  token: `${PREFIX}BROKER_TOKEN`,
  accountId: `${PREFIX}BROKER_ACCOUNT_ID`,
  apiKey: `${PREFIX}BROKER_API_KEY`,
  apiSecret: `${PREFIX}BROKER_API_SECRET`,
} as const;

const NO_SETTINGS = new Set<string>([CONFIG_VARIABLE, LOGIN_VARIABLE, ...Object.values(CREDENTIAL_VARIABLES)]);

/** Variables that hosting platforms set. Empty ones are ignored, and a TICKGRAPH_ variable takes precedence. */
export const PLATFORM_VARIABLES: readonly (readonly [string, Path])[] = [
  ['HOST', ['server', 'host']],
  ['PORT', ['server', 'port']],
  ['LOG_LEVEL', ['log', 'level']],
  ['REDIS_URL', ['bus', 'redis', 'url']],
];

/** Variables that Kubernetes sets in every container if there is a Service named tickgraph. */
const SERVICE_LINK =
  /^TICKGRAPH_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const SERVICE_PORT_VALUE = /^(?:tcp|udp):\/\//;

/** readEnvironment reads these. */
export interface EnvironmentOptions {
  readonly env: Environment;
  readonly cwd: string;
  readonly readFile: (path: string) => string;
  /** The defaults and the file. They determine which brokers exist, and their kinds. */
  readonly below: Tree;
}

/** The settings from environment variables, and which variable each came from. */
export interface EnvironmentLayer {
  readonly tree: Tree;
  readonly faults: readonly ConfigFault[];
  /** The variable that the setting, or a setting below it, came from; null if there is none. */
  locate(path: Path): string | null;
}

/** Reads all settings from environment variables. */
export function readEnvironment(options: EnvironmentOptions): EnvironmentLayer {
  const reader = new EnvironmentReader(options);
  for (const [name, path] of PLATFORM_VARIABLES) reader.readPlatform(name, path);
  for (const name of Object.keys(options.env).filter(isOurs).toSorted()) {
    if (name !== `${PREFIX}PORT` || !SERVICE_PORT_VALUE.test(options.env[name] ?? '')) reader.read(name);
  }
  return reader;
}

function isOurs(name: string): boolean {
  return name.startsWith(PREFIX) && !NO_SETTINGS.has(name) && !SERVICE_LINK.test(name);
}

class EnvironmentReader implements EnvironmentLayer {
  readonly tree = emptyTree();
  readonly faults: ConfigFault[] = [];
  readonly #options: EnvironmentOptions;
  /** The settings below, with the kinds of brokers that the environment sets. */
  readonly #known: Tree;
  /** The variables by dotted path. */
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
      this.#fail(name, setting.path, { found: `${direct} as well`, expected: 'only one of the two' });
      return;
    }
    try {
      const text = withoutByteOrderMark(readFile(resolve(cwd, file)));
      this.#set(name, setting, text.replace(/[\r\n]+$/, ''));
    } catch (error) {
      const found = `a file that can't be read (${systemCode(error)})`;
      this.#fail(name, setting.path, { found, expected: 'the name of a readable file' });
    }
  }

  #fail(name: string, path: Path, { found, expected }: Pick<ConfigFault, 'found' | 'expected'>): void {
    this.faults.push({ source: name, path: path.join('.'), found, expected });
  }
}

/** The kind of a broker determines which variables it may have, so kinds are read first. */
function withKinds({ env, below }: EnvironmentOptions): Tree {
  const kinds = emptyTree();
  for (const [name, kind] of Object.entries(env)) {
    if (!name.startsWith(`${PREFIX}BROKERS__`) || !name.endsWith('__KIND')) continue;
    const setting = settingOf(name, below);
    if ('schema' in setting) setAt(kinds, setting.path, kind);
  }
  return merge(below, kinds);
}

/** Converts text to the type that the schema expects. Text that can't be converted stays text, and the schema rejects it. */
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

/** Parses JSON (or YAML's flow style). */
function flow(value: string, path: Path): unknown {
  const key = path.at(-1) ?? '';
  const { tree, faults } = readYaml({ text: `{${JSON.stringify(key)}: ${value}\n}`, name: '', at: path.slice(0, -1) });
  return faults.length > 0 || tree === null ? value : tree[key];
}

/** The code of a system error, for example ENOENT or EADDRINUSE. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown reason';
}

/** The part of a variable's name for a key: MAX_PAYLOAD_BYTES for `maxPayloadBytes`, MOCK_BINANCE for `mock-binance`. */
export function variablePart(key: string): string {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();
}

/** The variable for the setting at the path. */
export function variableFor(path: Path): string {
  return PREFIX + path.map(variablePart).join('__');
}

interface Setting {
  readonly path: Path;
  readonly schema: Schema;
}

interface NoSetting {
  /** The path up to the part that is unknown. */
  readonly path: Path;
  /** Names that may have been meant. */
  readonly expected: string;
}

/**
 * Finds the setting for a variable's name. `below` determines which brokers exist, and their kinds. The id of a new broker is the
 * part of the name in lower case, with `-` for `_`.
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
      return { path: [...path, part.toLowerCase()], expected: suggestion(name, alternatives, below) };
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
  // The key is a broker's id in the map of brokers, and in a map of symbols the symbol exactly as written.
  if (!(unwrap(inner.valueType) instanceof z.ZodDiscriminatedUnion)) return part;
  const known = isTree(value) ? Object.keys(value) : [];
  return known.find((id) => variablePart(id) === part) ?? part.toLowerCase().replaceAll('_', '-');
}

function suggestion(name: string, alternatives: readonly string[], below: Tree): string {
  const slip = nearest(settingNames(configSchema, below), name, MAX_SLIP);
  if (slip !== null) return slip;
  if (alternatives.length === 0) return 'no such variable';
  return `a name that begins with one of: ${alternatives.join(', ')}`;
}

/** The names of all settings, including those of the known brokers. */
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
