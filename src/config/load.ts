import { resolve } from 'node:path';
import { DEFAULT_BROKERS } from './brokers.ts';
import { CONFIG_VARIABLE, readEnvironment, systemCode, variablePart } from './environment.ts';
import type { Environment } from './environment.ts';
import type { ConfigFault } from './faults.ts';
import { faultsOf } from './faults.ts';
import type { Config } from './schema.ts';
import { configSchema } from './schema.ts';
import type { Path, Tree } from './tree.ts';
import { emptyTree, freeze, isTree, merge, toTree } from './tree.ts';
import type { YamlDocument } from './yamlDocument.ts';
import { readYaml } from './yamlDocument.ts';

/** The configuration, or everything that is wrong with it. `file` is the file that was read, if any. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly file: string | null }
  | { readonly ok: false; readonly faults: readonly ConfigFault[]; readonly file: string | null };

/** The sources of a configuration. */
export interface LoadOptions {
  /** The file from the command line. Null: the one in TICKGRAPH_CONFIG, or else ./config.yaml if it exists. */
  readonly file: string | null;
  readonly env: Environment;
  readonly cwd: string;
  /** Reads a file. It throws if there is no such file. */
  readonly readFile: (path: string) => string;
}

const DEFAULT_FILE = 'config.yaml';
const DEFAULTS = 'defaults';

/** Merges the defaults, the file and the environment; for each key the later source wins. */
export function loadConfig(options: LoadOptions): ConfigResult {
  const found = readConfigFile(options);
  if ('fault' in found) return { ok: false, faults: [found.fault], file: found.file };
  const { file, yaml } = found;
  if (yaml.tree === null) return { ok: false, faults: yaml.faults, file };
  const below = merge(defaults(), yaml.tree);
  const environment = readEnvironment({ ...options, below });
  const sourceOf = (path: Path): string => {
    for (let length = path.length; length > 0; length -= 1) {
      const source = environment.locate(path.slice(0, length)) ?? yaml.locate(path.slice(0, length));
      if (source !== null) return source;
    }
    return file ?? DEFAULTS;
  };
  const result = check({
    document: merge(below, environment.tree),
    sourceOf,
    earlier: [...yaml.faults, ...environment.faults],
  });
  return { ...result, file };
}

/** Checks a document merged over the defaults, as a file would be. Faults name it `source`. */
export function parseConfig(document: unknown, source: string): ConfigResult {
  const tree = toTree(document ?? emptyTree());
  if (!isTree(tree)) {
    return { ok: false, faults: [{ source, path: '', found: `a ${typeof document}`, expected: 'a map' }], file: null };
  }
  return { ...check({ document: merge(defaults(), tree), sourceOf: () => source, earlier: [] }), file: null };
}

function defaults(): Tree {
  return merge(emptyTree(), { brokers: toTree(DEFAULT_BROKERS) });
}

interface Checked {
  readonly document: Tree;
  readonly sourceOf: (path: Path) => string;
  readonly earlier: readonly ConfigFault[];
}

type Outcome =
  { readonly ok: true; readonly config: Config } | { readonly ok: false; readonly faults: readonly ConfigFault[] };

function check({ document, sourceOf, earlier }: Checked): Outcome {
  const parsed = configSchema.safeParse(document);
  const faults = [
    ...earlier,
    ...(parsed.success ? [] : faultsOf(parsed.error, { schema: configSchema, document, sourceOf })),
    ...keyFaults(document, sourceOf),
  ];
  if (!parsed.success || faults.length > 0) return { ok: false, faults };
  // The maps have no prototype, so that a client can't find a broker named `constructor`.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- toTree copies and changes only prototypes
  return { ok: true, config: freeze(toTree(parsed.data)) as Config };
}

/** Faults that the schema can't see: a reserved key, and two ids of brokers that one environment variable would address. */
function keyFaults(document: Tree, sourceOf: (path: Path) => string): ConfigFault[] {
  const at = (path: Path, found: string): ConfigFault => ({
    source: sourceOf(path),
    path: path.join('.'),
    found,
    expected: 'another key',
  });
  const brokers = document['brokers'];
  if (!isTree(brokers)) return [];
  const byVariable = new Map<string, string>();
  const faults = prototypeKeys(brokers, ['brokers']).map((path) => at(path, 'a reserved word'));
  for (const id of Object.keys(brokers)) {
    const other = byVariable.get(variablePart(id));
    if (other !== undefined) faults.push(at(['brokers', id], `an id that differs from ${other} only by - and _`));
    byVariable.set(variablePart(id), id);
  }
  return faults;
}

/** Zod ignores the key `__proto__` in maps with arbitrary keys, which only the brokers and their symbols are. */
function prototypeKeys(value: unknown, path: Path): Path[] {
  if (!isTree(value)) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === '__proto__' ? [[...path, key]] : prototypeKeys(item, [...path, key]),
  );
}

type ConfigFile = { readonly file: string | null; readonly yaml: YamlDocument };

function readConfigFile({ file, env, cwd, readFile }: LoadOptions): ConfigFile | { fault: ConfigFault; file: string } {
  const named = file ?? (env[CONFIG_VARIABLE] || null);
  const name = named ?? DEFAULT_FILE;
  try {
    return { file: name, yaml: readYaml({ text: readFile(resolve(cwd, name)), name }) };
  } catch (error) {
    if (named === null && systemCode(error) === 'ENOENT') return { file: null, yaml: readYaml({ text: '', name }) };
    const found = `a file that can't be read (${systemCode(error)})`;
    return { file: name, fault: { source: name, path: '', found, expected: 'a readable YAML file' } };
  }
}
