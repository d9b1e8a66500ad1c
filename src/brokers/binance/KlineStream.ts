import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import type { Feed } from '../BaseBroker.ts';
import { CandleSequencer, SecondsJoiner } from './CandleSequencer.ts';
import type { CandlePlace } from './CandleSequencer.ts';
import { MarketStream } from './MarketStream.ts';
import { StuckWatch } from './StuckWatch.ts';
import type { StreamOptions } from './StreamContext.ts';
import { fromKline, parseCandle } from './streamMessages.ts';
import type { CandleMessage } from './streamMessages.ts';
import type { KlineInterval } from './streamNames.ts';

/**
 * Bound of the updates that wait for history; beyond it they are published without it. Only the newest update of an
 * open candle waits.
 */
const MAX_HELD = 500;
/**
 * How long a missing final update is awaited: it may come after the first update of the next candle, and history has it
 * later still.
 */
const HOLE_PATIENCE_MS = 1_000;
/** A stream of candles that has never delivered is looked into after this time, or after the first candle if that is shorter. */
const LONGEST_PATIENCE_MS = 60_000;
/** Bound of the candles that are fetched after an interruption. */
const MAX_REFETCHED = 5_000;

export interface KlineStreamOptions extends StreamOptions {
  readonly interval: KlineInterval;
}

interface Update {
  readonly place: CandlePlace;
  readonly candle: CandleDraft;
}

/**
 * Candles of one interval, each closed once, by the venue's own flag. After an interruption the closed ones that were
 * missed are fetched and come first. From seconds, those of five seconds are made, too.
 */
export class KlineStream extends MarketStream {
  protected readonly ticks = false;
  readonly #interval: KlineInterval;
  #sequencer = new CandleSequencer();
  readonly #stuck = new StuckWatch();
  #joiner: SecondsJoiner | null;
  /** Cancels the fetching of history that is under way. */
  #history: AbortController | null = null;
  #held: Update[] = [];
  /** Runs while a missing final update of a candle is awaited. */
  #hole: Disposable | null = null;
  /** Something may have been missed, and has not been fetched yet. */
  #interrupted = false;
  /** As the stream gave it last; null before the first. */
  #last: CandleDraft | null = null;

  constructor({ interval, ...options }: KlineStreamOptions) {
    super(options);
    this.#interval = interval;
    this.#joiner = interval === '1s' ? new SecondsJoiner() : null;
  }

  resync(): void {
    if (!this.isSubscribed) return;
    this.interrupt();
    this.begin();
  }

