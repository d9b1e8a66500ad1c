/** A subscribed stream can have these faults, the worst first. */
const WORST_FIRST = ['transport', 'unreadable', 'late', 'silence'] as const;
export type StreamFault = (typeof WORST_FIRST)[number];

/** Why a subscribed stream can't be relied on: a reason for each of its faults. */
export class StreamFaults {
  readonly #reasons = new Map<StreamFault, string>();

  /** The reason of the worst one; null if there is none. */
  get worst(): string | null {
    for (const kind of WORST_FIRST) {
      const reason = this.#reasons.get(kind);
      if (reason !== undefined) return reason;
    }
    return null;
  }

  has(kind: StreamFault): boolean {
    return this.#reasons.has(kind);
  }

  get(kind: StreamFault): string | null {
    return this.#reasons.get(kind) ?? null;
  }

  /** Sets its reason, or ends it with null. Returns true if that changed anything. */
  set(kind: StreamFault, reason: string | null): boolean {
    if (this.get(kind) === reason) return false;
    if (reason === null) this.#reasons.delete(kind);
    else this.#reasons.set(kind, reason);
    return true;
  }

  clear(): void {
    this.#reasons.clear();
  }
}
