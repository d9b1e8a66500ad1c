import type { Decimal } from '../../market/decimal.ts';
import type { OrderBookDraft, PriceLevel } from '../../market/marketData.ts';
import { OrderBook } from '../../market/OrderBook.ts';
import { sleep } from '../../shared/clock.ts';
import { assertNever, GatewayError } from '../../shared/errors.ts';
import { deadline } from '../../shared/deadline.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';
import { BookCheck } from './BookCheck.ts';
import type { CheckVerdict, KnownDepth } from './BookCheck.ts';
import { BookRefresh } from './BookRefresh.ts';
import { DepthSequencer } from './DepthSequencer.ts';
import type { DiffRange } from './DepthSequencer.ts';
import { MarketStream } from './MarketStream.ts';
import { StuckWatch } from './StuckWatch.ts';
import type { StreamOptions } from './StreamContext.ts';
import type { DepthSnapshot } from './restReplies.ts';
import { parseDepth, toBookDelta, toBookSnapshot } from './streamMessages.ts';

/**
 * Bound of the diffs kept for a snapshot to come, a hundred seconds of them. Beyond it all but the newest are dropped.
 */
const MAX_BUFFERED = 1_000;
/** A halted market sends no diff: then the snapshot alone is the book. */
const FIRST_DIFF_PATIENCE_MS = 2_000;
/** Delays between requests: a second one at once would get the same snapshot. */
const REFETCH = { baseMs: 250, maxMs: 5_000 };
const MAX_SYNCS_PER_MINUTE = 5;
/**
 * How often a book is fetched again. Levels beyond its snapshot are unknown until they change, and a market that moves
 * far reaches them.
 */
const REFRESH_MS = 1_800_000;

/** Levels of each side that are compared with the venue's own, as many as have the smallest weight. */
const CHECKED_LEVELS = 100;
/** Changes are noted this long before the venue is asked, for its answer may be older than its stream. */
const CHECK_LEAD_MS = 1_000;
/** A comparison is given up if the venue's answer, or the changes up to it, take longer than this. */
const CHECK_PATIENCE_MS = 10_000;

/** Snapshots are fetched one by one: after an outage every book needs one, and other requests have to get through, too. */
const SNAPSHOTS = 'snapshots';

type ResyncReason = 'gap' | 'mismatch' | 'overflow' | 'reconnect' | 'requested' | 'stuck';

interface ReceivedDiff extends DiffRange {
  /** The venue's time. */
  readonly sentAt: number;
  readonly delta: OrderBookDraft;
}

/**
 * An order book: the whole book once it is in step with the venue, then each change. Whenever it is out of step, that
 * is reported, and it begins again from a snapshot.
 */
export class DepthStream extends MarketStream {
  protected readonly ticks = true;
  readonly #stuck = new StuckWatch();
  readonly #syncs: SlidingWindow;
  #sequencer = newSequencer();
  /** Cancels the attempt to get in step that is under way. */
  #sync: AbortController | null = null;
  /** Runs while the first diff, or the next refresh, is awaited. */
  #timer: Disposable | null = null;
  #refresh: BookRefresh<ReceivedDiff> | null = null;
  #interrupted = false;
  /** As it is published. */
  readonly #book = new OrderBook();
  #known: KnownDepth = { bid: null, ask: null };
  /** The comparison with the venue's own book that is under way. */
  #check: { readonly state: BookCheck; readonly abort: AbortController } | null = null;

  constructor(options: StreamOptions) {
    super(options);
    const { clock } = options.context.broker;
    this.#syncs = new SlidingWindow({ limit: MAX_SYNCS_PER_MINUTE, windowMs: 60_000, clock });
  }

  resync(): void {
    if (!this.isSubscribed) return;
    this.#restart('requested', 'The book was found to be wrong; it is being fetched anew.');
  }

