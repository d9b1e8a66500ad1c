import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import { networkOf } from '../client.ts';

const WINDOW_MS = 60_000;
/** Of one address in any window. */
const MAX_FAILURES = 10;
/** Over it the address that failed longest ago is forgotten: memory is worth more than the count of one that is quiet. */
const MAX_ADDRESSES = 10_000;
/** Attempts of one address that may wait for their turn; over it they are refused. */
const MAX_WAITING = 1_000;
const WAIT_AGAIN_MS = 1_000;

const FAILED = 'Too many failed logins from your address: try again later.';
const CROWDED = 'Too many logins from your address at once: try again in a moment.';

/** The attempts of one address that are under way. */
interface Door {
  attempts: number;
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Stands before the checking of logins. After ten failures in a minute an address is refused at once, unheard, and no other
 * address notices. Only so many attempts of an address are checked at a time as may still fail, the others wait in order:
 * so the bound holds for attempts made all at once too.
 */
export class AttemptGate implements Disposable {
  readonly #clock: Clock;
  /** The moments of each address's failures in the window, oldest first; who failed last stands last. */
  readonly #failures = new Map<string, number[]>();
  readonly #doors = new Map<string, Door>();
  #sweep: Disposable | null = null;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many addresses have failed lately. */
  get size(): number {
    return this.#failures.size;
  }

  /** Runs the attempt; throws RATE_LIMITED, without running it, where the address has failed too often or too many wait. */
  async run<T>(address: string, attempt: () => Promise<T>, hasFailed: (outcome: T) => boolean): Promise<T> {
    const network = networkOf(address);
    const door = this.#doors.get(network) ?? { attempts: 0, running: 0, waiting: [] };
    this.#doors.set(network, door);
    door.attempts += 1;
    try {
      await this.#enter(network, door);
      try {
        const outcome = await attempt();
        if (hasFailed(outcome) && !this.#closed) this.#note(network);
        return outcome;
      } finally {
        door.running -= 1;
      }
    } finally {
      door.attempts -= 1;
      if (door.attempts === 0) this.#doors.delete(network);
      door.waiting.shift()?.(); // who leaves, refused or not, lets the next one look
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#sweep?.[Symbol.dispose]();
    this.#sweep = null;
    this.#failures.clear();
  }

  async #enter(network: string, door: Door): Promise<void> {
    for (;;) {
      const failures = this.#recent(network);
      const [oldest = 0] = failures;
      if (failures.length >= MAX_FAILURES) throw limited(FAILED, oldest + WINDOW_MS - this.#clock.monotonic());
      if (failures.length + door.running < MAX_FAILURES) break;
      if (door.waiting.length >= MAX_WAITING) throw limited(CROWDED, WAIT_AGAIN_MS);
      await new Promise<void>((resolve) => {
        door.waiting.push(resolve);
      });
    }
    door.running += 1;
  }

  #recent(network: string): readonly number[] {
    const since = this.#clock.monotonic() - WINDOW_MS;
    return this.#failures.get(network)?.filter((moment) => moment > since) ?? [];
  }

  #note(network: string): void {
    const moments = [...this.#recent(network), this.#clock.monotonic()];
    this.#failures.delete(network);
    this.#failures.set(network, moments);
    if (this.#failures.size > MAX_ADDRESSES) {
      for (const longestAgo of this.#failures.keys()) {
        this.#failures.delete(longestAgo);
        break;
      }
    }
    this.#sweepLater();
  }

  #sweepLater(): void {
    this.#sweep ??= this.#clock.after(WINDOW_MS, () => {
      this.#sweep = null;
      for (const network of this.#failures.keys()) {
        if (this.#recent(network).length > 0) break; // those after it failed later still
        this.#failures.delete(network);
      }
      if (this.#failures.size > 0) this.#sweepLater();
    });
  }
}

function limited(message: string, retryAfterMs: number): GatewayError {
  return new GatewayError('RATE_LIMITED', message, { retryAfterMs: Math.ceil(retryAfterMs) });
}
