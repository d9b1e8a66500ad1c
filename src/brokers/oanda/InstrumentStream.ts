import type { CandleInterval, FeedEventDraft } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import { allAskers } from '../../shared/FairQueue.ts';
import type { Askers } from '../../shared/FairQueue.ts';
import { ArrivalPace } from '../../transport/ArrivalPace.ts';
import { isSameCondition } from '../BaseBroker.ts';
import type { BrokerContext, Feed, FeedCondition } from '../BaseBroker.ts';
import { DeliveryCheck } from '../DeliveryCheck.ts';
import type { CandleConfirmer } from './CandleConfirmer.ts';
import type { CandleListener, CandleMaker } from './CandleStream.ts';
import { CandleStream } from './CandleStream.ts';
import type { OandaRest } from './OandaRest.ts';
import { hasHistory } from './restRequests.ts';
import { SecondsStream } from './SecondsStream.ts';
import { isCrossed, missingQuote, toBook, toMid, toOandaTick } from './streamMapping.ts';
import type { VenuePrice } from './streamMessages.ts';

/** Prices that can't be read are logged once in this time, for each instrument. */
const LOGGED_AGAIN_AFTER_MS = 3_600_000;
/** Prices that all look old for so long are not: the time of the last one was wrong. */
const STUCK_AFTER_MS = 10_000;
/** A silence of this many usual gaps is looked into; that of a closed market, or of one with longer gaps, after this time. */
const QUIET_GAPS = 10;
const LONGEST_PATIENCE_MS = 600_000;

/** The requests that an instrument makes. */
export type VenueRest = Pick<OandaRest, 'fetchPrice' | 'fetchRecentCandles'>;

export interface InstrumentStreamOptions {
  readonly symbol: string;
  /** Decimal places of the venue's prices. */
  readonly places: number;
  readonly broker: BrokerContext;
  readonly rest: VenueRest;
  readonly confirmer: Pick<CandleConfirmer, 'ask'>;
  /** The venue has a price that its stream does not deliver. */
  readonly onUndelivered: () => void;
}

/**
 * One instrument: its newest price, and the feeds that are made from it, with their conditions. It outlives
 * connections, and takes a price of any of them if it is newer than the one it has. Owned by InstrumentStreams.
 */
export class InstrumentStream implements Disposable {
  readonly symbol: string;
  readonly #options: InstrumentStreamOptions;
  readonly #candles = new Map<CandleInterval, CandleMaker>();
  readonly #reported = new Map<Feed, FeedCondition>();
  readonly #abort = new AbortController();
  #feeds: ReadonlySet<Feed> = new Set();
  #latest: VenuePrice | null = null;
  /** A price has come since the stream was lost last. */
  #begun = false;
  #lostBecause: string | null = null;
  /** The venue's time since which a price is awaited; null if that is not known, or one has come. */
  #awaitedSinceMs: number | null = null;
  /** A price has been awaited for too long. */
  #isOverdue = false;
  #lateSeconds: number | null = null;
  /** The last price that came could be read. */
  #isReadable = true;
  /** When it was logged last that one could not, on the monotonic clock. */
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when all that comes looks old, on the monotonic clock; null if it does not. */
  #olderSinceMs: number | null = null;
  readonly #delivery: DeliveryCheck;
  readonly #pace = new ArrivalPace();
  /** Prices since the silence was measured last. */
  #arrivals = 0;
  /** When that was, on the monotonic clock. */
  #sampledAtMs: number;
  /** The venue has a price that has not come. */
  #isUndelivered = false;

