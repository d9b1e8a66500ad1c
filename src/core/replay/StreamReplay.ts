import type { Adapter } from '../GuardedAdapter.ts';
import type { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import type { Subscriber } from '../../fanout/routing/Topic.ts';
import type { SubscriptionIndex } from '../../fanout/routing/SubscriptionIndex.ts';
import type { Cursor } from '../../market/cursor.ts';
import type { CandleInterval, FeedGap, FeedStanding, MarketData, StreamKey } from '../../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import { Backoff } from '../../shared/backoff.ts';
import { sleep } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import { deadline } from '../../shared/deadline.ts';
import type { Asker } from '../../shared/FairQueue.ts';
import type { BackfillRequest, Backfilled, Backfills, MissingPast } from './Backfills.ts';
import type { KeptEvent } from './KeptEvents.ts';
import type { ReplayLog } from './ReplayLog.ts';
import { Seam } from './Seam.ts';
import type { LastPlace } from './Seam.ts';
import type { ReadyStream, ReplayPart, SymbolReplay } from './SymbolReplay.ts';

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
  /** Everything is sent: what follows comes live, through the seam. */
  readonly goLive: (seam: Seam) => void;
  /** Gets the live events. */
  readonly live: Subscriber;
}

/** So long everything else of the symbol waits for what comes first. */
const PATIENCE_MS = 10_000;
/** A leader that has gone is replaced within this time. */
const LEADER_PATIENCE_MS = 5_000;
/** How often a follower looks whether it has heard from a leader. */
const LOOK_MS = 100;
/** The pause between two answers: the venue's history may be a moment behind its stream. */
const HISTORY_LAG_MS = 500;
const ANSWERS = 4;
/** Pauses between two failures. */
const FAILURE_PAUSE = { baseMs: 500, maxMs: 2_000, random: () => 1 };
/** Events that are sent in one turn of the event loop. */
const CHUNK = 64;

/** The place from which a subscriber goes on, and what is known of it. */
interface Beginning extends ReplayPart {
  /** Events behind this number are sent. */
  readonly behind: number;
  /** Events are missing before the first one. */
  readonly hasGap: boolean;
}

/**
 * Sends one subscriber what it missed of a stream, or the stream's history, and joins it to the live events without a
 * hole or a double: the log keeps what comes, what it lacks is fetched, everything is sent as fast as the client takes
 * it, and the stream goes live. Ended by its owner.
 */
export class StreamReplay implements Disposable, ReadyStream {
  readonly #options: StreamReplayOptions;
  readonly #end = new AbortController();
  /** Makes the log keep what is still to be sent. */
  readonly #held: Disposable;
  /** The venue's history was fetched. */
  #isFetched = false;
  #beginning: Beginning | null = null;
  #phase: 'waiting' | 'sending' | 'live' = 'waiting';
  /** Events up to this number have been sent. */
  #sent = 0;
  #last: LastPlace | null;
  /** A hole behind the last event was reported. */
  #isHoleTold = false;
  #pause: Disposable | null = null;
  #joined: Disposable | null = null;

