import { isMap } from './fields.ts';

/** Settings by key, nested to any depth. A tree has no prototype, so that no key from a file or a variable can reach one. */
export interface Tree {
  [key: string]: unknown;
}

/** The keys that lead to a setting. */
export type Path = readonly string[];

/** A tree without settings. */
export function emptyTree(): Tree {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.create is typed as any; this is an empty object
  return Object.create(null) as Tree;
}

/** A copy in which all maps are trees. Values that are neither maps nor lists are kept. */
export function toTree(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toTree);
  if (!isMap(value)) return value;
  const tree = emptyTree();
  for (const key of Object.keys(value)) tree[key] = toTree(value[key]);
  return tree;
}

/**
 * Merges two trees; `over` wins key by key. Lists are replaced as a whole. A null in place of a broker removes it. A null in
 * place of a section (because all its keys are commented out) is ignored.
 */
export function merge(base: Tree, over: Tree, path: Path = []): Tree {
  const merged = Object.assign(emptyTree(), base);
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (value === null && path.length === 0) continue;
    if (value === null && path.length === 1 && path[0] === 'brokers') delete merged[key];
    else merged[key] = isTree(value) && isTree(below) ? merge(below, value, [...path, key]) : value;
  }
  return merged;
}

/** True for a map. */
export function isTree(value: unknown): value is Tree {
  return isMap(value);
}

/** The value at the path, or undefined. */
export function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const key of path) {
    if (!isMap(value) && !Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  }
  return value;
}

/** Sets the value at the path. Values on the way that are not maps are replaced. */
export function setAt(tree: Tree, path: Path, value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    const below = tree[key];
    tree[key] = isTree(value) && isTree(below) ? merge(below, value, ['']) : value;
    return;
  }
  const below = tree[key];
  const next = isTree(below) ? below : emptyTree();
  tree[key] = next;
  setAt(next, rest, value);
}

/** Freezes a value with all maps and lists in it. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) freeze(item);
  return Object.freeze(value);
}
