/** Two connections may be there for so long: a lease, and the time to close what is not needed any more. */
const LIMIT_MS = 6_000;

/** Judges that gateways which share a venue are never connected to it twice for longer than it takes another one to lead. */
export class UpstreamCheck {
  readonly #fail: (text: string) => void;
  #sinceMs: number | null = null;
  #excusedMs = 0;
  #isTold = false;
  /** The longest time with more than one connection that nothing explains. */
  longestMs = 0;
  /** The most connections at a time. */
  most = 0;

  constructor(fail: (text: string) => void) {
    this.#fail = fail;
  }

  /** Until then more connections are no fault. */
  excuse(untilMs: number): void {
    this.#excusedMs = Math.max(this.#excusedMs, untilMs);
  }

  see(connections: number, atMs: number): void {
    this.most = Math.max(this.most, connections);
    if (connections < 2) {
      this.#sinceMs = null;
      this.#isTold = false;
      return;
    }
    this.#sinceMs ??= atMs;
    const forMs = atMs - Math.max(this.#sinceMs, this.#excusedMs);
    this.longestMs = Math.max(this.longestMs, forMs);
    if (forMs <= LIMIT_MS || this.#isTold) return;
    this.#isTold = true;
    this.#fail(`${connections} connections of the fleet for ${Math.round(forMs)} ms`);
  }
}