  override continueBehind({ interval }: Feed, openMs: number): void {
    const ownMs = CANDLE_INTERVALS[this.#interval];
    const lengthMs = interval === null ? ownMs : CANDLE_INTERVALS[interval];
    this.#sequencer.expectBehind(openMs + lengthMs - ownMs);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#endHistory();
  }

  protected handle(data: unknown, receivedAtMs: number): boolean {
    const message = parseCandle(data);
    if (message === undefined || !this.#isOurs(message) || this.isAhead(message.sentAt, receivedAtMs)) return false;
    this.noteSent(message.sentAt, receivedAtMs);
    const candle = fromKline(message, this.#interval, this.context.stamp(receivedAtMs));
    this.#last = candle;
    const update = { place: message, candle };
    // Data may come before the subscription is acknowledged.
    if (this.#history !== null || this.#interrupted) this.#hold(update);
    else this.#passInOrder(update);
    return true;
  }

  protected override get untriedPatienceMs(): number {
    return Math.min(CANDLE_INTERVALS[this.#interval], LONGEST_PATIENCE_MS);
  }

  /** Compares the venue's newest candle with the stream's. If it is empty, any trade since then counts. */
  protected async isBehind(options: AskOptions): Promise<boolean> {
    const query = { symbol: this.symbol, interval: this.#interval, fromMs: null, toMs: null, limit: 1 };
    const [newest] = await this.context.history.fetchCandles(query, options);
    if (newest === undefined) return false;
    const last = this.#last;
    if (last !== null && hasMore(newest, last)) return true;
    const sinceMs = last === null ? await this.subscribedVenueMs(options) : toEpochMs(last.time);
    if (last === null && toEpochMs(newest.openTime) >= sinceMs && newest.tradeCount !== 0) return true;
    const tradedMs = await this.context.history.fetchLastTradeMs(this.symbol, options);
    return tradedMs !== null && tradedMs > sinceMs;
  }

  protected begin(): void {
    if (this.#history !== null) return;
    const resumeAt = this.#sequencer.resumeAt;
    if (resumeAt !== null) void this.#fetchMissed(resumeAt);
    else if (this.#joiner !== null && this.#isJoined) void this.#fetchBeginning(this.#joiner);
    else {
      this.#joiner?.skipUntil(this.#nextJoinedAt);
      this.#goLive();
    }
  }

  protected interrupt(): void {
    this.#stuck.interrupted();
    this.#interrupted = this.#sequencer.resumeAt !== null;
    this.#endHistory();
    // History will have both what was missed and what waited for it.
    this.#held = [];
  }

  /** A candle of this interval; a halt may cut one short, but nothing makes it longer. */
  #isOurs({ interval, openAt, lastAt }: CandleMessage): boolean {
    return interval === this.#interval && lastAt < openAt + CANDLE_INTERVALS[this.#interval];
  }

  get #isJoined(): boolean {
    return this.feeds.some(({ interval }) => interval !== this.#interval);
  }

  /** When the next candle of five seconds opens. */
  get #nextJoinedAt(): number {
    const lengthMs = CANDLE_INTERVALS['5s'];
    return (Math.floor(this.context.broker.clock.now() / lengthMs) + 1) * lengthMs;
  }

  /** An update behind a candle that was not closed waits for its final update a moment, and then for history. */
  #passInOrder(update: Update): void {
    if (this.#leavesHole(update)) {
      this.#hold(update);
      const resumeAt = this.#sequencer.resumeAt;
      this.#hole ??= this.context.broker.clock.after(HOLE_PATIENCE_MS, () => {
        this.#hole = null;
        if (resumeAt !== null) void this.#fetchMissed(resumeAt);
      });
      return;
    }
    this.#pass(update);
    for (let next = this.#held[0]; next !== undefined && !this.#leavesHole(next); next = this.#held[0]) {
      this.#held.shift();
      this.#pass(next);
    }
    if (this.#held.length === 0) this.#endHole();
  }

  #leavesHole({ place }: Update): boolean {
    return this.#sequencer.leavesHole(place, CANDLE_INTERVALS[this.#interval]);
  }

  #endHole(): void {
    this.#hole?.[Symbol.dispose]();
    this.#hole = null;
  }

  #pass({ place, candle }: Update): void {
    if (!this.#sequencer.accept(place)) {
      if (!this.#isStuck(place)) return;
      this.#beginAnew(candle);
      this.#sequencer.accept(place);
    }
    this.#stuck.accepted();
    this.#emit(candle);
    if (this.#joiner !== null) for (const joined of this.#joiner.add(candle)) this.#emit(joined);
  }

  /** True if one candle with wrong times has made all that followed look old. */
  #isStuck(place: CandlePlace): boolean {
    // History has what is known, and a final update may come again and again.
    if (place.sentAt === null || this.#sequencer.isClosed(place)) return false;
    return this.#stuck.ignored(this.context.broker.clock.monotonic());
  }

  #beginAnew(next: CandleDraft): void {
    this.setCondition({ kind: 'recovering', reason: `The times of the candles of ${this.symbol} begin anew.` });
    const since = this.#sequencer.resumeAt;
    this.#sequencer = new CandleSequencer();
    if (since !== null) this.#reportMissing(since, next);
    this.setCondition({ kind: 'live' });
  }

  #emit(candle: CandleDraft): void {
    const { sink } = this.context.broker;
    for (const feed of this.feeds) if (feed.interval === candle.interval) sink.onEvent(feed, candle);
  }

  #hold(update: Update): void {
    const last = this.#held.at(-1);
    if (last !== undefined && !last.place.closed && last.place.openAt === update.place.openAt) this.#held.pop();
    this.#held.push(update);
    if (this.#held.length > MAX_HELD) this.#giveUp();
  }

  /** Fetches all candles since the last closed one, which is not published again. */
  async #fetchMissed(sinceMs: number): Promise<void> {
    const lengthMs = CANDLE_INTERVALS[this.#interval];
    const oldestMs = this.context.broker.clock.now() - (MAX_REFETCHED - 2) * lengthMs;
    const fromMs = Math.max(sinceMs, Math.ceil(oldestMs / lengthMs) * lengthMs);
    const candles = await this.#fetch(fromMs);
    if (candles === 'aborted') return;
    if (candles === null || fromMs > sinceMs) this.#reportMissing(sinceMs, candles?.[0] ?? this.#held[0]?.candle);
    for (const candle of candles ?? []) {
      const update = fromHistory(candle);
      const isOutdated = !candle.closed && this.#held.some(({ place }) => place.openAt === update.place.openAt);
      if (isOutdated) continue;
      this.#pass(update);
    }
    const [next] = this.#held;
    if (next !== undefined && this.#leavesHole(next)) {
      this.#reportMissing(this.#sequencer.resumeAt ?? sinceMs, next.candle);
    }
    this.#goLive();
  }

  /** Fetches the seconds of the present candle of five seconds that came before the subscription. */
  async #fetchBeginning(joiner: SecondsJoiner): Promise<void> {
    const nextAt = this.#nextJoinedAt;
    const candles = await this.#fetch(nextAt - CANDLE_INTERVALS['5s']);
    if (candles === 'aborted') return;
    if (candles === null) joiner.skipUntil(nextAt);
    for (const candle of candles ?? []) for (const joined of joiner.add(candle)) this.#emit(joined);
    this.#goLive();
  }

  /** Null if the venue did not give them. Updates that come meanwhile are held. */
  async #fetch(fromMs: number): Promise<readonly CandleDraft[] | null | 'aborted'> {
    const history = new AbortController();
    this.#history = history;
    const query = { symbol: this.symbol, interval: this.#interval, fromMs, toMs: null, limit: MAX_REFETCHED };
    const candles = await this.fetchPatiently(
      (signal) => this.context.history.fetchCandles(query, this.askOptions(signal)),
      history.signal,
    );
    return history.signal.aborted ? 'aborted' : candles;
  }

  #giveUp(): void {
    const resumeAt = this.#sequencer.resumeAt;
    if (resumeAt !== null) this.#reportMissing(resumeAt, this.#held[0]?.candle);
    this.#goLive();
  }

