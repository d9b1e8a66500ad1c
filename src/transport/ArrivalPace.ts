/** The factor by which earlier samples weigh less in each new one. */
const MEMORY = 0.95;
/** The number of arrivals from which a pace is known. */
const ENOUGH = 5;

/**
 * How often something normally arrives, and how long nothing has. Sampled now and then, so that the hot path only
 * counts; a silence that still lasts does not change what was normal before it.
 */
export class ArrivalPace {
  #arrivals = 0;
  #spanMs = 0;
  #silentMs = 0;

  /** The silence up to the last sample. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Infinity until enough has come to know. */
  get meanGapMs(): number {
    return this.#arrivals < ENOUGH ? Number.POSITIVE_INFINITY : this.#spanMs / this.#arrivals;
  }

  /** Measures the silence anew from here; the normal pace stays known. */
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
