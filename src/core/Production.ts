import type { Channel, EventBus, Fleet, FleetSeat, StreamPast } from '../bus/EventBus.ts';
import { addressOf, SHARED, streamKey } from '../market/marketData.ts';
import type { Scope, StreamKey } from '../market/marketData.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Metrics } from '../shared/metrics.ts';
import { randomId } from '../shared/random.ts';
import type { WantedStream } from './NumberedStream.ts';
import { hasPast, NO_CHANNEL } from './NumberedStream.ts';
import type { Numberings, VenueFeed } from './NumberedStream.ts';

export interface ProductionOptions {
  /** The broker's. */
  readonly id: string;
  readonly scope: Scope;
  readonly bus: EventBus;
  readonly metrics: Metrics;
  readonly numberings: Numberings;
  /** Every stream of the account. */
  readonly feeds: () => Iterable<VenueFeed>;
  /** Wants a stream for other gateways, until disposed of. */
  readonly want: (wish: WantedStream, asker: Asker) => Disposable | null;
  /** Other streams are ready to be fed by the adapter than before. */
  readonly onReady: () => void;
  /** This gateway produces the streams from now on, or (false) another one does. */
  readonly onTurn: (isProducer: boolean) => void;
}

const NO_PAST: StreamPast = { known: [], missed: [] };
/** Other gateways, as the client that work is done for. */
const OTHER_GATEWAYS: Asker = { owner: 'other gateways' };

/**
 * Decides where the events of an account come from. They are produced here, if this gateway is alone, or leads the broker
 * in a fleet, or the account is a client's own. Otherwise they come from the gateway that leads.
 */
export class Production implements AsyncDisposable {
  readonly #options: ProductionOptions;
  readonly #fleet: Fleet | null;
  /** Null while this gateway takes no part in the fleet. */
  #seat: FleetSeat | null = null;
  #isProducer = true;
  /** Status streams that are followed, by symbol, with the number of feeds that need them. */
  readonly #statuses = new Map<string, { feeds: number; readonly followed: Disposable }>();
  /** Symbols whose statuses were followed until this gateway became the producer. */
  readonly #followedStatuses = new Set<string>();
  /** The streams that other gateways want, with what holds each open. */
  readonly #served = new Map<StreamKey, Disposable>();
  #leaving: Promise<void> = Promise.resolve();

  constructor(options: ProductionOptions) {
    this.#options = options;
    this.#fleet = options.scope === SHARED ? options.bus.fleet : null;
  }

  /** True if the streams are produced here. */
  get isProducer(): boolean {
    return this.#isProducer;
  }

  /** Takes part in the fleet, if there is one. A gateway that is alone leads. */
  join(): void {
    this.#count();
    if (this.#fleet === null || this.#seat !== null) return;
    this.#turn(false);
    this.#options.onTurn(false);
    this.#seat = this.#fleet.join(this.#options.id, {
      lead: () => {
        this.#turn(true);
        this.#options.onTurn(true);
      },
      follow: () => {
        this.#turn(false);
        this.#options.onTurn(false);
      },
      serve: (wanted) => {
        this.#serve(wanted);
      },
    });
    for (const feed of this.#options.feeds()) this.#begin(feed, true);
    this.#seat.canLead = true;
  }

