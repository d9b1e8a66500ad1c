import { parseCursor } from '../../market/cursor.ts';
import type { StreamStart } from '../../market/cursor.ts';
import { addressOf, isLossless } from '../../market/marketData.ts';
import type {
  FeedGap,
  FeedStatus,
  MarketData,
  MarketDataType,
  StreamAddress,
  StreamKey,
} from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import type { Channel, StreamReceiver } from '../EventBus.ts';
import type { Frame } from './frames.ts';

/** Why a frame, or a line of it, was not passed on. */
export type Dropped = 'stale' | 'duplicate' | 'unsynced';

export interface StreamReaderOptions {
  readonly key: StreamKey;
  readonly receiver: StreamReceiver;
  /** The stream begins here until the leader has sent where it stands. */
  readonly start: StreamStart;
  /** The last event that subscribers of this gateway have; null if they have none. */
  readonly last: MarketData | null;
  /** Asks the leader for a snapshot of the stream. */
  readonly ask: () => void;
  readonly onDropped: (reason: Dropped, lines: number) => void;
  /** Called if frames were lost on the way. They are asked for again. */
  readonly onLost: () => void;
  /** Called if events of the stream were lost for good. */
  readonly onGap: (gap: Pick<FeedGap, 'from' | 'to'>) => void;
}

/** The place in the leader's numbering of lines; null until a snapshot has come. */
type Place = { readonly fence: number; next: number } | null;

/**
 * Reads one stream from the frames of its leader. It passes on each line once and in order. Where lines are missing, the
 * leader is asked for a snapshot: what subscribers missed of a stream that may not lose anything comes from there.
 */
export class StreamReader implements Disposable {
  readonly address: StreamAddress;
  readonly #options: StreamReaderOptions;
  readonly #type: MarketDataType;
  #channel: Channel;
  #epoch: string;
  #place: Place = null;
  /** The greatest fence that was seen: those before it lead no more. */
  #fence = 0;
  #last: MarketData | null;
  /** Subscribers have what may not be lost up to this number, or were told of a gap; null until it is known. */
  #joinedAt: number | null = null;
  /** Subscribers have been told something else than what the leader said last, which they have to get again. */
  #isTold = false;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.address = addressOf(options.key);
    this.#type = this.address.type;
    this.#epoch = options.start.epoch;
    this.#last = options.last;
    this.#channel = options.receiver.receive(options.key, options.start, []);
  }

  get key(): StreamKey {
    return this.#options.key;
  }

  /** The last event that was passed on. */
  get last(): MarketData | null {
    return this.#last;
  }

  /** In step with the leader of this tenure. */
  isInStep(fence: number): boolean {
    return this.#place?.fence === fence;
  }

  take(frame: Frame): void {
    const { fence, lines } = frame;
    if (fence < this.#fence) {
      this.#options.onDropped('stale', lines.length);
      return;
    }
    if (fence > this.#fence) this.#leave(fence);
    if (frame.start === null) this.#follow(frame);
    else this.#begin(frame, frame.start);
  }

  /** The leader says which line comes next. */
  expect(fence: number, next: number): void {
    if (fence < this.#fence) return;
    if (fence > this.#fence) this.#leave(fence);
    if (this.#place === null) this.#options.ask();
    else if (this.#place.next < next) this.#lose();
  }

  /** Frames may have been lost: a snapshot is needed. */
  lose(): void {
    if (this.#place !== null) this.#lose();
    else this.#options.ask();
  }

  /** The book can't be right: subscribers get it again. */
  resync(): void {
    this.#reset();
    this.lose();
  }

  /** Gives subscribers an event of this gateway's own, which has no place in the stream. */
  tell(event: MarketData): void {
    this.#isTold = true;
    this.#channel.publish(event);
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
  }

  #leave(fence: number): void {
    this.#fence = fence;
    this.#place = null;
  }

  #lose(): void {
    this.#place = null;
    this.#options.onLost();
    this.#options.ask();
  }

  #follow({ first, lines }: Frame): void {
    const place = this.#place;
    if (place === null) {
      this.#options.onDropped('unsynced', lines.length);
      this.#options.ask();
      return;
    }
    if (first > place.next) {
      this.#lose();
      return;
    }
    const known = Math.min(place.next - first, lines.length);
    if (known > 0) this.#options.onDropped('duplicate', known);
    for (const line of lines.slice(known)) this.#pass(line);
    place.next = Math.max(place.next, first + lines.length);
  }

  #pass(line: MarketData | null): void {
    if (line === null) {
      this.#reset();
      return;
    }
    if (this.#isLossless && this.#last !== null && isRepeated(line, this.#last)) {
      this.#options.onDropped('duplicate', 1);
      return;
    }
    this.#last = line;
    this.#isTold = false;
    this.#channel.publish(line);
  }

  #reset(): void {
    this.#isTold = true;
    this.#channel.reset();
  }

  #begin({ fence, first, lines }: Frame, start: StreamStart): void {
    // One that was asked for before says nothing new.
    if (this.#place !== null && (first < this.#place.next || (first === this.#place.next && !this.#isTold))) return;
    this.#place = { fence, next: first };
    const events = lines.filter((line) => line !== null);
    if (this.#isLossless) this.#goOn(events, start);
    else this.#replace(events.at(-1) ?? null, start);
  }

  /** A later value stands for all before it. */
  #replace(latest: MarketData | null, start: StreamStart): void {
    const isSame = start.epoch === this.#epoch;
    if (!isSame) this.#reopen(start, []);
    if (latest === null) {
      // The leader itself does not know the value just now.
      this.#reset();
    } else if (!isSame || this.#isTold || latest.cursor !== this.#last?.cursor) {
      this.#pass(latest);
    }
  }

  /** Subscribers get what they lack of it. */
  #goOn(events: readonly MarketData[], start: StreamStart): void {
    const last = this.#last;
    const isNew = start.epoch !== this.#epoch;
    const value = this.#valueIn(events);
    const kept = value === null ? events : events.slice(0, -1);
    const from = this.#indexOfMissed(kept);
    const [past, missed] = [kept.slice(0, from), kept.slice(from)];
    const hasHole = past.length === 0 && this.#lacksBefore(missed.at(0), start.epoch);
    const toCome = value?.type === 'status' ? [...missed, value] : missed;
    if (isNew) this.#reopen(startBehind(past, toCome, start), past);
    if (hasHole) this.#options.onGap({ from: last?.time ?? null, to: missed.at(0)?.time ?? null });
    for (const event of missed) this.#pass(event);
    this.#joinedAt = start.sequence;
    if (value !== null && (last === null || indexBehind([value], last) === 0)) this.#pass(value);
    else if (this.#type === 'status' && missed.length === 0 && (isNew || this.#isTold)) this.#repeat(events.at(-1));
    this.#last ??= past.at(-1) ?? null;
  }

  /** The newest value, if it is no part of the past: an open candle, and the status for those who have none. */
  #valueIn(events: readonly MarketData[]): MarketData | null {
    const newest = events.at(-1);
    if (newest === undefined) return null;
    if (newest.type === 'status') return this.#last === null ? withoutGap(newest) : null;
    return newest.type === 'candle' && !newest.closed ? newest : null;
  }

  /** Subscribers have the status, but were told something else since, or know of no stream any more that it is of. */
  #repeat(status: MarketData | undefined): void {
    if (status?.type !== 'status') return;
    this.#isTold = false;
    this.#channel.publish(withoutGap(status));
  }

  /** The index of the first event that subscribers should have got. */
  #indexOfMissed(events: readonly MarketData[]): number {
    if (this.#last !== null) return indexBehind(events, this.#last);
    const joinedAt = this.#joinedAt ?? Number.POSITIVE_INFINITY;
    // Every leader goes on behind the numbers of the one before.
    const at = events.findIndex(({ sequence }) => sequence > joinedAt);
    return at === -1 ? events.length : at;
  }

  /** The leader does not have what came before this event, which subscribers should have got. */
  #lacksBefore(first: MarketData | undefined, epoch: string): boolean {
    if (this.#type === 'status') return false;
    if (this.#last !== null) return first !== undefined && !isNext(this.#last, first);
    if (this.#joinedAt === null) return false;
    // A leader that knows of no event before its own can't have gone on behind one.
    return epoch !== this.#epoch || (first !== undefined && first.sequence > this.#joinedAt + 1);
  }

  #reopen(start: StreamStart, past: readonly MarketData[]): void {
    this.#channel[Symbol.dispose]();
    this.#epoch = start.epoch;
    this.#channel = this.#options.receiver.receive(this.key, start, past);
  }

  get #isLossless(): boolean {
    return isLossless(this.#type);
  }
}

