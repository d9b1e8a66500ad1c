/** What one connection may have waiting, over all its queues together. */
export class ByteBudget {
  /** May be changed: what is taken already stays taken. */
  limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  get used(): number {
    return this.#used;
  }

  /** False, and nothing taken, where that would go over the limit. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  /** Over the limit too: of what is bounded otherwise. */
  takeAnyway(bytes: number): void {
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}
