interface Takeover {
  readonly what: string;
  readonly sinceMs: number;
  readonly limitMs: number;
  /** The clients that wait for the new leader, with the moment of their last data and their longest time without. */
  readonly waiting: Map<string, { lastMs: number; longestMs: number }>;
}

/** So long it is watched what follows a leader's end. */
const WATCHED_MS = 12_000;

/** Measures how long clients of other gateways are without data when the one that leads ends. */
export class TakeoverCheck {
  readonly #fail: (client: string, text: string) => void;
  #current: Takeover | null = null;
  /** The longest silence of any client after each end of a leader, by what ended it. */
  readonly longest = new Map<string, number[]>();

  constructor(fail: (client: string, text: string) => void) {
    this.#fail = fail;
  }

  /** The leader ends now; these clients are connected to others. */
  begin(takeover: Pick<Takeover, 'what' | 'limitMs' | 'sinceMs'>, clients: readonly string[]): void {
    const { sinceMs } = takeover;
    this.end(sinceMs);
    const waiting = new Map(clients.map((client) => [client, { lastMs: sinceMs, longestMs: 0 }]));
    this.#current = { ...takeover, waiting };
  }

  /** The client has got data. */
  note(client: string, atMs: number): void {
    const current = this.#current;
    if (current === null) return;
    if (atMs - current.sinceMs > WATCHED_MS) {
      this.end(current.sinceMs + WATCHED_MS);
      return;
    }
    const silence = current.waiting.get(client);
    if (silence === undefined) return;
    silence.longestMs = Math.max(silence.longestMs, atMs - silence.lastMs);
    silence.lastMs = atMs;
  }

  /** The client can't be expected to get anything any more: it has left, or something else happens to it. */
  forget(client: string): void {
    this.#current?.waiting.delete(client);
  }

  /** Something else happens, or nothing more. */
  end(atMs: number): void {
    const current = this.#current;
    this.#current = null;
    if (current === null || current.waiting.size === 0) return;
    const { limitMs, waiting, what } = current;
    let worstMs = 0;
    for (const [client, { lastMs, longestMs }] of waiting) {
      const silentMs = Math.max(longestMs, atMs - lastMs);
      worstMs = Math.max(worstMs, silentMs);
      if (silentMs > limitMs) this.#fail(client, `without data for ${Math.round(silentMs)} ms after ${what}`);
    }
    this.longest.set(what, [...(this.longest.get(what) ?? []), worstMs]);
  }
}
