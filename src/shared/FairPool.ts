import { FairQueue } from './FairQueue.ts';
import type { Asker } from './FairQueue.ts';
import { addTo } from './sums.ts';

export interface FairPoolOptions {
  /** How many units all owners may hold together. */
  readonly capacity: number;
  /** How many units one owner may hold. A single request for more is granted only to an owner that holds nothing. */
  readonly perOwner: number;
  /** The same bound for one connection. */
  readonly perAsker: number;
  /** A connection that holds nothing gets a request of up to this size even if its owner has used up its part. */
  readonly free: number;
}

interface Ticket {
  readonly asker: Asker;
  readonly units: number;
  readonly grant: (share: Disposable) => void;
}

/**
 * Lends units of a resource that all clients share. Requests that do not fit wait in a fair queue, and no owner can hold more
 * than its part.
 */
export class FairPool {
  readonly #options: FairPoolOptions;
  readonly #waiting = new FairQueue<Ticket>();
  readonly #byOwner = new Map<string, number>();
  readonly #byAsker = new Map<Asker, number>();
  #used = 0;

  constructor(options: FairPoolOptions) {
    this.#options = options;
  }

  /** How many units are lent at the moment. */
  get used(): number {
    return this.#used;
  }

  /** Resolves once the units are lent; disposing of the result returns them. Rejects with the signal's reason on abort. */
  async take(asker: Asker, units: number, signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Disposable>();
    const ticket: Ticket = { asker, units, grant: resolve };
    const abort = (): void => {
      if (!this.#waiting.remove(asker, ticket)) return;
      reject(signal?.reason);
      this.#pump();
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(asker, ticket);
    this.#pump();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #pump(): void {
    for (let next = this.#shift(); next !== undefined; next = this.#shift()) {
      this.#add(next.asker, next.units);
      next.grant(this.#share(next));
    }
  }

  #shift(): Ticket | undefined {
    return this.#waiting.shift((ticket) => this.#fits(ticket));
  }

  #fits({ asker, units }: Ticket): boolean {
    const { capacity, perOwner, perAsker, free } = this.#options;
    const ofAsker = this.#byAsker.get(asker) ?? 0;
    const ofOwner = this.#byOwner.get(asker.owner) ?? 0;
    const isFree = ofAsker === 0 && units <= free;
    return (
      (ofAsker === 0 || ofAsker + units <= perAsker) &&
      (ofOwner === 0 || isFree || ofOwner + units <= perOwner) &&
      (this.#used === 0 || this.#used + units <= capacity)
    );
  }

  #share({ asker, units }: Ticket): Disposable {
    const share = new DisposableStack();
    share.defer(() => {
      this.#add(asker, -units);
      this.#pump();
    });
    return share;
  }

  #add(asker: Asker, units: number): void {
    this.#used += units;
    addTo(this.#byOwner, asker.owner, units);
    addTo(this.#byAsker, asker, units);
  }
}
