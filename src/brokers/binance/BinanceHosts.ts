import type { Clock } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';
import { RequestQueue } from '../../transport/RequestQueue.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';

/** Until the listing says what holds: the venue's limit since 2023. */
const WEIGHT_PER_MINUTE = 6_000;
/** The venue's bound for one address; over it come bans. */
const CONNECTION_ATTEMPTS = { limit: 300, windowMs: 300_000 };

/**
 * What each host of the venue bears from us. The venue counts by our address, whoever asks, and bans it as a whole: so there
 * is one queue of requests and one log of connection attempts for each host, for all brokers and checks of credentials, and
 * they outlive both. One for the process; hosts come from the configuration alone, so they are few.
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

  /** How many sockets to this URL's host may be opened, failed attempts included. */
  attempts(url: string): SlidingWindow {
    const { host } = new URL(url);
    const attempts =
      this.#attempts.get(host) ?? new SlidingWindow({ ...CONNECTION_ATTEMPTS, clock: this.#options.clock });
    this.#attempts.set(host, attempts);
    return attempts;
  }
}