  /** Leaves the fleet: what this gateway has to tell its subscribers, it tells them itself. */
  leave(): void {
    const seat = this.#seat;
    if (seat !== null) {
      this.#serve(new Set());
      this.#seat = null;
      this.#leaving = Promise.all([this.#leaving, seat[Symbol.asyncDispose]()]).then(() => undefined);
      if (!this.#isProducer) this.#turn(true);
    }
    this.#uncount();
  }

  /** Opens the channel of a stream. */
  begin(feed: VenueFeed): void {
    this.#begin(feed, false);
  }

  /** Closes the channel of a stream. */
  end(feed: VenueFeed): void {
    if (this.#isProducer && feed.isReady) this.#options.numberings.keep(feed);
    this.#close(feed);
  }

  /** Resolves with the statuses of the symbol that the fleet has published before; null if there is no fleet. */
  pastStatuses(symbol: string): Promise<StreamPast> | null {
    const goesOn = this.#followedStatuses.delete(symbol);
    return this.#seat?.past(this.#statusKey(symbol), goesOn) ?? null;
  }

  /** The epoch is one that a leader of the fleet has made. */
  knows(epoch: string): boolean {
    return this.#seat?.knows(epoch) ?? false;
  }

  /** Makes an epoch for a stream that is produced here. */
  epoch(): string {
    return this.#seat?.epoch() ?? randomId();
  }

  /** A book that comes from another gateway can't be right. */
  resync(key: StreamKey): void {
    this.#seat?.resync(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    for (const feed of this.#options.feeds()) this.#close(feed);
    await this.#leaving;
  }

  /** Every stream comes from elsewhere now. */
  #turn(isProducer: boolean): void {
    const { feeds, numberings } = this.#options;
    this.#followedStatuses.clear();
    if (isProducer) for (const symbol of this.#statuses.keys()) this.#followedStatuses.add(symbol);
    for (const feed of feeds()) this.#close(feed);
    if (!isProducer) this.#serve(new Set());
    this.#isProducer = isProducer;
    this.#count();
    numberings.clear();
    for (const feed of feeds()) this.#begin(feed, true);
  }

  /** Accounts of clients have no leader: each gateway makes the data of its own. */
  #count(): void {
    const { id: broker, metrics, scope } = this.#options;
    if (scope === SHARED) metrics.busLeader.set({ broker }, this.#isProducer ? 1 : 0);
  }

  #uncount(): void {
    const { id: broker, metrics, scope } = this.#options;
    if (scope === SHARED) metrics.busLeader.remove({ broker });
  }

  #begin(feed: VenueFeed, goesOn: boolean): void {
    if (!this.#isProducer) this.#follow(feed, goesOn);
    else if (this.#seat !== null && hasPast(feed.type)) void this.#produceBehind(feed, this.#seat, goesOn);
    else this.#produce(feed, NO_PAST);
  }

  #follow(feed: VenueFeed, goesOn: boolean): void {
    const seat = this.#seat;
    if (seat === null) return;
    const { symbol, key } = feed;
    const statusKey = this.#statusKey(symbol);
    const status = this.#statuses.get(symbol) ?? { feeds: 0, followed: seat.follow(statusKey, goesOn) };
    status.feeds += 1;
    this.#statuses.set(symbol, status);
    const followed = seat.follow(key, goesOn);
    feed.channel = {
      ...NO_CHANNEL,
      [Symbol.dispose]: () => {
        this.#unfollow(symbol, followed);
      },
    };
  }

  #statusKey(symbol: string): StreamKey {
    const { id: broker, scope } = this.#options;
    return streamKey({ scope, broker, symbol, type: 'status', interval: null });
  }

  #unfollow(symbol: string, followed: Disposable): void {
    followed[Symbol.dispose]();
    const status = this.#statuses.get(symbol);
    if (status === undefined) return;
    status.feeds -= 1;
    if (status.feeds > 0) return;
    this.#statuses.delete(symbol);
    status.followed[Symbol.dispose]();
  }

  /** Goes on behind what the fleet has published of the stream, whoever produced it. */
  async #produceBehind(feed: VenueFeed, seat: FleetSeat, goesOn: boolean): Promise<void> {
    const pending: Channel = { ...NO_CHANNEL };
    feed.isReady = false;
    feed.channel = pending;
    const past = await seat.past(feed.key, goesOn);
    // It may have been closed meanwhile, or another gateway leads again.
    if (feed.channel !== pending) return;
    this.#produce(feed, past);
    this.#options.onReady();
  }

  #produce(feed: VenueFeed, past: StreamPast): void {
    const { bus, numberings } = this.#options;
    const last = past.missed.at(-1) ?? past.known.at(-1);
    const start = numberings.startBehind(addressOf(feed.key), last);
    feed.renumber(start);
    feed.channel = bus.open(feed.key, start, past);
    feed.isReady = true;
    if (last?.type === 'trade' || last?.type === 'candle') feed.last = last;
  }

  #close(feed: VenueFeed): void {
    const { channel } = feed;
    feed.channel = NO_CHANNEL;
    channel[Symbol.dispose]();
  }

  #serve(wanted: ReadonlySet<StreamKey>): void {
    for (const [key, held] of this.#served) {
      if (wanted.has(key)) continue;
      this.#served.delete(key);
      held[Symbol.dispose]();
    }
    for (const key of wanted) {
      const { symbol, type, interval } = addressOf(key);
      if (type === 'status' || this.#served.has(key)) continue;
      const held = this.#options.want({ symbol, type, interval }, OTHER_GATEWAYS);
      if (held !== null) this.#served.set(key, held);
    }
  }
}
