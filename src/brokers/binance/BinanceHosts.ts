import type { Clock } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';
import { RequestQueue } from '../../transport/RequestQueue.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';

/** The venue's limit since 2023; used until the listing of instruments gives the present one. */
const WEIGHT_PER_MINUTE = 6_000;
/** The venue's bound for one address; beyond it the venue bans. */
const CONNECTION_ATTEMPTS = { limit: 300, windowMs: 300_000 };

/** Pauses that the venue asks for, as gateways at the same address share them. */
export interface SharedPauses {
  /** Tells the others that this host wants no requests for so long. */
  announcePause(host: string, durationMs: number): void;
  /** Calls the listener for each pause that another gateway announces, and for those that are in force. */
  onPause(listener: (host: string, durationMs: number) => void): void;
}

export interface BinanceHostsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** @default this gateway is alone */
  readonly pauses?: SharedPauses | null;
}

/**
 * The limits of each host of the venue. The venue counts by our address and bans it as a whole, so all brokers and
 * checks of credentials share one queue of requests and one log of connection attempts for each host, which outlive
 * them. There is one object for the process; hosts come from the configuration alone, so they are few.
 */
export class BinanceHosts {
  readonly #options: BinanceHostsOptions;
  readonly #requests = new Map<string, RequestQueue>();
  readonly #attempts = new Map<string, SlidingWindow>();

  /** Pauses that other gateways were asked for, on the monotonic clock. */
  readonly #pausedUntil = new Map<string, number>();

  constructor(options: BinanceHostsOptions) {
    this.#options = options;
    options.pauses?.onPause((host, durationMs) => {
      this.#pausedUntil.set(host, options.clock.monotonic() + durationMs);
      this.#requests.get(host)?.holdOff(durationMs);
    });
  }

  /** The queue for requests to this URL's host. */
  requests(url: string): RequestQueue {
    const { host } = new URL(url);
    const queue = this.#requests.get(host) ?? this.#makeQueue(host);
    this.#requests.set(host, queue);
    return queue;
  }

  /** The log of connection attempts to this URL's host, failed ones included. */
  attempts(url: string): SlidingWindow {
    const { host } = new URL(url);
    const attempts =
      this.#attempts.get(host) ?? new SlidingWindow({ ...CONNECTION_ATTEMPTS, clock: this.#options.clock });
    this.#attempts.set(host, attempts);
    return attempts;
  }

  #makeQueue(host: string): RequestQueue {
    const queue = new RequestQueue({
      ...this.#options,
      weightPerMinute: WEIGHT_PER_MINUTE,
      onPaused: (durationMs) => {
        this.#options.pauses?.announcePause(host, durationMs);
      },
    });
    const pauseMs = (this.#pausedUntil.get(host) ?? 0) - this.#options.clock.monotonic();
    if (pauseMs > 0) queue.holdOff(pauseMs);
    return queue;
  }
}
