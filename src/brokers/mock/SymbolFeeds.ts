import type { BrokerContext, Feed, FeedCondition } from '../BaseBroker.ts';
import type { CandleDraft, FeedEventDraft, OrderBookDraft } from '../../market/marketData.ts';
import type { FaultKind } from '../../market/mockFault.ts';
import { assertNever } from '../../shared/errors.ts';
import type { FaultSchedule } from './FaultSchedule.ts';
import { MockFeed } from './MockFeed.ts';
import type { MockSymbol, SymbolStep } from './MockSymbol.ts';

export const LOST = 'The connection to the venue was lost.';
/** A late message arrives after this time, if nothing follows that could overtake it. */
const LATEST_MS = 2_000;

/** One beat of the broker's timer. */
export interface Beat {
  readonly nowMs: number;
  /** Milliseconds since the broker's start. */
  readonly atMs: number;
  /** Steps that the market has to make. */
  readonly due: number;
}

/** The standing of a symbol holds from one change of the schedule to the next. */
export interface SymbolStanding {
  readonly isConnected: boolean;
  readonly isHalted: boolean;
}

interface Trouble {
  readonly isLost: boolean;
  readonly isDoubled: boolean;
  readonly isLate: boolean;
  readonly isCrossed: boolean;
}

export interface SymbolFeedsOptions {
  readonly symbol: string;
  readonly market: MockSymbol;
  readonly schedule: FaultSchedule;
  readonly broker: BrokerContext;
}

/**
 * The wanted feeds of one symbol. It moves the symbol's market while there are any, and lets the faults of the schedule
 * happen between the market and the feeds.
 */
export class SymbolFeeds {
  readonly #options: SymbolFeedsOptions;
  #feeds: readonly MockFeed[] = [];
  #standing: SymbolStanding = { isConnected: true, isHalted: false };
  /** When the silence began that is under way; null if none is. */
  #silentSinceMs: number | null = null;
  /** Faults that began before this time have had their effect, or nobody watched. */
  #faultyUntilMs = 0;
  /** When something came last. */
  #sentAtMs = 0;

  constructor(options: SymbolFeedsOptions) {
    this.#options = options;
  }

  get isWanted(): boolean {
    return this.#feeds.length > 0;
  }

  /** Nothing comes at this time. */
  isMute(atMs: number): boolean {
    const { isConnected, isHalted } = this.#standing;
    return !isConnected || isHalted || this.#window('silence', atMs) !== null;
  }

  /** Replaces the set of feeds. Candles that ended while nobody watched are not published. */
  setFeeds(feeds: readonly Feed[], { nowMs, atMs }: Omit<Beat, 'due'>): void {
    const { market, broker } = this.#options;
    if (!this.isWanted && feeds.length > 0) {
      market.closeCandles(nowMs);
      this.#faultyUntilMs = atMs;
      this.#silentSinceMs = null;
    }
    this.#isSilent(atMs);
    const before = this.#feeds;
    this.#feeds = feeds.map(
      (feed) => before.find((each) => each.feed === feed) ?? new MockFeed({ feed, broker, history: market }),
    );
    for (const feed of this.#feeds) if (!before.includes(feed)) feed.report(this.#condition(atMs));
  }

