/** Of each earlier sample, what still weighs in the next. */
const MEMORY = 0.95;
/** Arrivals that it takes to speak of a pace. */
const ENOUGH = 5;

/**
 * How often something normally arrives, and how long nothing has. Sampled now and then, so that the hot path only
 * counts; a silence that still lasts does not change what was normal before it.
 */
export class ArrivalPace {
  #arrivals = 0;
  #spanMs = 0;
  #silentMs = 0;

  /** As of the last sample. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Infinity while too little has come to tell. */
  get meanGapMs(): number {
    return this.#arrivals < ENOUGH ? Number.POSITIVE_INFINITY : this.#spanMs / this.#arrivals;
  }

  /** The silence so far is nobody's fault: it is measured anew. What is normal stays known. */
  forgive(): void {
    this.#silentMs = 0;
  }

  sample(arrivals: number, elapsedMs: number): void {
    this.#silentMs += elapsedMs;
    if (arrivals === 0) return;
    this.#arrivals = this.#arrivals * MEMORY + arrivals;
    this.#spanMs = this.#spanMs * MEMORY + this.#silentMs;
    this.#silentMs = 0;
  }
}