  constructor(options: StreamReplayOptions) {
    this.#options = options;
    const { cursor, log } = options;
    const place = cursor === null ? null : this.#placeOf(cursor);
    this.#last = place === null || !cursor?.place ? null : { place, timeMs: cursor.place.timeMs };
    this.#held = log.hold(() => {
      this.#hurry();
    });
  }

  /** If the log has everything, it is ready at once. */
  start(): void {
    if (this.#missing() === null) this.#join();
    else void this.#joinFetched();
  }

  outcome(): ReplayPart {
    this.#beginning = this.#begins();
    return this.#beginning;
  }

  begin(): void {
    const { behind, hasGap } = (this.#beginning ??= this.#begins());
    this.#phase = 'sending';
    this.#sent = behind;
    if (hasGap) {
      const first = this.#options.log.events.after(behind).find(({ place }) => !Number.isNaN(place));
      this.#sendHole(first?.sharedEvent.event.time ?? null);
    }
    this.#proceed();
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#held[Symbol.dispose]();
    this.#pause?.[Symbol.dispose]();
    this.#joined?.[Symbol.dispose]();
  }

  #join(): void {
    if (!this.#end.signal.aborted) this.#joined = this.#options.replay.join(this);
  }

  /** The place behind which a client with this cursor needs events; null if the cursor does not say it. */
  #placeOf({ place }: Cursor): number | null {
    if (place === null) return null;
    if (this.#options.type === 'candle') return place.timeMs;
    return place.tradeId === null ? null : Number(place.tradeId);
  }

  /** The number behind which the log has what the client lacks; null if it begins later. */
  #positionOf(cursor: Cursor): number | null {
    const { log } = this.#options;
    const place = this.#placeOf(cursor);
    const byPlace = place === null ? null : log.events.positionBehind(place, cursor.place?.timeMs ?? 0);
    return log.positionOf(cursor) ?? byPlace;
  }

  /** Null if nothing is missing, or nobody could be asked for it. */
  #missing(): MissingPast | null {
    const { cursor, history, log } = this.#options;
    if (cursor !== null) {
      const position = this.#positionOf(cursor);
      if (position !== null && log.events.isWholeBehind(position)) return null;
      const torn = position === null ? null : log.events.tornBehind(position);
      const behind = torn ?? this.#placeOf(cursor);
      return behind === null ? null : { behind, last: 0 };
    }
    const { behind, isAll } = log.events.positionOfLast(history);
    // The venue has given all that it has.
    if (!isAll && !this.#isFetched) return { behind: null, last: history };
    const torn = log.events.tornBehind(behind);
    return torn === null ? null : { behind: torn, last: 0 };
  }

  /** Fetches what is missing, until nothing is, or it can't be had, or takes too long. */
  async #fetch(): Promise<void> {
    const { clock, log } = this.#options;
    using patience = deadline(clock, PATIENCE_MS, this.#end.signal);
    const { signal } = patience;
    await this.#untilNumbered(signal);
    if (!log.isNumbered) return;
    await this.#untilDecided(signal);
    const backoff = new Backoff(FAILURE_PAUSE);
    for (let answers = 0; answers < ANSWERS && !signal.aborted;) {
      const missing = this.#missing();
      if (missing === null) return;
      const outcome = await within(this.#fill(missing), signal);
      if (outcome === null || outcome.kind === 'other') continue;
      if (outcome.kind === 'filled') {
        this.#isFetched = true;
        answers += 1;
      }
      if (this.#isHopeless(outcome)) return;
      if (this.#missing() === null) return;
      await sleep(clock, outcome.kind === 'filled' ? HISTORY_LAG_MS : backoff.next(), signal);
    }
  }

  /** The venue does not have what the client lacks, or numbers its trades anew. */
  #isHopeless(outcome: Backfilled): boolean {
    if (outcome.kind === 'failed') return outcome.isFinal;
    const { cursor } = this.#options;
    const place = cursor === null ? null : this.#placeOf(cursor);
    if (outcome.kind === 'other' || cursor === null || place === null) return false;
    return outcome.next > place && this.#positionOf(cursor) === null;
  }

  #fill(missing: MissingPast): Promise<Backfilled> {
    const { adapter, asker, backfills, continueBehind, interval, latest, log, symbol } = this.#options;
    const broker = adapter();
    if (broker === null) return Promise.resolve({ kind: 'failed', isFinal: true });
    const request: BackfillRequest = {
      log,
      symbol,
      interval,
      missing,
      adapter: broker,
      asker,
      openMs: () => openMsOf(latest(log.key)),
      onFilled: continueBehind,
    };
    return backfills.fetch(request);
  }

  /** Resolves once the stream is numbered. A gateway that follows learns its numbers from the leader, for which it does not wait long. */
  async #untilNumbered(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    using patience = deadline(clock, LEADER_PATIENCE_MS, signal);
    while (!log.isNumbered && !patience.signal.aborted) await sleep(clock, LOOK_MS, patience.signal);
  }

  /** Resolves once the venue delivers the stream, or will not: what it has had before is in its history then. */
  async #untilDecided(signal: AbortSignal): Promise<void> {
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

  #begins(): Beginning {
    const { cursor, history, log } = this.#options;
    if (cursor === null) {
      const { behind, isAll } = log.events.positionOfLast(history);
      const events = log.events.countAfter(behind);
      return { behind, hasGap: false, recovered: null, events, complete: isAll };
    }
    const position = this.#positionOf(cursor);
    if (position === null) {
      const behind = cursor.place === null ? log.events.lastSequence : log.events.positionSince(cursor.place.timeMs);
      return { behind, hasGap: true, recovered: false, events: log.events.countAfter(behind), complete: false };
    }
    const complete = log.events.isWholeBehind(position);
    const isKept = log.knows(cursor.epoch) && (!this.#isFetched || log.positionOf(cursor) !== null);
    const recovered = complete && isKept;
    return { behind: position, hasGap: false, recovered, events: log.events.countAfter(position), complete };
  }

  async #joinFetched(): Promise<void> {
    await this.#fetch();
    this.#join();
  }

  async #proceedAfter(room: Promise<void>): Promise<void> {
    await room;
    this.#proceed();
  }

  /** Sends as much as the client takes, and the rest when it takes more. */
  #proceed(): void {
    const { clock, log, receiver } = this.#options;
    if (this.#end.signal.aborted || this.#phase !== 'sending') return;
    const chunk = log.events.after(this.#sent, CHUNK);
    const room = chunk.length === 0 ? null : (receiver.room?.() ?? null);
    if (room !== null) {
      void this.#proceedAfter(room);
      return;
    }
    this.#send(chunk);
    if (chunk.length < CHUNK) {
      this.#goLive();
      return;
    }
    this.#pause = clock.turn(() => {
      log.settle(chunk);
      this.#proceed();
    });
  }

  /** The log can't wait any longer: the rest is left to the client's own queue. */
  #hurry(): void {
    if (this.#phase !== 'sending') return;
    this.#send(this.#options.log.events.after(this.#sent));
    this.#goLive();
  }

  #goLive(): void {
    const { goLive, live, log } = this.#options;
    // Sending may have been too much for the client.
    if (this.#end.signal.aborted) return;
    this.#phase = 'live';
    if (!log.events.isWholeBehind(this.#sent)) this.#sendHole(null);
    this.#held[Symbol.dispose]();
    this.#pause?.[Symbol.dispose]();
    const seam = new Seam(live, this.#last, ({ time }) => {
      this.#sendHole(time);
    });
    goLive(seam);
  }

  #send(events: readonly KeptEvent[]): void {
    for (const kept of events) {
      if (kept.room !== null) this.#sendHole(kept.sharedEvent.event.time);
      this.#sendKept(kept);
      this.#sent = kept.sequence;
    }
  }

  #sendKept({ place, sharedEvent }: KeptEvent): void {
    const { receiver, sendKeptGap } = this.#options;
    if (sharedEvent.event.type === 'status') {
      sendKeptGap(sharedEvent);
      return;
    }
    sharedEvent.repeat();
    receiver.deliver(sharedEvent);
    this.#isHoleTold = false;
    this.#last = { place, timeMs: toEpochMs(sharedEvent.event.time) };
  }

  #sendHole(to: Timestamp | null): void {
    const { cursor, sendGap, type } = this.#options;
    // Less history than was asked for is no loss.
    if (this.#isHoleTold || (cursor === null && this.#last === null)) return;
    this.#isHoleTold = true;
    const from = this.#last === null ? null : fromEpochMs(this.#last.timeMs);
    sendGap({ type, from, to });
  }
}

/** Resolves when the promise does; with null if the signal is aborted before. */
async function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const abort = (): void => {
    resolve(null);
  };
  signal.addEventListener('abort', abort, { once: true });
  const outcome = await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', abort);
  return outcome;
}

/** The open time of the candle that a stream is at. */
function openMsOf(latest: MarketData | null): number | null {
  if (latest?.type !== 'candle') return null;
  return toEpochMs(latest.closed ? latest.closeTime : latest.openTime);
}
