import type { Random } from '../../../src/shared/random.ts';
import type { AccountMarket } from './AccountMarket.ts';
import type { Listing } from './instruments.ts';
import type { ClientPrice } from './prices.ts';
import { toTicks } from './ticks.ts';
import type { Ticks } from './ticks.ts';
import { nanosOf } from './time.ts';

export interface VenueMarketOptions {
  readonly listing: Listing;
  /** The accounts that are offered the instrument, by id. */
  readonly accounts: ReadonlyMap<string, AccountMarket>;
  readonly random: Random;
  /** Gives a new price to the account's streams, each in its own window of time. */
  readonly offer: (accountId: string, price: ClientPrice) => void;
}

/** One instrument's market, which every account sees through prices of its own. */
export class VenueMarket {
  readonly instrument: string;
  readonly listing: Listing;
  readonly #options: VenueMarketOptions;
  #mid: Ticks;
  #tradeable = true;

  constructor(options: VenueMarketOptions) {
    this.#options = options;
    this.listing = options.listing;
    this.instrument = options.listing.info.name;
    this.#mid = toTicks(options.listing.price, options.listing.info.displayPrecision);
  }

  get tradeable(): boolean {
    return this.#tradeable;
  }

  /** Null for an account that is not offered the instrument. */
  of(accountId: string): AccountMarket | null {
    return this.#options.accounts.get(accountId) ?? null;
  }

  /**
   * Makes a new price for every account, around a mid price that is given or random. If several come in a window, a
   * stream gets the last.
   */
  tick(mid?: string): void {
    const { random, listing } = this.#options;
    const step = (1 + Math.floor(random() * 5)) * (random() < 0.5 ? -1 : 1);
    this.#mid = mid === undefined ? Math.max(1, this.#mid + step) : toTicks(mid, listing.info.displayPrecision);
    this.#publish();
  }

  /**
   * Makes the last price of the week: not tradeable, with a wide spread. `run` leaves a closed market alone. If the
   * time is in the past, streams that open from now on begin with this price.
   */
  close({ atMs }: { readonly atMs?: number } = {}): void {
    this.#tradeable = false;
    if (atMs !== undefined) for (const account of this.#options.accounts.values()) account.empty();
    this.#publish(atMs);
  }

  open(): void {
    this.#tradeable = true;
    this.#publish();
  }

  #publish(atMs?: number): void {
    const { accounts, offer } = this.#options;
    for (const [id, account] of accounts) {
      const time = atMs === undefined ? undefined : nanosOf(atMs);
      const price = account.quote(this.#mid, this.#tradeable, time);
      account.accept(price);
      offer(id, price);
    }
  }
}
