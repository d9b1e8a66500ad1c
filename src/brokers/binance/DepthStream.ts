import type { OrderBookDraft } from '../../market/marketData.ts';
import { sleep } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { AskOptions } from '../../transport/RequestQueue.ts';
import { SlidingWindow } from '../../transport/SlidingWindow.ts';
import { DepthSequencer } from './DepthSequencer.ts';
import type { DiffRange } from './DepthSequencer.ts';
import { MarketStream, StuckWatch } from './MarketStream.ts';
import type { StreamOptions } from './StreamContext.ts';
import type { DepthSnapshot } from './restReplies.ts';
import { parseDepth, toBookDelta, toBookSnapshot } from './streamMessages.ts';
import type { Clock } from '../../shared/clock.ts';

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

type ResyncReason = 'gap' | 'overflow' | 'reconnect' | 'requested' | 'stuck';

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

  constructor(options: StreamOptions) {
    super(options);
    const { clock } = options.context.broker;
    this.#syncs = new SlidingWindow({ limit: MAX_SYNCS_PER_MINUTE, windowMs: 60_000, clock });
  }

  resync(): void {
    if (!this.isSubscribed) return;
    this.#restart('requested', 'The book was found to be wrong; it is being fetched anew.');
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#stop();
    this.#refresh?.[Symbol.dispose]();
  }

  protected handle(data: unknown, receivedAtMs: number): boolean {
    const message = parseDepth(data);
    if (message === undefined) return false;
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
    this.#abandonRefresh();
    this.#sequencer.restart();
  }

  #push(diff: ReceivedDiff): void {
    const verdict = this.#sequencer.push(diff);
    switch (verdict) {
      case 'apply':
        this.#stuck.accepted(diff.sentAt);
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
      return await this.context.history.fetchDepth(this.symbol, this.context.bookLevels, this.askOptions(signal));
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

  /** Holds changes back until the venue has given the present book, so that no change is undone by it. */
  #startRefresh(): void {
    const { broker, history, bookLevels } = this.context;
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
    this.#scheduleRefresh();
  }

  /** Publishes what was held back, which is still in step. */
  #abandonRefresh(): void {
    const refresh = this.#refresh;
    this.#refresh = null;
    refresh?.[Symbol.dispose]();
    for (const { delta } of refresh?.held ?? []) this.#publishDelta(delta);
  }

  #publishBook(snapshot: DepthSnapshot, diffs: readonly ReceivedDiff[]): void {
    this.publish(toBookSnapshot(snapshot, this.context.stamp(this.context.broker.clock.now())));
    for (const { delta } of diffs) this.#publishDelta(delta);
  }

  #publishDelta(delta: OrderBookDraft): void {
    if (delta.bids.length > 0 || delta.asks.length > 0) this.publish(delta);
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

interface BookRefreshOptions {
  readonly clock: Clock;
  readonly fetch: (signal: AbortSignal) => Promise<DepthSnapshot>;
  /** The last update that was published: an older snapshot would undo a change. */
  readonly publishedId: number;
  /** Called once, unless the refresh is disposed of before; null if the venue gave nothing useful in time. */
  readonly onEnd: (snapshot: DepthSnapshot | null) => void;
}

/** Changes are held back for no longer than this. */
const REFRESH_PATIENCE_MS = 5_000;

/**
 * Fetches a book again while it is in step. Its creator holds changes back in it meanwhile, and owns it until `onEnd`.
 */
class BookRefresh<Diff> implements Disposable {
  readonly #options: BookRefreshOptions;
  readonly #abort = new AbortController();
  readonly #timer: Disposable;
  readonly #held: Diff[] = [];
  #disposed = false;

  constructor(options: BookRefreshOptions) {
    this.#options = options;
    this.#timer = options.clock.after(REFRESH_PATIENCE_MS, () => {
      this.#abort.abort();
    });
    void this.#run();
  }

  get held(): readonly Diff[] {
    return this.#held;
  }

  hold(diff: Diff): void {
    this.#held.push(diff);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer[Symbol.dispose]();
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { fetch, publishedId, onEnd } = this.#options;
    // A refresh that fails loses nothing: there will be another.
    const snapshot = await fetch(this.#abort.signal).catch(() => null);
    if (this.#disposed) return;
    this.#timer[Symbol.dispose]();
    onEnd(snapshot === null || snapshot.lastUpdateId < publishedId ? null : snapshot);
  }
}
