import { isSameCondition } from '../BaseBroker.ts';
import type { BrokerContext, Feed, FeedCondition } from '../BaseBroker.ts';
import { Sequencer } from '../Sequencer.ts';
import type { Numbered } from '../Sequencer.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { FeedEventDraft, OrderBookDraft, TradeDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { assertNever } from '../../shared/errors.ts';
import { FaultyWire } from './FaultyWire.ts';
import type { WireFaults } from './FaultyWire.ts';
import type { MockSymbol } from './MockSymbol.ts';

/** A hole is given up before a second message waits behind it, so that little is held back. */
const MAX_HELD = 16;

/** The feed reads this of what its venue keeps. */
export type VenueHistory = Pick<MockSymbol, 'lastTradeId' | 'keptTradesBehind' | 'keptCandles' | 'hasLostCandle'>;

export interface MockFeedOptions {
  readonly feed: Feed;
  readonly broker: BrokerContext;
  readonly history: VenueHistory;
}

/**
 * One wanted feed. It takes what its market sends over a wire that may be faulty, and reports to the sink what an
 * adapter makes of that: each message once and in order; lost trades and candles as a gap; a book that has lost changes
 * as recovering, until its next snapshot.
 */
export class MockFeed {
  readonly feed: Feed;
  readonly #options: MockFeedOptions;
  readonly #wire = new FaultyWire<FeedEventDraft>();
  readonly #sequencer = new Sequencer<FeedEventDraft>({ maxHeld: MAX_HELD });
  #reported: FeedCondition | null = null;
  /** Its next event makes it live. */
  #isAwaited = false;
  /** It begins with its next message: a book with a snapshot, any other feed with the present state. */
  #isFresh = true;
  /** Subscribers have all trades up to this one; null before the first. */
  #lastTradeId: number | null = null;
  /** Subscribers have all closed candles that opened before this time; null before the first. */
  #candlesUntilMs: number | null = null;

  constructor(options: MockFeedOptions) {
    this.#options = options;
    this.feed = options.feed;
    this.#sequencer.restart(this.#wire.sent);
  }

  get isFresh(): boolean {
    return this.#isFresh;
  }

