import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import { networkOf } from '../client.ts';

const WINDOW_MS = 60_000;
/** The most failures of one address in any window. */
const MAX_FAILURES = 10;
/** Above this number, the address whose last failure is oldest is forgotten, to bound memory. */
const MAX_ADDRESSES = 10_000;
/** The most attempts of one address that may wait. Further ones are refused. */
const MAX_WAITING = 1_000;
const CROWDED_RETRY_MS = 1_000;

const FAILED = 'Too many failed logins from your address: try again later.';
const CROWDED = 'Too many logins from your address at once: try again in a moment.';

/** The unfinished attempts of one address. */
interface Attempts {
  unfinished: number;
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Limits failed logins. After ten failures within a minute, further attempts from that address are refused without a check; other
 * addresses are not affected. No more attempts of an address are checked at a time than may still fail, and the others wait in
 * order, so that the limit also holds for simultaneous attempts.
 */
export class AttemptGate implements Disposable {
  readonly #clock: Clock;
  readonly #onLockout: (network: string) => void;
  /** When each address failed within the window, oldest first. The address that failed last is the last in the map. */
  readonly #failures = new Map<string, number[]>();
  readonly #attempts = new Map<string, Attempts>();
  #sweep: Disposable | null = null;
  #closed = false;

  /** `onLockout` is called when an address has failed so often that it is refused from now on. */
  constructor(clock: Clock, onLockout: (network: string) => void) {
    this.#clock = clock;
    this.#onLockout = onLockout;
  }

  /** How many addresses have recent failures. */
  get size(): number {
    return this.#failures.size;
  }

  /**
   * Runs the attempt. Rejects with RATE_LIMITED, without running it, if the address failed too often or too many attempts wait.
   */
  async run<T>(address: string, attempt: () => Promise<T>, hasFailed: (outcome: T) => boolean): Promise<T> {
    const network = networkOf(address);
    const attempts = this.#attempts.get(network) ?? { unfinished: 0, running: 0, waiting: [] };
    this.#attempts.set(network, attempts);
    attempts.unfinished += 1;
    try {
      await this.#enter(network, attempts);
      try {
        const outcome = await attempt();
        if (hasFailed(outcome) && !this.#closed) this.#note(network);
        return outcome;
      } finally {
        attempts.running -= 1;
      }
    } finally {
      attempts.unfinished -= 1;
      if (attempts.unfinished === 0) this.#attempts.delete(network);
      attempts.waiting.shift()?.(); // every attempt that ends lets the next one check again
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#sweep?.[Symbol.dispose]();
    this.#sweep = null;
    this.#failures.clear();
  }

  async #enter(network: string, attempts: Attempts): Promise<void> {
    for (;;) {
      const failures = this.#recent(network);
      const [oldest = 0] = failures;
      if (failures.length >= MAX_FAILURES) throw limited(FAILED, oldest + WINDOW_MS - this.#clock.monotonic());
      if (failures.length + attempts.running < MAX_FAILURES) break;
      if (attempts.waiting.length >= MAX_WAITING) throw limited(CROWDED, CROWDED_RETRY_MS);
      await new Promise<void>((resolve) => {
        attempts.waiting.push(resolve);
      });
    }
    attempts.running += 1;
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
    if (moments.length === MAX_FAILURES) this.#onLockout(network);
  }

  #sweepLater(): void {
    this.#sweep ??= this.#clock.after(WINDOW_MS, () => {
      this.#sweep = null;
      for (const network of this.#failures.keys()) {
        if (this.#recent(network).length > 0) break; // the addresses after it failed even later
        this.#failures.delete(network);
      }
      if (this.#failures.size > 0) this.#sweepLater();
    });
  }
}

function limited(message: string, retryAfterMs: number): GatewayError {
  return new GatewayError('RATE_LIMITED', message, { retryAfterMs: Math.ceil(retryAfterMs) });
}
