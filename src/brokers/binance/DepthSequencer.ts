/** Which updates an event of the diff stream holds. */
export interface DiffRange {
  readonly firstId: number;
  readonly lastId: number;
}

/**
 * The caller has to do this with a diff: `apply` it to the book; `ignore` it, because the book has it already;
 * `buffer`: it was kept for the snapshot to come; `gap`: something is missing before it; `overflow`: too many were
 * kept, and all but this one were thrown away.
 */
export type DepthVerdict = 'apply' | 'ignore' | 'buffer' | 'gap' | 'overflow';

/** The outcome of a snapshot. The caller applies `diffs` to it, in order. */
export type SnapshotVerdict<Diff> =
  | { readonly kind: 'synced'; readonly diffs: readonly Diff[] }
  /** The snapshot is older than the kept diffs: ask again a little later. */
  | { readonly kind: 'stale' }
  /** A diff is missing behind the snapshot: ask again. */
  | { readonly kind: 'gap' };

/**
 * Decides when a book is in step with the venue's numbering, and what to do until then. The steps are the venue's ("How
 * to manage a local order book correctly"), with the conditions that its streams really obey. It holds no book.
 */
export class DepthSequencer<Diff extends DiffRange> {
  readonly #maxBuffered: number;
  #buffer: Diff[] = [];
  /** The last update that the book has; null while there is no valid book. */
  #bookId: number | null = null;

  constructor({ maxBuffered }: { readonly maxBuffered: number }) {
    this.#maxBuffered = maxBuffered;
  }

  /** The last update that the book has; null while it is out of step. */
  get bookId(): number | null {
    return this.#bookId;
  }

  get isSynced(): boolean {
    return this.#bookId !== null;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** The book is invalid, and the kept diffs are useless: back to step 1. */
  restart(): void {
    this.#buffer = [];
    this.#bookId = null;
  }

  push(diff: Diff): DepthVerdict {
    const id = this.#bookId;
    if (id === null) return this.#keep(diff);
    const verdict = place(diff, id);
    if (verdict === 'apply') this.#bookId = diff.lastId;
    if (verdict === 'gap') {
      // Step 7, gap: begin again, and keep from this diff on.
      this.#bookId = null;
      this.#buffer = [diff];
    }
    return verdict;
  }

  /** Steps 3 to 6, with `lastUpdateId` of the snapshot that step 2 asked for. */
  load(snapshotId: number): SnapshotVerdict<Diff> {
    const first = this.#buffer[0];
    // Step 3: the snapshot ends before the kept diffs begin. Keep them. `first.firstId === snapshotId + 1` loses
    // nothing.
    if (first !== undefined && snapshotId < first.firstId - 1) return { kind: 'stale' };
    // Step 4: what the snapshot contains already.
    const fresh = this.#buffer.filter((diff) => diff.lastId > snapshotId);
    const diffs: Diff[] = [];
    let id = snapshotId;
    for (const [index, diff] of fresh.entries()) {
      // Step 5 for the first of them (it straddles the snapshot's end, or follows it exactly), step 7 for the others.
      const verdict = place(diff, id);
      if (verdict === 'gap') {
        this.#buffer = fresh.slice(index);
        return { kind: 'gap' };
      }
      if (verdict === 'ignore') continue;
      diffs.push(diff);
      id = diff.lastId;
    }
    // Step 6: the book is the snapshot with these diffs applied. Without any, the snapshot itself is valid.
    this.#buffer = [];
    this.#bookId = id;
    return { kind: 'synced', diffs };
  }

  /** Step 1. */
  #keep(diff: Diff): DepthVerdict {
    if (this.#buffer.length < this.#maxBuffered) {
      this.#buffer.push(diff);
      return 'buffer';
    }
    this.#buffer = [diff];
    return 'overflow';
  }
}

/** Step 7. A diff that overlaps the book is applied whole: its sizes are absolute. */
function place(diff: DiffRange, bookId: number): 'apply' | 'ignore' | 'gap' {
  if (diff.lastId <= bookId) return 'ignore';
  return diff.firstId > bookId + 1 ? 'gap' : 'apply';
}