  report(condition: FeedCondition): void {
    this.#isAwaited = condition.kind !== 'live';
    if (this.#reported !== null && isSameCondition(condition, this.#reported)) return;
    this.#reported = condition;
    this.#options.broker.sink.onFeed(this.feed, condition);
  }

  /** Its next event makes it live, and it begins with its present state. The sink knows why. */
  restart(): void {
    this.#reported = null;
    this.#isAwaited = true;
    this.#isFresh = true;
  }

  /** Its present state was sent, or there is none. */
  begin(): void {
    this.#isFresh = false;
  }

  /** Publishes the whole book, which does not come over the wire. Changes that are on their way are in it already. */
  sendSnapshot(book: OrderBookDraft): void {
    this.#isFresh = false;
    this.#sequencer.restart(this.#wire.sent);
    this.#emit(book);
  }

  send(draft: FeedEventDraft, faults: WireFaults): void {
    this.#receive(this.#wire.send(draft, faults));
  }

  /** Nothing follows for now: what is late arrives. */
  flush(): void {
    if (this.#wire.hasLate) this.#receive(this.#wire.arrive());
  }

  /** Fetches what was missed while nothing could come. What the venue does not have any more is a gap. */
  backfill(nowMs: number): void {
    const { history } = this.#options;
    const { interval } = this.feed;
    if (this.#lastTradeId !== null) {
      for (const trade of history.keptTradesBehind(this.#lastTradeId, nowMs)) {
        if (this.#missingBefore(trade) > 0) this.#countGap();
        this.#publishTrade(trade);
      }
    }
    if (interval === null || this.#candlesUntilMs === null) return;
    const closed = history.keptCandles(interval, this.#candlesUntilMs, nowMs);
    if (this.#hasLostCandles(nowMs)) {
      this.#countGap();
      this.#reportCandleGap(closed[0]?.time ?? null);
    }
    for (const candle of closed) this.#emit(candle);
  }

  /** See BaseBroker.continueBehind. */
  continueBehind(place: number): void {
    const { symbol, type, interval } = this.feed;
    if (type === 'trade' && place > this.#options.history.lastTradeId) {
      this.#countGap();
      this.#reportGap(`The market of ${symbol} numbers its trades anew; some may be missing.`, null);
    } else if (type === 'trade') this.#lastTradeId ??= place;
    if (interval !== null) this.#candlesUntilMs ??= place + CANDLE_INTERVALS[interval];
  }

  #receive(messages: readonly Numbered<FeedEventDraft>[]): void {
    for (const { venueId, item } of messages) {
      const hadHole = this.#sequencer.hasHole;
      const verdict = this.#sequencer.push(venueId, item);
      if (verdict === 'publish') {
        this.#publish(item);
        this.#release();
      } else if (verdict !== 'drop' && !hadHole) this.#countGap();
    }
    // Whatever was only late has arrived by now.
    if (this.#sequencer.hasHole) this.#giveUpHole();
  }

  #release(): void {
    for (const { item } of this.#sequencer.drain()) this.#publish(item);
  }

  #giveUpHole(): void {
    if (this.feed.type === 'orderbook') {
      this.#resync();
      return;
    }
    for (let hole = this.#sequencer.skipHole(); hole !== null; hole = this.#sequencer.skipHole()) {
      const { next } = hole;
      if (next.type === 'candle' && this.#hasLostCandles(toEpochMs(next.openTime))) this.#reportCandleGap(next.time);
      this.#release();
    }
  }

  #publish(draft: FeedEventDraft): void {
    switch (draft.type) {
      case 'trade':
        this.#publishTrade(draft);
        break;
      case 'orderbook':
        // The sink may find the book to be wrong while changes of it are published.
        if (!this.#isFresh) this.#emit(draft);
        break;
      case 'candle':
        if (toEpochMs(draft.openTime) >= (this.#candlesUntilMs ?? 0)) this.#emit(draft);
        break;
      case 'tick':
        this.#emit(draft);
        break;
      default:
        assertNever(draft);
    }
  }

  /** The venue's own ids show what is missing before a trade, and whether subscribers have it from history. */
  #publishTrade(trade: TradeDraft): void {
    const missing = this.#missingBefore(trade);
    if (missing < 0) return;
    if (missing > 0) {
      const lastId = Number(trade.tradeId) - 1;
      const ids = `ids ${lastId - missing + 1} to ${lastId}`;
      this.#reportGap(`${missing} trades of ${this.feed.symbol} are missing: ${ids}.`, trade.time);
    }
    this.#emit(trade);
  }

  #missingBefore(trade: TradeDraft): number {
    return this.#lastTradeId === null ? 0 : Number(trade.tradeId) - this.#lastTradeId - 1;
  }

  #hasLostCandles(untilMs: number): boolean {
    const { interval } = this.feed;
    const fromMs = this.#candlesUntilMs;
    return interval !== null && fromMs !== null && this.#options.history.hasLostCandle(interval, fromMs, untilMs);
  }

  #emit(draft: FeedEventDraft): void {
    if (draft.type === 'trade') this.#lastTradeId = Number(draft.tradeId);
    else if (draft.type === 'candle') this.#candlesUntilMs = toEpochMs(draft.closed ? draft.closeTime : draft.openTime);
    // The last candle of a closed market comes after its close, and opens nothing.
    if (this.#isAwaited && this.#reported?.kind !== 'closed') this.report({ kind: 'live' });
    this.#options.broker.sink.onEvent(this.feed, draft);
  }

  #resync(): void {
    const { id: broker, metrics } = this.#options.broker;
    metrics.resyncs.inc({ broker, reason: 'gap' });
    this.report({ kind: 'recovering', reason: 'Updates of the book were lost; it is being fetched anew.' });
    this.#isFresh = true;
  }

  #reportCandleGap(to: Timestamp | null): void {
    this.#reportGap(`Closed candles of ${this.feed.symbol} are missing.`, to);
  }

  #reportGap(reason: string, to: Timestamp | null): void {
    this.#options.broker.sink.onFeed(this.feed, { kind: 'gap', reason, to });
  }

  #countGap(): void {
    const { id: broker, metrics } = this.#options.broker;
    metrics.gaps.inc({ broker, type: this.feed.type });
  }
}