  /**
   * Compares the published book with the venue's own, and begins it again if they differ. Does nothing while it is out
   * of step. Resolves when that is done; never rejects.
   */
  async check(): Promise<void> {
    const { bookId } = this.#sequencer;
    if (!this.isSubscribed || bookId === null || this.#refresh !== null || this.#check !== null) return;
    const state = new BookCheck({ book: this.#book, bookId, known: this.#known, levels: CHECKED_LEVELS });
    const abort = new AbortController();
    this.#check = { state, abort };
    const snapshot = await this.#fetchChecked(state, abort.signal);
    if (abort.signal.aborted) return;
    this.#endCheck();
    if (snapshot !== null) this.#judge(state.compare(snapshot));
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#stop();
    this.#endCheck();
    this.#refresh?.[Symbol.dispose]();
  }

  protected handle(data: unknown, receivedAtMs: number): boolean {
    const message = parseDepth(data);
    if (message === undefined || this.isAhead(message.sentAt, receivedAtMs)) return false;
    const { firstId, lastId, sentAt } = message;
    this.noteSent(sentAt, receivedAtMs);
    this.#push({ firstId, lastId, sentAt, delta: toBookDelta(message, this.context.stamp(receivedAtMs)) });
    return true;
  }

  protected async isBehind(options: AskOptions): Promise<boolean> {
    const presentId = await this.context.history.fetchBookId(this.symbol, options);
    // While it is out of step it is being fetched anyway.
    return presentId > (this.#sequencer.bookId ?? presentId);
  }

  protected begin(): void {
    if (this.#interrupted) this.#countResync('reconnect');
    this.#interrupted = false;
    if (!this.#sequencer.isSynced) this.#awaitSnapshot();
  }

  protected interrupt(): void {
    this.#interrupted ||= this.#sequencer.isSynced || this.#sync !== null;
    this.#stop();
    this.#endCheck();
    this.#abandonRefresh();
    this.#sequencer.restart();
  }

  #push(diff: ReceivedDiff): void {
    const verdict = this.#sequencer.push(diff);
    switch (verdict) {
      case 'apply':
        this.#stuck.accepted(diff.sentAt);
        this.#check?.state.note(diff);
        if (this.#refresh === null) this.#publishDelta(diff.delta);
        else this.#refresh.hold(diff);
        break;
      case 'ignore':
        if (this.#stuck.ignored(this.context.broker.clock.monotonic(), diff.sentAt)) {
          this.#restart('stuck', 'The venue numbers its updates anew; the book is being fetched anew.');
          this.#push(diff);
        }
        break;
      case 'buffer':
        this.#awaitSnapshot();
        break;
      case 'overflow':
        this.#countResync('overflow');
        this.#awaitSnapshot();
        break;
      case 'gap': {
        const { id: broker, metrics } = this.context.broker;
        metrics.gaps.inc({ broker, type: 'orderbook' });
        this.#recover('gap', 'Updates of the book were lost; it is being fetched anew.');
        break;
      }
    }
  }

  #restart(reason: ResyncReason, sentence: string): void {
    this.#sequencer.restart();
    this.#recover(reason, sentence);
  }

  #recover(reason: ResyncReason, sentence: string): void {
    this.#stop();
    this.#endCheck();
    this.#abandonRefresh();
    this.#countResync(reason);
    this.setCondition({ kind: 'recovering', reason: sentence });
    this.#awaitSnapshot();
  }

  /** Asks for a snapshot once the first diff is there, or does not come. */
  #awaitSnapshot(): void {
    if (this.#sync !== null) return;
    if (this.#sequencer.buffered > 0) {
      this.#stop();
      void this.#synchronise();
      return;
    }
    this.#timer ??= this.context.broker.clock.after(FIRST_DIFF_PATIENCE_MS, () => {
      this.#timer = null;
      void this.#synchronise();
    });
  }

  async #synchronise(): Promise<void> {
    const sync = new AbortController();
    this.#sync = sync;
    const { signal } = sync;
    const { clock } = this.context.broker;
    while (!signal.aborted && !this.#syncs.tryTake()) await sleep(clock, this.#syncs.delayMs, signal);
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      if (attempt > 0) await sleep(clock, Math.min(REFETCH.maxMs, REFETCH.baseMs * 2 ** (attempt - 1)), signal);
      const snapshot = await this.#fetchSnapshot(signal);
      if (!signal.aborted && snapshot !== null && this.#load(snapshot)) return;
    }
  }

  /** Null if the venue did not give one. */
  async #fetchSnapshot(signal: AbortSignal): Promise<DepthSnapshot | null> {
    if (signal.aborted) return null;
    try {
      const options = { ...this.askOptions(signal), series: SNAPSHOTS };
      return await this.context.history.fetchDepth(this.symbol, this.context.bookLevels, options);
    } catch (error) {
      if (signal.aborted) return null;
      const { code } = GatewayError.from(error);
      this.context.broker.logger.debug({ err: error, stream: this.name }, 'snapshot unavailable');
      if (code === 'UNKNOWN_SYMBOL') this.refused();
      else
        this.setCondition({
          kind: 'recovering',
          reason: `The venue does not give the book of ${this.symbol} just now.`,
        });
      return null;
    }
  }

  /** Returns false if it does not fit the diffs, and another snapshot is needed. */
  #load(snapshot: DepthSnapshot): boolean {
    const verdict = this.#sequencer.load(snapshot.lastUpdateId);
    if (verdict.kind === 'gap') this.#countResync('gap');
    if (verdict.kind !== 'synced') return false;
    this.#stop();
    this.#stuck.accepted(verdict.diffs.at(-1)?.sentAt);
    this.#publishBook(snapshot, verdict.diffs);
    // A receiver may have found it to be wrong: then it is being fetched anew.
    if (!this.#sequencer.isSynced) return true;
    this.setCondition({ kind: 'live' });
    this.#scheduleRefresh();
    return true;
  }

  #scheduleRefresh(): void {
    const { clock, random } = this.context.broker;
    this.#timer = clock.after(REFRESH_MS * (0.5 + random()), () => {
      this.#timer = null;
      this.#startRefresh();
    });
  }

  /** The venue's own book, once the changes that came have reached it; null if it can't be compared. */
  async #fetchChecked(state: BookCheck, signal: AbortSignal): Promise<DepthSnapshot | null> {
    const { broker, history } = this.context;
    await sleep(broker.clock, CHECK_LEAD_MS, signal);
    if (signal.aborted) return null;
    using time = deadline(broker.clock, CHECK_PATIENCE_MS, signal);
    try {
      const snapshot = await history.fetchDepth(this.symbol, CHECKED_LEVELS, { patience: 'fail', signal: time.signal });
      if (time.signal.aborted) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      time.signal.addEventListener('abort', () => {
        resolve();
      });
      state.whenReached(snapshot.lastUpdateId, resolve);
      await promise;
      return time.signal.aborted ? null : snapshot;
    } catch (error) {
      // It could not be compared this time: it will be again.
      broker.logger.debug({ err: error, stream: this.name }, 'book not compared');
      return null;
    }
  }

  #judge(verdict: CheckVerdict): void {
    switch (verdict.kind) {
      case 'equal':
      case 'unknown':
        break;
      case 'shallow':
        this.#stop();
        this.#startRefresh();
        break;
      case 'different': {
        const { side, price } = verdict;
        this.context.broker.logger.warn({ stream: this.name, side, price }, 'book differs from the venue’s own');
        this.#restart('mismatch', "The book differed from the venue's own; it is being fetched anew.");
        break;
      }
      default:
        assertNever(verdict);
    }
  }

  #endCheck(): void {
    this.#check?.abort.abort();
    this.#check = null;
  }

  /** Holds changes back until the venue has given the present book, so that no change is undone by it. */
  #startRefresh(): void {
    const { broker, history, bookLevels } = this.context;
    this.#endCheck();
    this.#refresh = new BookRefresh<ReceivedDiff>({
      clock: broker.clock,
      fetch: (signal) => history.fetchDepth(this.symbol, bookLevels, { ...this.askOptions(signal), patience: 'fail' }),
      publishedId: this.#sequencer.bookId ?? 0,
      onEnd: (snapshot) => {
        this.#endRefresh(snapshot);
      },
    });
  }

  #endRefresh(snapshot: DepthSnapshot | null): void {
    const sequencer = newSequencer();
    for (const diff of this.#refresh?.held ?? []) sequencer.push(diff);
    const verdict = snapshot === null ? null : sequencer.load(snapshot.lastUpdateId);
    if (snapshot !== null && verdict?.kind === 'synced') {
      this.#refresh = null;
      this.#sequencer = sequencer;
      this.#stuck.accepted(verdict.diffs.at(-1)?.sentAt);
      this.#publishBook(snapshot, verdict.diffs);
    } else this.#abandonRefresh();
    if (this.#sequencer.isSynced) this.#scheduleRefresh();
  }

  /** Publishes what was held back, which is still in step. */
  #abandonRefresh(): void {
    const refresh = this.#refresh;
    this.#refresh = null;
    refresh?.[Symbol.dispose]();
    for (const { delta } of refresh?.held ?? []) this.#publishDelta(delta);
  }

  #publishBook(snapshot: DepthSnapshot, diffs: readonly ReceivedDiff[]): void {
    const { bids, asks } = snapshot;
    const { bookLevels, broker, stamp } = this.context;
    const worst = (side: readonly PriceLevel[]): Decimal | null =>
      side.length < bookLevels ? null : (side.at(-1)?.price ?? null);
    this.#known = { bid: worst(bids), ask: worst(asks) };
    this.#publishChange(toBookSnapshot(snapshot, stamp(broker.clock.now())));
    for (const { delta } of diffs) this.#publishDelta(delta);
  }

  #publishDelta(delta: OrderBookDraft): void {
    if (delta.bids.length > 0 || delta.asks.length > 0) this.#publishChange(delta);
  }

  #publishChange(change: OrderBookDraft): void {
    this.#book.apply(change);
    this.publish(change);
  }

  #stop(): void {
    this.#sync?.abort();
    this.#sync = null;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #countResync(reason: ResyncReason): void {
    const { id: broker, metrics } = this.context.broker;
    metrics.resyncs.inc({ broker, reason });
  }
}

function newSequencer(): DepthSequencer<ReceivedDiff> {
  return new DepthSequencer({ maxBuffered: MAX_BUFFERED });
}
