import type { Adapter } from '../GuardedAdapter.ts';
import type { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import type { Subscriber } from '../../fanout/routing/Topic.ts';
import type { SubscriptionIndex } from '../../fanout/routing/SubscriptionIndex.ts';
import type { Cursor } from '../../market/cursor.ts';
import type { CandleInterval, FeedGap, FeedStanding, MarketData, StreamKey } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { sleep } from '../../shared/clock.ts';
import { deadline } from '../../shared/deadline.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Asker } from '../../shared/FairQueue.ts';
import type { Backfills, MissingPast } from './Backfills.ts';
import type { KeptEvent, ReplayLog } from './ReplayLog.ts';
import type { ReplayPart, SymbolReplay } from './SymbolReplay.ts';

export interface StreamReplayOptions {
  readonly log: ReplayLog;
  readonly type: 'trade' | 'candle';
  readonly symbol: string;
  /** The interval of candles; null for trades. */
  readonly interval: CandleInterval | null;
  /** The last cursor of the stream that the client has. */
  readonly cursor: Cursor | null;
  /** How many events of the past are wanted if there is no cursor. */
  readonly history: number;
  readonly index: SubscriptionIndex;
  readonly backfills: Backfills;
  readonly clock: Clock;
  readonly asker: Asker;
  /** Null while the broker is out of service. */
  readonly adapter: () => Adapter | null;
  readonly continueBehind: (place: number) => void;
  readonly statusKey: StreamKey;
  readonly latest: (key: StreamKey) => MarketData | null;
  readonly receiver: Subscriber;
  /** Sends the report of a gap. */
  readonly sendGap: (gap: FeedGap) => void;
  /** Sends the report of a gap that is kept in the log. */
  readonly sendKeptGap: (report: SharedEvent) => void;
  readonly replay: SymbolReplay;
  /** Everything up to this number was sent: what follows comes live. */
  readonly goLive: (sequence: number) => void;
}

/** So long everything else of the symbol waits for what comes first. */
const PATIENCE_MS = 10_000;
/** The venue's history may be a moment behind its stream. */
const HISTORY_LAG_MS = 500;
const ROUNDS = 4;
/** Events that are sent in one turn of the event loop. */
const CHUNK = 128;

/** How much of the past there is, and where it begins. */
interface Beginning extends ReplayPart {
  /** Events behind this number are sent. */
  readonly behind: number;
  /** Events are missing before the first one. */
  readonly gap: FeedGap | null;
}

/**
 * Sends one subscriber what it missed of a stream, or the stream's history, and joins it to the live events without a
 * hole or a double: it listens (the log keeps what comes), fetches what the log lacks, hands over, and goes live. Ended
 * by its owner.
 */
export class StreamReplay implements Disposable {
  readonly #options: StreamReplayOptions;
  readonly #end = new AbortController();
  /** The venue's history was fetched. */
  #isFetched = false;
  /** Makes the log keep what comes until it was sent. */
  #held: Disposable | null = null;

  constructor(options: StreamReplayOptions) {
    this.#options = options;
  }

  /** If the log has everything, it is sent at once, unless other streams of the symbol have to wait. */
  start(): void {
    const ready = this.#kept();
    if (ready === null) void this.#fetchFirst();
    else this.#join(ready);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#held?.[Symbol.dispose]();
  }

  /** What the log has already; null if something is missing. */
  #kept(): Beginning | null {
    const { cursor, history, log } = this.#options;
    if (cursor === null) {
      const behind = log.positionOfLast(history);
      return behind === null || !log.isWholeBehind(behind) ? null : this.#beginning(behind, null);
    }
    const behind = this.#positionOf(cursor);
    return behind === null || !log.isWholeBehind(behind) ? null : this.#beginning(behind, true);
  }

  /** Of this epoch: behind one of the stream's own events, or one that was filled in. */
  #positionOf(cursor: Cursor): number | null {
    const { log } = this.#options;
    if (cursor.epoch !== log.epoch) return null;
    const place = this.#placeBehind(cursor);
    return log.positionOf(cursor) ?? (place === null || this.#isFetched ? null : log.positionBehind(place));
  }

  /** The place behind which a client with this cursor needs events; null if the cursor does not say it. */
  #placeBehind({ place }: Cursor): number | null {
    if (place === null) return null;
    if (this.#options.type === 'candle') return place.timeMs;
    return place.tradeId === null ? null : Number(place.tradeId);
  }

  async #fetchFirst(): Promise<void> {
    this.#held = this.#options.log.hold();
    await this.#fetch();
    if (this.#end.signal.aborted) return;
    this.#join(this.#options.cursor === null ? this.#history() : this.#resumed(this.#options.cursor));
  }

  /** Fetches what is missing, until nothing is or it takes too long. */
  async #fetch(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#end;
    using patience = deadline(clock, PATIENCE_MS, signal);
    await this.#live(patience.signal);
    for (let round = 0; round < ROUNDS && !patience.signal.aborted; round += 1) {
      const missing = this.#missing();
      if (missing === null) return;
      if (round > 0) await sleep(clock, HISTORY_LAG_MS, patience.signal);
      await within(this.#fill(missing), patience.signal);
      this.#isFetched = true;
    }
  }

  #missing(): MissingPast | null {
    const { cursor, history, log } = this.#options;
    if (cursor === null) {
      const behind = log.positionOfLast(history);
      // The venue has no more than it gave.
      if (behind === null && !this.#isFetched) return { kind: 'last', count: history };
      const place = log.tornBehind(behind ?? log.beforeFirst);
      return place === null ? null : { kind: 'behind', place };
    }
    const from = this.#placeBehind(cursor);
    const behind = log.positionOf(cursor) ?? (from === null ? null : log.positionBehind(from));
    if (behind === null) return from === null ? null : { kind: 'behind', place: from };
    if (log.isWholeBehind(behind)) return null;
    const place = log.tornBehind(behind) ?? from;
    return place === null ? null : { kind: 'behind', place };
  }

  async #fill(missing: MissingPast): Promise<void> {
    const { adapter, asker, backfills, clock, continueBehind, interval, latest, log, symbol } = this.#options;
    const broker = adapter();
    if (broker === null) return;
    await backfills.fill({
      log,
      symbol,
      interval,
      missing,
      adapter: broker,
      asker,
      nowMs: clock.now(),
      openMs: () => openMsOf(latest(log.key)),
      onFilled: continueBehind,
    });
  }

  /** Resolves once the venue delivers the stream, or will not: what it has had before is in its history then. */
  async #live(signal: AbortSignal): Promise<void> {
    const { index, latest, statusKey } = this.#options;
    const isDecided = (status: MarketData | null): boolean => {
      const state = this.#standingIn(status)?.state;
      return state === 'live' || state === 'closed' || state === 'stale';
    };
    if (isDecided(latest(statusKey)) || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const { membership } = index.join(statusKey, {
      deliver: ({ events }) => {
        if (events.some(({ event }) => isDecided(event))) resolve();
      },
    });
    using _membership = membership;
    await within(promise, signal);
  }

  #standingIn(status: MarketData | null): FeedStanding | undefined {
    const { type, interval } = this.#options;
    if (status?.type !== 'status') return undefined;
    return status.feeds?.find((each) => each.type === type && each.interval === interval);
  }

  #history(): Beginning {
    const { history, log } = this.#options;
    const behind = log.positionOfLast(history) ?? log.beforeFirst;
    return this.#beginning(behind, null);
  }

  #resumed(cursor: Cursor): Beginning {
    const { log, type } = this.#options;
    const kept = this.#positionOf(cursor);
    if (kept !== null) return this.#beginning(kept, true);
    const from = this.#placeBehind(cursor);
    const covered = from === null ? null : log.positionBehind(from);
    // The cursor is too old, or of another epoch; the venue has everything since.
    if (covered !== null) return this.#beginning(covered, false);
    const behind = log.positionFrom(from);
    const fromTime = cursor.place === null ? null : fromEpochMs(cursor.place.timeMs);
    const [first] = log.after(behind).filter(({ place }) => !Number.isNaN(place));
    const gap = { type, from: fromTime, to: first?.sharedEvent.event.time ?? null };
    return { ...this.#beginning(behind, false), recovered: false, complete: false, gap };
  }

  #beginning(behind: number, recovered: boolean | null): Beginning {
    const { cursor, history, log } = this.#options;
    const events = log.after(behind).filter(({ place }) => !Number.isNaN(place)).length;
    const isWhole = log.isWholeBehind(behind) && (cursor !== null || events >= history);
    return { behind, recovered: recovered && isWhole, events, complete: isWhole, gap: null };
  }

  #join({ behind, gap, ...part }: Beginning): void {
    this.#options.replay.join(part, () => {
      if (gap !== null) this.#options.sendGap(gap);
      void this.#send(behind);
    });
  }

  /** Sends what is kept, as fast as the client takes it, until nothing is left that would not come live. */
  async #send(behind: number): Promise<void> {
    const { clock, goLive, log, receiver } = this.#options;
    this.#held ??= log.hold();
    let last = behind;
    let before: KeptEvent | null = null;
    for (;;) {
      const chunk = log.after(last, CHUNK);
      for (const kept of chunk) {
        if (kept.isTorn) this.#sendHole(before, kept);
        this.#sendKept(kept);
        before = kept;
      }
      last = chunk.at(-1)?.sequence ?? last;
      if (chunk.length < CHUNK) break;
      await receiver.room?.();
      await sleep(clock, 0, this.#end.signal);
      if (this.#end.signal.aborted) return;
    }
    if (!log.isWholeBehind(last)) this.#sendHole(before, null);
    goLive(Math.floor(last));
    this.#held[Symbol.dispose]();
  }

  #sendKept({ place, sharedEvent }: KeptEvent): void {
    const { receiver, sendKeptGap } = this.#options;
    if (Number.isNaN(place) && sharedEvent.event.type === 'status') sendKeptGap(sharedEvent);
    else receiver.deliver(sharedEvent);
  }

  #sendHole(before: KeptEvent | null, next: KeptEvent | null): void {
    const { cursor, sendGap, type } = this.#options;
    const from: Timestamp | null =
      before?.sharedEvent.event.time ?? (cursor?.place == null ? null : fromEpochMs(cursor.place.timeMs));
    sendGap({ type, from, to: next?.sharedEvent.event.time ?? null });
  }
}

/** Resolves when the promise does, or the signal is aborted. */
async function within(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const abort = (): void => {
    resolve();
  };
  signal.addEventListener('abort', abort, { once: true });
  await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', abort);
}

/** The open time of the candle that a stream is at. */
function openMsOf(latest: MarketData | null): number | null {
  if (latest?.type !== 'candle') return null;
  return toEpochMs(latest.closed ? latest.closeTime : latest.openTime);
}
