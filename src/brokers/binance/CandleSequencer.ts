/** What matters of a candle for its place. Times in milliseconds since the epoch. */
export interface CandlePlace {
  readonly openAt: number;
  /** When the venue sent it; null for one of its history. */
  readonly sentAt: number | null;
  readonly closed: boolean;
}

/**
 * Lets each candle be closed once and never reopened, and keeps out what is older than what was let through. The flag
 * closes a candle, never a clock: the venue sends updates of a candle after its end, and the final one later still.
 */
export class CandleSequencer {
  #closedAt = Number.NEGATIVE_INFINITY;
  #openAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  #firstAt: number | null = null;
  #isForgiven = false;

  /**
   * The open time from which history has to be read so that nothing is missing after a silence: the last candle that
   * was closed, else the first that was seen; null before that.
   */
  get resumeAt(): number | null {
    return this.#closedAt === Number.NEGATIVE_INFINITY ? this.#firstAt : this.#closedAt;
  }

  /** True where the venue has gone on to this candle without having closed one before it. */
  leavesHole({ openAt }: CandlePlace, lengthMs: number): boolean {
    if (this.#isForgiven || this.#openAt === Number.NEGATIVE_INFINITY) return false;
    const isClosed = this.#closedAt >= this.#openAt;
    return openAt > (isClosed ? this.#closedAt + lengthMs : this.#openAt);
  }

  /** What is missing before the next candle is known to be so, and is waited for no more. */
  forgiveHole(): void {
    this.#isForgiven = true;
  }

  /** True: pass it on. */
  accept({ openAt, sentAt, closed }: CandlePlace): boolean {
    if (openAt <= this.#closedAt || openAt < this.#openAt) return false;
    if (!closed && openAt === this.#openAt && sentAt !== null && sentAt <= this.#sentAt) return false;
    if (openAt > this.#openAt) {
      this.#openAt = openAt;
      this.#sentAt = Number.NEGATIVE_INFINITY;
    }
    if (openAt === this.#openAt && sentAt !== null) this.#sentAt = sentAt;
    if (closed) this.#closedAt = openAt;
    this.#firstAt ??= openAt;
    this.#isForgiven = false;
    return true;
  }
}
