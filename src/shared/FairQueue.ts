/**
 * For whom something is done: one connection, known by the identity of this object. What the connections of one owner (the
 * principal of a login, else the network of an address) take together is the owner's share.
 */
export interface Asker {
  readonly owner: string;
}

/** Who is told apart by it; nobody: the gateway itself, or more than are told apart. */
export type Askers = () => readonly Asker[];

/** All of these together: where one is nobody in particular, so are all. */
export function allAskers(each: Iterable<Askers | undefined>): readonly Asker[] {
  const all: Asker[] = [];
  for (const askers of each) {
    const some = askers?.() ?? [];
    if (some.length === 0) return [];
    all.push(...some);
  }
  return all;
}

/**
 * A queue in which nobody waits behind all that somebody else has asked for: owners take turns, and so do the connections
 * of each owner. The items of one connection keep their order.
 */
export class FairQueue<Item> {
  /** Whose turn is next comes first. */
  readonly #owners = new Map<string, Map<Asker, Item[]>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(asker: Asker, item: Item): void {
    const askers = this.#owners.get(asker.owner) ?? new Map<Asker, Item[]>();
    const items = askers.get(asker) ?? [];
    items.push(item);
    askers.set(asker, items);
    this.#owners.set(asker.owner, askers);
    this.#size += 1;
  }

  /** The next item whose turn it is and that may go; of each connection its first alone is looked at. */
  shift(may: (item: Item) => boolean = () => true): Item | undefined {
    for (const askers of this.#owners.values()) {
      for (const [asker, [item]] of askers) {
        if (item === undefined || !may(item)) continue;
        this.remove(asker, item);
        this.#moveBack(asker);
        return item;
      }
    }
    return undefined;
  }

  /** False where it is not there (any more). */
  remove(asker: Asker, item: Item): boolean {
    const askers = this.#owners.get(asker.owner);
    const items = askers?.get(asker);
    const at = items?.indexOf(item) ?? -1;
    if (askers === undefined || items === undefined || at === -1) return false;
    items.splice(at, 1);
    this.#size -= 1;
    if (items.length === 0) askers.delete(asker);
    if (askers.size === 0) this.#owners.delete(asker.owner);
    return true;
  }

  /** Both have had their turn. */
  #moveBack(asker: Asker): void {
    const askers = this.#owners.get(asker.owner);
    if (askers === undefined) return;
    this.#owners.delete(asker.owner);
    this.#owners.set(asker.owner, askers);
    const items = askers.get(asker);
    if (items === undefined) return;
    askers.delete(asker);
    askers.set(asker, items);
  }
}
