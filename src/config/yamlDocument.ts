import type { Document, Node, YAMLError } from 'yaml';
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { ConfigFault } from './faults.ts';
import type { Path, Tree } from './tree.ts';
import { emptyTree, isTree, toTree } from './tree.ts';

const MAX_LENGTH = 1_048_576;
const MAX_ALIASES = 100;
const MAX_FAULTS = 20;

/** The settings in a YAML text, and the line of each. */
export interface YamlDocument {
  /** Null if the text could not be read at all. */
  readonly tree: Tree | null;
  readonly faults: readonly ConfigFault[];
  /** The line of a setting as `config.yaml:12`, or null if the text does not contain it. */
  locate(path: Path): string | null;
}

/** A YAML text to read. */
export interface YamlSource {
  readonly text: string;
  /** The name of the file, for faults. */
  readonly name: string;
  /** The path in the configuration to which the text belongs. @default the top */
  readonly at?: Path;
}

/** Reads YAML 1.2 with the core schema: no other tags, no duplicate keys, few aliases. It never throws. */
export function readYaml({ text, name, at = [] }: YamlSource): YamlDocument {
  const lines = new LineCounter();
  const failed = (found: string, expected: string, line?: number): YamlDocument => ({
    tree: null,
    faults: [{ source: line === undefined ? name : `${name}:${line}`, path: at.join('.'), found, expected }],
    locate: () => null,
  });
  if (text.length > MAX_LENGTH) return failed(`${text.length} characters`, `${MAX_LENGTH} at most`);
  try {
    const document = parseDocument(text, {
      schema: 'core',
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
    });
    const problems = [...document.errors, ...document.warnings];
    const faults = problems.slice(0, MAX_FAULTS).map((problem) => {
      const { line, col } = lines.linePos(problem.pos[0]);
      return { source: `${name}:${line}:${col}`, path: '', found: inWords(problem), expected: 'valid YAML' };
    });
    // A duplicate key does not prevent reading the rest, so its faults are reported too.
    if (problems.some(({ code }) => code !== 'DUPLICATE_KEY')) return { tree: null, faults, locate: () => null };
    keepDigits(document, at);
    const value: unknown = toTree(document.toJS({ maxAliasCount: MAX_ALIASES }));
    if (value !== null && !isTree(value)) return failed(Array.isArray(value) ? 'a list' : 'a single value', 'a map', 1);
    return { tree: value ?? emptyTree(), faults, locate: (path) => locate({ document, lines, name, path }) };
  } catch (error) {
    const unresolved = error instanceof ReferenceError && error.message.startsWith('Unresolved alias');
    return failed(unresolved ? 'an alias without its anchor' : 'too deep nesting, or too many aliases', 'plain YAML');
  }
}

/** The parser's message without the excerpt of the text that some messages end with, because it may be a secret. */
function inWords({ code, message }: YAMLError): string {
  if (code === 'TAG_RESOLVE_FAILED') return 'a tag that is not in the core schema';
  if (code === 'BAD_DIRECTIVE') return 'a directive that is not supported';
  if (code === 'IMPOSSIBLE' || message.includes('call stack')) return 'too deep nesting';
  return message.replace(/:\s.*$/s, '');
}

/** Keeps the prices of mock symbols as written: as a number, 43250.10 would lose its last digit. */
function keepDigits(document: Document.Parsed, at: Path): void {
  visit(document, {
    Scalar(key, scalar, ancestors) {
      if (key === 'key' || typeof scalar.value !== 'number') return;
      const path = [
        ...at,
        ...ancestors.filter(isPair).map((pair) => (isScalar(pair.key) ? String(pair.key.value) : '')),
      ];
      if (path.length === 4 && path[0] === 'brokers' && path[2] === 'symbols') scalar.value = scalar.source;
    },
  });
}

interface Place {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly name: string;
  readonly path: Path;
}

function locate({ document, lines, name, path }: Place): string | null {
  let node: unknown = document.contents;
  let start = 0;
  for (const key of path) {
    const next = childNode(node, key);
    if (next === null) return null;
    node = next.value;
    start = next.start;
  }
  return path.length === 0 ? name : `${name}:${lines.linePos(start).line}`;
}

function childNode(node: unknown, key: string): { value: unknown; start: number } | null {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    return pair === undefined ? null : { value: pair.value, start: startOf(pair.key) };
  }
  if (isSeq(node)) {
    const item = node.items[Number(key)];
    return item === undefined ? null : { value: item, start: startOf(item) };
  }
  return null;
}

function startOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) ? (rangeOf(node)?.[0] ?? 0) : 0;
}

function rangeOf(node: Node): readonly number[] | null | undefined {
  return node.range;
}