  #goLive(): void {
    this.#interrupted = false;
    this.#endHistory();
    this.#release();
    this.setCondition({ kind: 'live' });
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    // The final update of one may come behind the first of the next, or not at all.
    for (const update of held) this.#passInOrder(update);
  }

  #endHistory(): void {
    this.#endHole();
    this.#history?.abort();
    this.#history = null;
  }

  /** `next`: the first candle behind what is missing, if it is known. */
  #reportMissing(sinceMs: number, next: CandleDraft | undefined): void {
    this.#sequencer.forgiveHole();
    if (this.#joiner !== null) {
      // The candle in progress would lack seconds.
      this.#joiner = new SecondsJoiner();
      this.#joiner.skipUntil(next === undefined ? this.#nextJoinedAt : joinedAtOrAfter(toEpochMs(next.openTime)));
    }
    const { id: broker, metrics } = this.context.broker;
    metrics.gaps.inc({ broker, type: 'candle' });
    this.reportGap(`Candles of ${this.symbol} since ${fromEpochMs(sinceMs)} may be missing.`, next?.time);
  }
}

/** When the first candle of five seconds opens from this time on. */
function joinedAtOrAfter(epochMs: number): number {
  const lengthMs = CANDLE_INTERVALS['5s'];
  return Math.ceil(epochMs / lengthMs) * lengthMs;
}

/** True if a candle of the venue's history has more trades than the one that came last, or follows it and has any. */
function hasMore(present: CandleDraft, last: CandleDraft): boolean {
  const openMs = toEpochMs(present.openTime);
  const lastOpenMs = toEpochMs(last.openTime);
  if (openMs !== lastOpenMs) return openMs > lastOpenMs && present.tradeCount !== 0;
  // History may be a moment behind the stream, and then has fewer.
  return (present.tradeCount ?? 0) > (last.tradeCount ?? 0);
}

function fromHistory(candle: CandleDraft): Update {
  return { place: { openAt: toEpochMs(candle.openTime), sentAt: null, closed: candle.closed }, candle };
}
