import { isMap } from './fields.ts';

/**
 * Settings by key, any depth. Without a prototype, so that no key that a file or a variable names can reach one.
 */
export interface Tree {
  [key: string]: unknown;
}

export type Path = readonly string[];

export function emptyTree(): Tree {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.create is typed as any; this is an empty object
  return Object.create(null) as Tree;
}

/** A copy whose maps are Trees; anything that is no map or list is taken as it is. */
export function toTree(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toTree);
  if (!isMap(value)) return value;
  const tree = emptyTree();
  for (const key of Object.keys(value)) tree[key] = toTree(value[key]);
  return tree;
}

/**
 * `over` wins key by key. Lists are replaced whole. A null takes a broker away; a whole section that is null (its keys
 * commented out) says nothing.
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

export function isTree(value: unknown): value is Tree {
  return isMap(value);
}

/** What lies at the path; undefined where nothing does. */
export function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const key of path) {
    if (!isMap(value) && !Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  }
  return value;
}

/** Puts a value at the path; whatever is in the way and no map gives way. */
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

/** Every map and list frozen, at every depth. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) freeze(item);
  return Object.freeze(value);
}