  constructor(options: InstrumentStreamOptions) {
    this.symbol = options.symbol;
    this.#options = options;
    const { clock } = options.broker;
    this.#sampledAtMs = clock.monotonic();
    this.#delivery = new DeliveryCheck({
      clock,
      look: (signal) => this.#isBehind(signal),
      isSilent: () => this.#arrivals === 0,
      onQuiet: () => undefined,
      onUndelivered: () => {
        this.#onUndelivered();
      },
    });
  }

  /** Replaces the set of feeds; new ones get the newest price, and are notified of their condition. */
  setFeeds(feeds: ReadonlySet<Feed>): void {
    const before = this.#feeds;
    this.#feeds = feeds;
    for (const feed of before) if (!feeds.has(feed)) this.#reported.delete(feed);
    this.#reconcileCandles();
    for (const feed of feeds) if (!before.has(feed)) this.#welcome(feed);
  }

  /** Takes a price, which may be older than the newest one. */
  receive(price: VenuePrice, receivedAtMs: number): void {
    if (this.#isStuck(price)) {
      this.lost(`The venue's times of ${this.symbol} begin anew.`);
      this.#latest = null;
    }
    const before = this.#latest;
    const isNewer = before === null || price.time.ns > before.time.ns;
    const isFirst = !this.#begun;
    const wasDelivered = this.#isReadable && !this.#isUndelivered;
    this.#arrivals += 1;
    this.#begun = true;
    this.#isReadable = true;
    this.#isUndelivered = false;
    this.#expect();
    if (isNewer) this.#latest = price;
    if (isFirst) this.#begin(isNewer, receivedAtMs);
    else if (isNewer) this.#goOn(price, before, receivedAtMs);
    if (isFirst || isNewer || !wasDelivered) for (const feed of this.#feeds) this.#report(feed);
  }

  /** A price came that can't be read: the last one may be out of date. Other instruments are not concerned. */
  unreadable(): void {
    const { clock, logger } = this.#options.broker;
    const now = clock.monotonic();
    if (now - this.#loggedAtMs >= LOGGED_AGAIN_AFTER_MS) {
      this.#loggedAtMs = now;
      logger.warn({ symbol: this.symbol }, 'the venue sends prices that make no sense');
    }
    this.#isReadable = false;
    for (const feed of this.#feeds) this.#report(feed);
  }

  /** So late is what comes of all instruments; null if it is in time. */
  setLateness(lateMs: number | null): void {
    if (lateMs === null || this.#lateSeconds === null) this.#lateSeconds = lateMs && Math.round(lateMs / 1_000);
    for (const feed of this.#feeds) this.#report(feed);
  }

  /** The venue's time has reached `venueMs`. */
  advance(venueMs: number): void {
    if (!this.#begun) this.#await(venueMs);
    this.#noteSilence();
    const isOpen = this.#latest?.tradeable === true;
    for (const candles of this.#candles.values()) candles.advance(venueMs, isOpen);
  }

  /** The stream was lost; the feeds are recovering until the next price. */
  lost(reason: string): void {
    this.#begun = false;
    this.#isReadable = true;
    this.#lostBecause = reason;
    this.#olderSinceMs = null;
    this.#isUndelivered = false;
    this.#pace.forgive();
    this.#delivery.begun();
    this.#expect();
    for (const candles of this.#candles.values()) candles.interrupt();
    for (const feed of this.#feeds) this.#report(feed);
  }

  /** Begins the feed again from the venue's own state, because its published data can't be right. */
  /** See BaseBroker.continueBehind. */
  continueBehind({ interval }: Feed, openMs: number): void {
    if (interval !== null) this.#candles.get(interval)?.continueBehind(openMs);
  }

  resync(feed: Feed, reason: string): void {
    if (!this.#feeds.has(feed)) return;
    // The caller has reported this condition already.
    this.#reported.set(feed, { kind: 'recovering', reason });
    if (!this.#begun) return;
    if (feed.interval === null) void this.#ask(feed);
    else this.#candles.get(feed.interval)?.begin();
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#delivery[Symbol.dispose]();
    for (const candles of this.#candles.values()) candles[Symbol.dispose]();
    this.#candles.clear();
  }

  /** The venue is alive, and so is the connection: if no price comes, the venue is asked whether there is one. */
  #noteSilence(): void {
    const { clock, staleAfterMs } = this.#options.broker;
    const now = clock.monotonic();
    this.#pace.sample(this.#arrivals, now - this.#sampledAtMs);
    this.#sampledAtMs = now;
    if (this.#arrivals > 0) this.#delivery.delivered();
    this.#arrivals = 0;
    const isClosed = this.#begun && this.#latest?.tradeable === false;
    const { meanGapMs } = this.#pace;
    const usualMs = meanGapMs === Number.POSITIVE_INFINITY ? staleAfterMs : QUIET_GAPS * meanGapMs;
    const patienceMs = isClosed ? LONGEST_PATIENCE_MS : Math.min(usualMs, LONGEST_PATIENCE_MS);
    this.#delivery.silent(this.#pace.silentMs, Math.max(staleAfterMs, patienceMs));
  }

  /** A stream begins with the venue's newest price, and sends each one that is newer. */
  async #isBehind(signal: AbortSignal): Promise<boolean> {
    const askers: Askers = () => allAskers([...this.#feeds].map((feed) => feed.askers));
    const present = await this.#options.rest.fetchPrice(this.symbol, { patience: 'fail', askers, signal });
    if (present === null) return false;
    return !this.#begun || this.#latest === null || present.time.ns > this.#latest.time.ns;
  }

  #onUndelivered(): void {
    const { broker, onUndelivered } = this.#options;
    broker.logger.warn({ symbol: this.symbol }, 'stream does not deliver what the venue has');
    this.#isUndelivered = true;
    for (const feed of this.#feeds) this.#report(feed);
    onUndelivered();
  }

  /** True if one price from too far ahead has made all that followed look old. */
  #isStuck({ time }: VenuePrice): boolean {
    if (this.#latest === null || time.ns >= this.#latest.time.ns) {
      this.#olderSinceMs = null;
      return false;
    }
    const now = this.#options.broker.clock.monotonic();
    this.#olderSinceMs ??= now;
    return now - this.#olderSinceMs > STUCK_AFTER_MS;
  }

  /** The venue is alive, and begins each stream with a price: one that does not come is missing. */
  #await(venueMs: number): void {
    this.#awaitedSinceMs ??= venueMs;
    if (this.#isOverdue || venueMs - this.#awaitedSinceMs < this.#options.broker.staleAfterMs) return;
    this.#isOverdue = true;
    for (const feed of this.#feeds) this.#report(feed);
  }

  /** From here on the next price is awaited anew. */
  #expect(): void {
    this.#awaitedSinceMs = null;
    this.#isOverdue = false;
  }

  /**
   * Handles the first price after a loss. A book was forgotten with the loss, so it is sent again even if it is the
   * same.
   */
  #begin(isNewer: boolean, receivedAtMs: number): void {
    for (const feed of this.#feeds) if (isNewer || feed.type === 'orderbook') this.#present(feed, receivedAtMs);
    // History has this price already.
    for (const candles of this.#candles.values()) candles.begin();
  }

  #goOn(price: VenuePrice, before: VenuePrice | null, receivedAtMs: number): void {
    // Quotes of a closed market are no offers; only the first matters, which shows that it closed.
    if (!price.tradeable && before?.tradeable === false) return;
    this.#noteLatency(price, receivedAtMs);
    for (const feed of this.#feeds) this.#present(feed, receivedAtMs);
    const mid = toMid(price, this.#options.places);
    if (mid === null) return;
    for (const candles of this.#candles.values()) candles.add({ price: mid, timeMs: price.time.ms });
  }

  #welcome(feed: Feed): void {
    if (this.#begun) this.#present(feed, this.#options.broker.clock.now());
    this.#report(feed);
  }

  /** Publishes the newest price to a feed of ticks or books. */
  #present(feed: Feed, receivedAtMs: number): void {
    const price = this.#latest;
    if (price === null || feed.type === 'candle' || feed.type === 'trade') return;
    const receivedAt = fromEpochMs(receivedAtMs);
    const missing = missingQuote(price, feed.type);
    if (missing !== null) this.#notify(feed, { kind: 'withdrawn', reason: missing });
    else if (feed.type === 'tick') this.#publish(feed, toOandaTick(price, receivedAt));
    else if (!isCrossed(price)) {
      // The condition is reported before the book.
      if (price.tradeable) this.#report(feed);
      this.#publish(feed, toBook(price, receivedAt));
    }
  }

  #publish(feed: Feed, event: FeedEventDraft | null): void {
    if (event !== null) this.#options.broker.sink.onEvent(feed, event);
  }

  async #ask(feed: Feed): Promise<void> {
    const { rest, broker, symbol } = this.#options;
    try {
      const price = await rest.fetchPrice(symbol, {
        patience: 'wait',
        askers: feed.askers,
        signal: this.#abort.signal,
      });
      if (this.#abort.signal.aborted || !this.#begun || !this.#feeds.has(feed)) return;
      if (price !== null && (this.#latest === null || price.time.ns > this.#latest.time.ns)) this.#latest = price;
      this.#present(feed, broker.clock.now());
      this.#report(feed);
    } catch (error) {
      if (!this.#abort.signal.aborted) broker.logger.warn({ err: error, symbol }, 'price unavailable');
    }
  }

  #reconcileCandles(): void {
    const wanted = new Set([...this.#feeds].map(({ interval }) => interval).filter((interval) => interval !== null));
    for (const [interval, candles] of this.#candles) {
      if (wanted.has(interval)) continue;
      this.#candles.delete(interval);
      candles[Symbol.dispose]();
    }
    for (const interval of wanted) {
      if (this.#candles.has(interval)) continue;
      const candles = this.#openCandles(interval);
      this.#candles.set(interval, candles);
      if (this.#begun) candles.begin();
    }
  }

  #openCandles(interval: CandleInterval): CandleMaker {
    const { symbol, broker, rest, confirmer } = this.#options;
    const listener = this.#candleListener(interval);
    if (!hasHistory(interval)) return new SecondsStream({ symbol, broker, listener });
    const askers: Askers = () => allAskers(this.#feedsOf(interval).map((feed) => feed.askers));
    return new CandleStream({ symbol, interval, broker, history: rest, confirmer, listener, askers });
  }

  #feedsOf(interval: CandleInterval): readonly Feed[] {
    return [...this.#feeds].filter((feed) => feed.interval === interval);
  }

  #candleListener(interval: CandleInterval): CandleListener {
    const { sink } = this.#options.broker;
    const each = (task: (feed: Feed) => void): void => {
      for (const feed of this.#feedsOf(interval)) task(feed);
    };
    return {
      onCandle: (candle) => {
        each((feed) => {
          this.#publish(feed, candle);
          // The last candle of a closed market comes after its close, and opens nothing.
          const reported = this.#reported.get(feed);
          if (reported?.kind === 'closed') sink.onFeed(feed, reported);
        });
      },
      onAwaited: (reason) => {
        each((feed) => {
          this.#notify(feed, { kind: 'recovering', reason });
        });
      },
      onGap: (reason, to) => {
        each((feed) => {
          sink.onFeed(feed, { kind: 'gap', reason, to });
        });
      },
      onLive: () => {
        each((feed) => {
          this.#report(feed);
        });
      },
    };
  }

  #report(feed: Feed): void {
    const condition = this.#conditionOf(feed);
    if (condition !== null) this.#notify(feed, condition);
  }

  #notify(feed: Feed, condition: FeedCondition): void {
    const reported = this.#reported.get(feed);
    if (reported !== undefined && isSameCondition(condition, reported)) return;
    this.#reported.set(feed, condition);
    this.#options.broker.sink.onFeed(feed, condition);
  }

  /** Null if there is nothing to report yet. */
  #conditionOf(feed: Feed): FeedCondition | null {
    if (!this.#isReadable)
      return { kind: 'stale', reason: `The venue's prices of ${this.symbol} make no sense just now.` };
    if (this.#isUndelivered) {
      const reason = `The venue has a newer price of ${this.symbol} than its stream delivers; another connection is being tried.`;
      return { kind: 'stale', reason };
    }
    if (this.#isOverdue) return { kind: 'stale', reason: `The venue sends no price of ${this.symbol}.` };
    if (!this.#begun || this.#latest === null) {
      return this.#lostBecause === null ? null : { kind: 'recovering', reason: this.#lostBecause };
    }
    if (this.#lateSeconds !== null)
      return { kind: 'stale', reason: `What comes of ${this.symbol} is ${this.#lateSeconds} s late.` };
    if (!this.#latest.tradeable) return { kind: 'closed', reason: `The market of ${this.symbol} is closed.` };
    if (feed.type === 'orderbook' && isCrossed(this.#latest)) {
      return { kind: 'recovering', reason: `The venue's quotes of ${this.symbol} cross each other.` };
    }
    const missing = feed.type === 'tick' || feed.type === 'orderbook' ? missingQuote(this.#latest, feed.type) : null;
    if (missing !== null) return { kind: 'withdrawn', reason: missing };
    if (feed.interval !== null && this.#candles.get(feed.interval)?.isLive !== true) return null;
    return { kind: 'live' };
  }

  /** Clocks differ: a price that seems to come from the future has no delay. */
  #noteLatency(price: VenuePrice, receivedAtMs: number): void {
    const { id, metrics } = this.#options.broker;
    metrics.venueLatency.observe({ broker: id }, Math.max(0, receivedAtMs - price.time.ms) / 1_000);
  }
}
