import type { Clock } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';
import { RequestQueue } from '../../transport/RequestQueue.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';

/** The venue's limit since 2023; used until the listing of instruments gives the present one. */
const WEIGHT_PER_MINUTE = 6_000;
/** The venue's bound for one address; beyond it the venue bans. */
const CONNECTION_ATTEMPTS = { limit: 300, windowMs: 300_000 };

/**
 * The limits of each host of the venue. The venue counts by our address and bans it as a whole, so all brokers and
 * checks of credentials share one queue of requests and one log of connection attempts for each host, which outlive
 * them. There is one object for the process; hosts come from the configuration alone, so they are few.
 */
export class BinanceHosts {
  readonly #options: { readonly clock: Clock; readonly random: Random };
  readonly #requests = new Map<string, RequestQueue>();
  readonly #attempts = new Map<string, SlidingWindow>();

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.#options = options;
  }

  /** The queue for requests to this URL's host. */
  requests(url: string): RequestQueue {
    const { host } = new URL(url);
    const queue =
      this.#requests.get(host) ?? new RequestQueue({ ...this.#options, weightPerMinute: WEIGHT_PER_MINUTE });
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
}
