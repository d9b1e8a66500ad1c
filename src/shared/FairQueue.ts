/** The connection on whose behalf work is done. Two askers are the same connection only if they are the same object. */
export interface Asker {
  /** The principal of the login, or else the network of the client's address. All its connections share one part. */
  readonly owner: string;
}

/** Lists the connections that want something. An empty list means the gateway itself, or too many to distinguish. */
export type Askers = () => readonly Asker[];

/** Joins several lists of askers. If one of them is empty, so is the result. */
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
 * A queue in which no client waits behind everything that another one has queued: owners take turns, and so do the connections
 * of each owner. The items of one connection keep their order.
 */
export class FairQueue<Item> {
  /** The owner and the connection whose turn is next are the first in their maps. */
  readonly #owners = new Map<string, Map<Asker, Item[]>>();
  #size = 0;

  /** How many items wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item behind the asker's other items. */
  push(asker: Asker, item: Item): void {
    const askers = this.#owners.get(asker.owner) ?? new Map<Asker, Item[]>();
    const items = askers.get(asker) ?? [];
    items.push(item);
    askers.set(asker, items);
    this.#owners.set(asker.owner, askers);
    this.#size += 1;
  }

  /**
   * Removes and returns the next item in turn that `may` lets pass, or undefined. Only the first item of each connection is
   * considered.
   */
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

  /** Removes an item out of turn. Returns false if it is not in the queue. */
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

  /** Moves the connection and its owner to the end of their rounds. */
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