  /** The connection is lost or open again, the market has closed or opened. */
  setStanding(standing: SymbolStanding, { nowMs, atMs }: Omit<Beat, 'due'>): void {
    const before = this.#standing;
    if (before.isConnected === standing.isConnected && before.isHalted === standing.isHalted) return;
    for (const feed of this.#feeds) feed.flush();
    this.#standing = standing;
    if (!before.isConnected && standing.isConnected) for (const feed of this.#feeds) feed.backfill(nowMs);
    const condition = this.#condition(atMs);
    for (const feed of this.#feeds) {
      if (condition.kind !== 'live') feed.report(condition);
      else if (feed.feed.type === 'tick' || feed.feed.type === 'orderbook') feed.restart();
      else feed.report(condition);
    }
  }

  /** A fresh snapshot takes the place of the book's next change. */
  resync(feed: Feed): void {
    this.#feeds.find((each) => each.feed === feed)?.restart();
  }

  /** See BaseBroker.continueBehind. */
  continueBehind(feed: Feed, place: number): void {
    this.#feeds.find((each) => each.feed === feed)?.continueBehind(place);
  }

  beat(beat: Beat): void {
    if (this.#standing.isHalted) this.#closeCandles(beat);
    else if (this.#isSilent(beat.atMs)) this.#noteSilence(beat.atMs);
    else this.#move(beat);
  }

  #move(beat: Beat): void {
    const { nowMs, atMs, due } = beat;
    const { market } = this.#options;
    const trouble = this.#trouble(atMs);
    this.#closeCandles(beat, trouble);
    const steps = market.hasBegun ? due : Math.max(1, due);
    for (let count = 0; count < steps; count += 1) {
      const step = market.step(nowMs, !trouble.isLost);
      if (this.#standing.isConnected) this.#sendStep(step, trouble);
    }
    if (steps > 0) {
      this.#faultyUntilMs = atMs;
      this.#sentAtMs = atMs;
    } else if (this.#standing.isConnected) this.#sendPresent(nowMs, trouble);
    if (atMs - this.#sentAtMs >= LATEST_MS) for (const feed of this.#feeds) feed.flush();
  }

  #closeCandles({ nowMs }: Beat, trouble: Trouble = NO_TROUBLE): void {
    const candles = this.#options.market.closeCandles(nowMs, !trouble.isLost);
    if (this.#standing.isConnected) this.#sendCandles(candles, trouble);
  }

  #sendStep(step: SymbolStep, trouble: Trouble): void {
    for (const feed of this.#feeds) {
      switch (feed.feed.type) {
        case 'tick':
          // The next tick replaces one that is lost.
          feed.begin();
          feed.send(step.tick(), { ...trouble, isLost: false });
          break;
        case 'orderbook':
          this.#sendBook(feed, step, trouble);
          break;
        case 'trade':
          feed.begin();
          for (const trade of step.trades()) feed.send(trade, trouble);
          break;
        case 'candle':
          feed.begin();
          for (const candle of ofInterval(feed, step.candles)) feed.send(candle, trouble);
          break;
        default:
          assertNever(feed.feed.type);
      }
    }
  }

  #sendBook(feed: MockFeed, step: SymbolStep, trouble: Trouble): void {
    if (!feed.isFresh) feed.send(trouble.isCrossed ? crossed(step) : step.delta(), trouble);
    // As long as the venue's book is crossed, its snapshot is too.
    else if (!trouble.isCrossed) feed.sendSnapshot(step.book());
  }

  /** Publishes the present state to feeds that begin, if their symbol has no step due. */
  #sendPresent(nowMs: number, trouble: Trouble): void {
    for (const feed of this.#feeds) {
      if (!feed.isFresh) continue;
      if (feed.feed.type === 'orderbook') {
        if (!trouble.isCrossed) feed.sendSnapshot(this.#options.market.book(nowMs));
        continue;
      }
      feed.begin();
      const draft = this.#present(feed.feed, nowMs);
      if (draft !== null) feed.send(draft, NO_TROUBLE);
    }
  }

  #present({ type, interval }: Feed, nowMs: number): FeedEventDraft | null {
    const { market } = this.#options;
    if (type === 'tick') return market.tick(nowMs);
    return interval === null ? null : market.candle(interval, nowMs);
  }

  #sendCandles(candles: readonly CandleDraft[], trouble: Trouble): void {
    for (const candle of candles) {
      for (const feed of this.#feeds) if (feed.feed.interval === candle.interval) feed.send(candle, trouble);
    }
  }

  #isSilent(atMs: number): boolean {
    const window = this.#window('silence', atMs);
    this.#silentSinceMs = window === null ? null : (this.#silentSinceMs ?? window.startMs);
    return window !== null;
  }

  #noteSilence(atMs: number): void {
    const condition = this.#condition(atMs);
    for (const feed of this.#feeds) {
      feed.flush();
      if (condition.kind === 'stale') feed.report(condition);
    }
  }

  #condition(atMs: number): FeedCondition {
    const { symbol, broker } = this.#options;
    if (!this.#standing.isConnected) return { kind: 'recovering', reason: LOST };
    if (this.#standing.isHalted) return { kind: 'closed', reason: `The market of ${symbol} is closed.` };
    if (this.#silentSinceMs === null || atMs - this.#silentSinceMs < broker.staleAfterMs) return { kind: 'live' };
    return { kind: 'stale', reason: `Nothing has come of ${symbol} for ${Math.round(broker.staleAfterMs / 1_000)} s.` };
  }

  /** Applies the schedule to the messages of this time. A fault that was over before a message could come hits the next one. */
  #trouble(atMs: number): Trouble {
    const { schedule, symbol } = this.#options;
    const isOn = (kind: FaultKind): boolean =>
      schedule.recent(kind, symbol, { sinceMs: this.#faultyUntilMs, atMs }) !== null;
    return {
      isLost: isOn('gap'),
      isDoubled: isOn('duplicate'),
      isLate: isOn('outOfOrder'),
      isCrossed: isOn('crossedBook'),
    };
  }

  #window(kind: FaultKind, atMs: number): ReturnType<FaultSchedule['at']> {
    return this.#options.schedule.at(kind, this.#options.symbol, atMs);
  }
}

const NO_TROUBLE: Trouble = { isLost: false, isDoubled: false, isLate: false, isCrossed: false };

function ofInterval({ feed }: MockFeed, candles: readonly CandleDraft[]): readonly CandleDraft[] {
  return candles.filter(({ interval }) => interval === feed.interval);
}

/** The changes of a step, and a bid at the best ask, where the step may have removed one. */
function crossed(step: SymbolStep): OrderBookDraft {
  const delta = step.delta();
  const { ask, askSize } = step.tick();
  if (askSize === null) return delta;
  const others = delta.bids.filter(({ price }) => price !== ask);
  return { ...delta, bids: [{ price: ask, size: askSize }, ...others] };
}