/** Returns where a stream begins behind these events, if others come before those that have not been published yet. */
export function startBehind(
  known: readonly MarketData[],
  missed: readonly MarketData[],
  start: StreamStart,
): StreamStart {
  const [first] = missed;
  return first === undefined ? start : { epoch: start.epoch, sequence: known.at(-1)?.sequence ?? first.sequence - 1 };
}

/** Returns the index of the first event that comes behind this one, by whichever leader it was numbered. */
export function indexBehind(events: readonly MarketData[], last: MarketData): number {
  const epoch = parseCursor(last.cursor)?.epoch;
  const at = events.findIndex((event) =>
    parseCursor(event.cursor)?.epoch === epoch ? event.sequence > last.sequence : placeOf(event) > placeOf(last),
  );
  return at === -1 ? events.length : at;
}

/** The status as it is now: a gap was told when it happened. */
function withoutGap(status: FeedStatus): FeedStatus {
  if (status.feeds === undefined) return { ...status, gap: null };
  return { ...status, gap: null, feeds: status.feeds.map((feed) => ({ ...feed, gap: null })) };
}

/** The event repeats what another leader has published already, who had come further. */
function isRepeated(event: MarketData, last: MarketData): boolean {
  if (parseCursor(event.cursor)?.epoch === parseCursor(last.cursor)?.epoch) return false;
  // A venue that numbers its trades anew does so in its own time.
  return placeOf(event) <= placeOf(last) && event.time <= last.time;
}

/** True if nothing can be missing between two events of a stream. */
function isNext(before: MarketData, event: MarketData): boolean {
  const isSameEpoch = parseCursor(before.cursor)?.epoch === parseCursor(event.cursor)?.epoch;
  if (isSameEpoch && event.sequence === before.sequence + 1) return true;
  if (event.type === 'candle' && before.type === 'candle') return event.openTime <= before.closeTime;
  return placeOf(event) === placeOf(before) + 1;
}

/**
 * The venue's own place: the id of a trade, the time of a candle, of which the closed one comes last. Statuses have none,
 * but every leader numbers them behind those of the leaders before.
 */
function placeOf(event: MarketData): number {
  if (event.type === 'trade') return Number(event.tradeId);
  if (event.type === 'candle') return toEpochMs(event.openTime) + (event.closed ? 1 : 0.5);
  return event.type === 'status' ? event.sequence : Number.NaN;
}
