import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';

/** The limits of one access token, shared by everything that uses it. */
export interface OandaBudget {
  /** Limits new connections of any kind. */
  readonly connections: SlidingWindow;
  readonly requests: SlidingWindow;
  /** Takes a place for one more stream until disposed of; null if all are taken. */
  takeStream(): Disposable | null;
}

interface Entry {
  readonly budget: OandaBudget;
  users: number;
  /** When its last user left, on the monotonic clock. */
  leftAt: number;
}

const MAX_STREAMS = 20;
/** The venue allows 2 in a second; they may arrive closer together than they were sent. */
const CONNECTIONS = { limit: 2, windowMs: 1_100 };
/** The venue allows 120, and recommends 100. */
const REQUESTS = { limit: 110, windowMs: 1_000 };
/** After this time earlier requests no longer count. */
const FORGOTTEN_AFTER_MS = Math.max(CONNECTIONS.windowMs, REQUESTS.windowMs);
const KEY_BYTES = 32;

/**
 * The venue's limits, which it counts by access token, however many brokers use it. There is one object for the
 * process. It keeps only a keyed digest of a token, and only while somebody uses the token.
 */
export class OandaBudgets {
  readonly #clock: Clock;
  readonly #key = randomBytes(KEY_BYTES);
  readonly #entries = new Map<string, Entry>();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  /** Tokens in use, or used a moment ago. */
  get size(): number {
    this.#forget();
    return this.#entries.size;
  }

  /** The budget of a token, used until disposed of. */
  use(token: string): OandaBudget & Disposable {
    this.#forget();
    const digest = createHmac('sha256', this.#key).update(token).digest('base64url');
    const entry = this.#entries.get(digest) ?? { budget: newBudget(this.#clock), users: 0, leftAt: 0 };
    this.#entries.set(digest, entry);
    entry.users += 1;
    let used = true;
    return {
      ...entry.budget,
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        entry.users -= 1;
        entry.leftAt = this.#clock.monotonic();
        this.#forget();
      },
    };
  }

  /** Forgets tokens that nobody uses, but not at once: earlier requests still count at the venue for a moment. */
  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [digest, { users, leftAt }] of this.#entries) {
      if (users === 0 && now - leftAt >= FORGOTTEN_AFTER_MS) this.#entries.delete(digest);
    }
  }
}

function newBudget(clock: Clock): OandaBudget {
  let streams = 0;
  return {
    connections: new SlidingWindow({ ...CONNECTIONS, clock }),
    requests: new SlidingWindow({ ...REQUESTS, clock }),
    takeStream() {
      if (streams >= MAX_STREAMS) return null;
      streams += 1;
      let held = true;
      return {
        [Symbol.dispose]: () => {
          if (held) streams -= 1;
          held = false;
        },
      };
    },
  };
}
