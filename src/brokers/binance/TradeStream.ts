import type { TradeDraft } from '../../market/marketData.ts';
import { sleep } from '../../shared/clock.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import type { Feed } from '../BaseBroker.ts';
import { Sequencer } from '../Sequencer.ts';
import type { SequencerVerdict } from '../Sequencer.ts';
import { MarketStream } from './MarketStream.ts';
import { StuckWatch } from './StuckWatch.ts';
import type { StreamOptions } from './StreamContext.ts';
import type { TradeMode } from './streamNames.ts';
import { parseAggregateTrade, parseTrade, toTrade } from './streamMessages.ts';

/** Bound of the trades that wait behind a hole; beyond it the hole is given up. */
const MAX_HELD = 5_000;
/** Bound of the trades that are fetched after an outage. */
const MAX_REFETCHED = 5_000;
/** How long a missing trade is awaited before history is asked: it may come over another connection. */
const HOLE_PATIENCE_MS = 200;
/** Pause between two questions: the venue's history may be a moment behind its stream. */
const HISTORY_LAG_MS = 500;
const FILL_ROUNDS = 3;

export interface TradeStreamOptions extends StreamOptions {
  readonly mode: TradeMode;
}

/**
 * Executions, each once and in the venue's order. The venue's ids are consecutive: what is missing, in the stream or
 * after an outage, is fetched from the venue's history while later ones wait, and reported as a gap if it can't be had.
 */
export class TradeStream extends MarketStream {
  protected readonly ticks = false;
  readonly #parse: typeof parseTrade;
  readonly #sequencer = new Sequencer<TradeDraft>({ maxHeld: MAX_HELD });
  readonly #stuck = new StuckWatch();
  #interrupted = false;
  /** The venue's time of the newest trade that came; null before the first. */
  #lastTradedMs: number | null = null;
  /** Cancels the filling of a hole that is under way; null if none is. */
  #fill: AbortController | null = null;

  constructor({ mode, ...options }: TradeStreamOptions) {
    super(options);
    this.#parse = mode === 'individual' ? parseTrade : parseAggregateTrade;
  }

  resync(): void {
    // Nothing that was published can be taken back.
  }

  override continueBehind(_feed: Feed, tradeId: number): void {
    this.#sequencer.expectBehind(tradeId);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#endFill();
  }

  protected handle(data: unknown, receivedAtMs: number): boolean {
    const message = this.#parse(data);
    if (message === undefined || this.isAhead(Math.max(message.tradedAt, message.sentAt), receivedAtMs)) return false;
    this.noteSent(message.tradedAt, receivedAtMs);
    this.#lastTradedMs = message.tradedAt;
    const trade = toTrade(message, this.context.stamp(receivedAtMs));
    const verdict = this.#take(message.venueId, trade, message.tradedAt);
    if (verdict === 'overflow') this.#settle();
    else if (verdict === 'hold' && this.#fill === null) {
      if (!this.#interrupted) this.#countGap();
      void this.#fillHole(HOLE_PATIENCE_MS);
    }
    return true;
  }

  protected async isBehind(options: AskOptions): Promise<boolean> {
    const newestMs = await this.context.history.fetchLastTradeMs(this.symbol, options);
    if (newestMs === null) return false;
    return newestMs > (this.#lastTradedMs ?? (await this.subscribedVenueMs(options)));
  }

  protected begin(): void {
    if (this.#fill !== null) return;
    if (this.#interrupted && this.#sequencer.lastId !== null) void this.#fillHole(0);
    else this.#settle();
  }

  protected interrupt(): void {
    this.#interrupted = true;
    this.#stuck.interrupted();
    this.#endFill();
  }

  /** `tradedMs`: the venue's time of a trade that the stream has delivered. */
  #take(venueId: number, trade: TradeDraft, tradedMs?: number): SequencerVerdict {
    const verdict = this.#sequencer.push(venueId, trade);
    if (verdict === 'drop') {
      if (!this.#stuck.ignored(this.context.broker.clock.monotonic(), tradedMs)) return verdict;
      this.#beginAnew(trade);
      return this.#take(venueId, trade, tradedMs);
    }
    this.#stuck.accepted(tradedMs);
    if (verdict === 'publish') {
      this.publish(trade);
      if (this.#sequencer.hasHole) this.#release();
    }
    return verdict;
  }

  /** The id of `next` is lower than those before: what is missing between the two numberings can't be known. */
  #beginAnew(next: TradeDraft): void {
    const reason = `The venue numbers the trades of ${this.symbol} anew`;
    this.#endFill();
    this.setCondition({ kind: 'recovering', reason: `${reason}.` });
    this.#sequencer.restart();
    this.#interrupted = false;
    this.setCondition({ kind: 'live' });
    this.#countGap();
    this.reportGap(`${reason}; some may be missing.`, next.time);
  }

  #release(): void {
    for (const { item } of this.#sequencer.drain()) this.publish(item);
  }

  async #fillHole(patienceMs: number): Promise<void> {
    const fill = new AbortController();
    this.#fill = fill;
    const { signal } = fill;
    const { clock } = this.context.broker;
    await sleep(clock, patienceMs, signal);
    let isWorthwhile = this.#interrupted || this.#sequencer.hasHole;
    for (let round = 0; round < FILL_ROUNDS && isWorthwhile && !signal.aborted; round += 1) {
      if (round > 0) await sleep(clock, HISTORY_LAG_MS, signal);
      isWorthwhile = (await this.#fetchMissing(signal)) && this.#sequencer.hasHole;
    }
    if (!signal.aborted) this.#settle();
  }

  /** Returns false if asking again would not help. */
  async #fetchMissing(signal: AbortSignal): Promise<boolean> {
    const lastId = this.#sequencer.lastId;
    if (lastId === null || signal.aborted) return false;
    const found = await this.fetchPatiently((patience) => {
      const missed = { afterVenueId: lastId, maxCount: MAX_REFETCHED };
      return this.context.history.fetchTradesSince(this.symbol, missed, this.askOptions(patience));
    }, signal);
    if (signal.aborted) return false;
    for (const { venueId, trade } of found?.trades ?? []) this.#take(venueId, trade);
    const { lastId: reachedId, hasHole } = this.#sequencer;
    const isComplete = found?.complete ?? false;
    if (!isComplete && !hasHole && reachedId === lastId) {
      this.#countGap();
      this.reportGap(`Trades of ${this.symbol} after id ${lastId} may be missing.`);
    }
    return isComplete || reachedId !== lastId;
  }

  /** Gives up what is still missing; from here on the stream is complete. */
  #settle(): void {
    this.#endFill();
    for (let hole = this.#sequencer.skipHole(); hole !== null; hole = this.#sequencer.skipHole()) {
      const { fromId, toId, next } = hole;
      // A hole in the stream itself was counted when it opened.
      if (this.#interrupted) this.#countGap();
      this.reportGap(`${toId - fromId + 1} trades of ${this.symbol} are missing: ids ${fromId} to ${toId}.`, next.time);
      this.#release();
    }
    this.#interrupted = false;
    this.setCondition({ kind: 'live' });
  }

  #endFill(): void {
    this.#fill?.abort();
    this.#fill = null;
  }

  #countGap(): void {
    const { id: broker, metrics } = this.context.broker;
    metrics.gaps.inc({ broker, type: 'trade' });
  }
}
