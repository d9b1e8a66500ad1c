import { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import { cursorPrefix, formatCursor, streamMark } from '../../market/cursor.ts';
import type { Cursor, StreamStart } from '../../market/cursor.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, MarketData, StreamAddress, StreamKey, TradeDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import { PAST_ROOM, venuePlace } from '../NumberedStream.ts';
import { numbersIn, numbersUpTo } from './placing.ts';
import type { Room } from './placing.ts';

/** An event that is kept. */
export interface KeptEvent {
  sharedEvent: SharedEvent;
  /** That of the event. The report of a gap has a fraction more than the event before it. */
  readonly sequence: number;
  /** Its place in the venue's order: the id of a trade, the open time of a candle. NaN if it has none. */
  readonly place: number;
  /** Something may be missing between it and the event before it, and has its numbers there. Null: nothing is. */
  room: Room | null;
  bytes: number;
  readonly atMs: number;
}

/** Events of the venue's history, oldest first, and what they prove: between both places there are no others. */
export interface PastEvents {
  readonly drafts: readonly (TradeDraft | CandleDraft)[];
  /** The history is complete behind this place; NaN if it proves nothing. */
  readonly after: number;
  /** The history is complete up to this place, which comes next. */
  readonly next: number;
}

export interface ReplayLogOptions {
  readonly key: StreamKey;
  readonly address: StreamAddress;
  readonly start: StreamStart;
  /** The monotonic time, to about a second. */
  readonly now: () => number;
  /** Called when the memory that the log takes has changed. */
  readonly onBytes: (change: number) => void;
}

/** The stream has begun, and nothing has come yet. */
interface Tail {
  /** What is missing between the last event and the first that comes has its numbers there. */
  readonly room: Room;
  /** The place that comes next if nothing is missing; null if that is not known. */
  readonly next: number | null;
}

/** More live events of one stream are not kept. */
const MAX_EVENTS = 1_000;
const SLACK = 64;
/** So many are kept while a subscriber waits for what comes before them, or is being sent them. */
const MAX_HELD_EVENTS = 10_000;
/** The memory of an event beside its encodings. */
const ENTRY_BYTES = 800;
/** An event with more encodings than that loses them: they are made again when they are needed. */
const MAX_ENCODED_BYTES = 16_384;

/**
 * The newest events of one stream that may not be lost: trades, closed candles, statuses, and between them the reports
 * of gaps. Subscribers who come back get those behind their last one, with the encodings that they already have. Events
 * of the venue's history can be filled in where some are missing. It outlives the stream for two minutes.
 */
export class ReplayLog {
  readonly key: StreamKey;
  readonly #options: ReplayLogOptions;
  /** How far apart the places of neighbours are. */
  readonly #step: number;
  #entries: KeptEvent[] = [];
  #epoch: string;
  /** Higher numbers of this epoch are in the order of events, and all of those events are here. */
  #since: number;
  /** Every event behind this place is here, up to the first room; null while that is not known. */
  #base: { readonly place: number; readonly sequence: number } | null = null;
  #tail: Tail | null;
  readonly #holds = new Set<() => void>();
  #endedAtMs: number | null = null;

  constructor(options: ReplayLogOptions) {
    const { address, key, start } = options;
    this.key = key;
    this.#options = options;
    this.#epoch = start.epoch;
    this.#since = start.sequence;
    this.#step = address.interval === null ? 1 : CANDLE_INTERVALS[address.interval];
    this.#tail = { room: { from: 0, to: start.sequence }, next: null };
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The number of the last event, or that before the first one. */
  get lastSequence(): number {
    return this.#entries.at(-1)?.sequence ?? this.#since;
  }

  get oldestAtMs(): number | null {
    return this.#entries[0]?.atMs ?? null;
  }

  /** The number before that of the first event that is kept. */
  get beforeFirst(): number {
    const first = this.#entries[0];
    return first === undefined ? this.#since : Math.ceil(first.sequence) - 1;
  }

  /** When the stream ended, on the monotonic clock; null while it is open. */
  get endedAtMs(): number | null {
    return this.#endedAtMs;
  }

  /** The stream begins again. */
  reopen({ epoch, sequence }: StreamStart): void {
    this.#endedAtMs = null;
    const isSame = epoch === this.#epoch;
    if (!isSame) {
      this.#drop(this.#entries.length);
      this.#epoch = epoch;
      this.#since = sequence;
      this.#base = null;
    }
    this.#tail = { room: { from: isSame ? sequence - PAST_ROOM : 0, to: sequence }, next: null };
  }

  /** The stream has ended; the log is kept for a while. */
  end(): void {
    this.#endedAtMs = this.#options.now();
  }

  /** Keeps the next event of the stream, unless it has been filled in already. */
  append(sharedEvent: SharedEvent): void {
    const { event } = sharedEvent;
    this.#settleLast();
    const place = placeOf(event);
    let room: Room | null = null;
    if (!Number.isNaN(place)) {
      const last = this.#placedBefore(this.#entries.length);
      if (last !== undefined && place <= last.place) {
        if (!isNumberedAnew(event, last.sharedEvent.event)) return;
        this.#forget(event.sequence - 1);
      }
      room = this.#roomBefore(place, event.sequence);
      this.#tail = null;
      this.#base ??= { place: place - this.#step, sequence: Math.min(this.#since, event.sequence - 1) };
    }
    this.#add({ sharedEvent, sequence: event.sequence, place, room });
    if (this.#entries.length > MAX_EVENTS + SLACK) this.#bound();
  }

  /** Keeps the report of a gap behind the last event. */
  appendGap(report: SharedEvent): void {
    this.#settleLast();
    const before = this.lastSequence;
    const sequence = (before + Math.floor(before) + 1) / 2;
    this.#add({ sharedEvent: report, sequence, place: Number.NaN, room: null });
  }

  /**
   * Drops what was kept before this time on the monotonic clock. `isForced`: also what a subscriber is still to be sent,
   * who is called first.
   */
  dropBefore(atMs: number, { isForced = false } = {}): void {
    let count = 0;
    while (count < this.#entries.length && (this.#entries[count]?.atMs ?? atMs) < atMs) count += 1;
    if (count === 0) return;
    if (isForced) this.#press();
    else if (this.#holds.size > 0) return;
    this.#drop(Math.min(count, this.#entries.length));
  }

  /**
   * Lets the log keep far more than usually, until disposed of. `onPressed` is called when it can do so no longer: what
   * is still needed has to be taken at once.
   */
  hold(onPressed: () => void): Disposable {
    const held = (): void => {
      onPressed();
    };
    this.#holds.add(held);
    return {
      [Symbol.dispose]: () => {
        this.#holds.delete(held);
      },
    };
  }

  /**
   * The number behind which a client with this cursor has to go on, by the number in it. Null if that says nothing: the
   * cursor is of another epoch, or older than what is kept.
   */
  positionOf({ epoch, sequence }: Cursor): number | null {
    if (epoch !== this.#epoch || sequence < this.#since) return null;
    return Math.min(sequence, this.lastSequence);
  }

  /**
   * Like `positionOf`, by the venue's own place. A trade has to be here, and made at that time: a venue may number its
   * trades anew. Null if events behind it are not kept.
   */
  positionBehind(place: number, timeMs: number): number | null {
    const base = this.#base;
    if (base === null || place < base.place) return null;
    const last = this.#entries.findLast((entry) => entry.place <= place);
    if (this.#options.address.type !== 'trade') return last?.sequence ?? this.beforeFirst;
    const isIt = last !== undefined && last.place === place && toEpochMs(last.sharedEvent.event.time) === timeMs;
    return isIt ? last.sequence : null;
  }

  /** Like `positionBehind`, if events are missing: behind what is kept up to the time, or before the first event. */
  positionSince(timeMs: number): number {
    const last = this.#entries.findLast(({ sharedEvent }) => toEpochMs(sharedEvent.event.time) <= timeMs);
    return last?.sequence ?? this.beforeFirst;
  }

  /**
   * The number behind which so many events are joined to the live ones without a hole; `isAll` is false if there are
   * fewer of them.
   */
  positionOfLast(count: number): { readonly behind: number; readonly isAll: boolean } {
    if (this.#isTailOpen) return { behind: this.lastSequence, isAll: count === 0 };
    let left = count;
    for (let at = this.#entries.length - 1; at >= 0 && left > 0; at -= 1) {
      const entry = this.#entries[at];
      if (entry === undefined) break;
      if (!Number.isNaN(entry.place)) left -= 1;
      const before = this.#entries[at - 1]?.sequence ?? this.beforeFirst;
      if (left === 0 || entry.room !== null) return { behind: before, isAll: left === 0 };
    }
    return { behind: left === 0 ? this.lastSequence : this.beforeFirst, isAll: left === 0 };
  }

  /** Nothing is missing behind this number, as far as is known. */
  isWholeBehind(sequence: number): boolean {
    if (this.#isTailOpen) return false;
    for (let at = this.#indexAfter(sequence); at < this.#entries.length; at += 1) {
      if (this.#entries[at]?.room !== null) return false;
    }
    return true;
  }

  /** The place behind which events are missing first, behind this number; null if none are, or it is not known. */
  tornBehind(sequence: number): number | null {
    const first = this.#indexAfter(sequence);
    for (let at = first; at < this.#entries.length; at += 1) {
      if (this.#entries[at]?.room !== null) return this.#placeBefore(at);
    }
    return this.#isTailOpen ? this.#placeBefore(this.#entries.length) : null;
  }

  /** The events behind this number, oldest first. */
  after(sequence: number, limit = Number.POSITIVE_INFINITY): readonly KeptEvent[] {
    const first = this.#indexAfter(sequence);
    return this.#entries.slice(first, first + limit);
  }

  /** How many events there are behind this number, without reports. */
  countAfter(sequence: number): number {
    let count = 0;
    for (let at = this.#indexAfter(sequence); at < this.#entries.length; at += 1) {
      if (!Number.isNaN(this.#entries[at]?.place)) count += 1;
    }
    return count;
  }

  /** Null if nothing is missing between the last event and that which comes now, or the loss has been reported. */
  #roomBefore(place: number, sequence: number): Room | null {
    const last = this.#entries.at(-1);
    const isReported = last !== undefined && Number.isNaN(last.place);
    const tail = this.#tail;
    if (tail === null) {
      if (isReported || last === undefined || !this.#isApart(last.place, place)) return null;
      return spaceBetween(last, sequence);
    }
    if (this.#base === null) return null;
    return tail.next !== null && (isReported || place <= tail.next) ? null : tail.room;
  }

  /** Puts events of the venue's history where they are missing; what is here already, or will come live, is left out. */
  fillIn(past: PastEvents): void {
    if (!(past.after < past.next)) return;
    const places = past.drafts.map(placeOf);
    if (this.#isOfOtherNumbering(past.drafts)) {
      // A stream that delivers will say so itself.
      if (this.#tail === null) return;
      this.#forget(this.#tail.room.to);
      this.#tail = { ...this.#tail, next: null };
    }
    let end = places.length;
    for (let at = this.#entries.length; at >= 0; at -= 1) {
      const following = this.#entries[at];
      if (following !== undefined && Number.isNaN(following.place)) continue;
      const before = this.#placeBefore(at) ?? Number.NEGATIVE_INFINITY;
      while (end > 0 && (places[end - 1] ?? 0) >= (following?.place ?? Number.POSITIVE_INFINITY)) end -= 1;
      let from = end;
      while (from > 0 && (places[from - 1] ?? 0) > before) from -= 1;
      if (from < end) this.#insert(at, past.drafts.slice(from, end));
      end = from;
    }
    this.#fillFront(past.drafts.slice(0, end), past);
    this.#mend(past);
  }

  /** The encodings of these events may have been made meanwhile. */
  settle(entries: Iterable<KeptEvent>): void {
    for (const entry of entries) this.#settle(entry);
  }

  get #isTailOpen(): boolean {
    return this.#tail !== null && this.#tail.next === null;
  }

  /** The events that are kept were numbered otherwise by the venue. */
  #isOfOtherNumbering(drafts: PastEvents['drafts']): boolean {
    const last = this.#placedBefore(this.#entries.length)?.sharedEvent.event;
    const newest = drafts.at(-1);
    if (last?.type !== 'trade' || newest?.type !== 'trade') return false;
    const same = drafts.find((draft) => draft.type === 'trade' && draft.tradeId === last.tradeId);
    const isOther = same !== undefined && toEpochMs(same.time) !== toEpochMs(last.time);
    return isOther || (placeOf(newest) < placeOf(last) && toEpochMs(newest.time) > toEpochMs(last.time));
  }

  #placedBefore(index: number): KeptEvent | undefined {
    for (let at = index - 1; at >= 0; at -= 1) {
      const entry = this.#entries[at];
      if (entry !== undefined && !Number.isNaN(entry.place)) return entry;
    }
    return undefined;
  }

  /** The place of the event before the one at this index, or that behind which everything is here. */
  #placeBefore(index: number): number | null {
    return this.#placedBefore(index)?.place ?? this.#base?.place ?? null;
  }

  #indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.sequence ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Inserts events before the one at this index, if some are missing there. */
  #insert(at: number, drafts: PastEvents['drafts']): void {
    const following = this.#entries[at];
    const tail = this.#tail;
    const room = following === undefined ? (tail?.next === null ? tail.room : null) : following.room;
    if (room === null) return;
    const numbers = numbersIn(room, {
      places: drafts.map(placeOf),
      next: following?.place ?? null,
      step: this.#step,
    });
    const [first] = numbers ?? [];
    const last = numbers?.at(-1);
    if (numbers === null || first === undefined || last === undefined) return;
    const made = this.#make(drafts, numbers);
    if (made[0] !== undefined) made[0].room = { from: room.from, to: first - 1 };
    if (following !== undefined) following.room = { from: last, to: room.to };
    else if (tail !== null) this.#tail = { ...tail, room: { from: last, to: room.to } };
    this.#entries.splice(at, 0, ...made);
  }

  /** Inserts events before those that are kept. */
  #fillFront(drafts: PastEvents['drafts'], { after, next }: PastEvents): void {
    const base = this.#base;
    if (base === null || !(after < base.place)) return;
    const { address } = this.#options;
    const places = drafts.map(placeOf);
    const lastPlace = drafts.length === 0 ? after : places.at(-1);
    const reaches = next > base.place && (address.type !== 'trade' || lastPlace === base.place);
    const following = this.#entries.find(({ place }) => !Number.isNaN(place));
    const numbers = numbersUpTo(base, places, this.#step);
    const last = numbers?.at(-1);
    // Without a hole that could be told of, nothing can be put there.
    if (numbers === null || (!reaches && (last === undefined || following === undefined))) return;
    if (!reaches && last !== undefined && following !== undefined) {
      following.room = { from: last, to: following.room?.to ?? base.sequence };
    }
    this.#entries.splice(0, 0, ...this.#make(drafts, numbers));
    this.#base = { place: after, sequence: (numbers[0] ?? base.sequence + 1) - 1 };
  }

  #make(drafts: PastEvents['drafts'], numbers: readonly number[]): KeptEvent[] {
    const { address, key, now, onBytes } = this.#options;
    const { broker, symbol } = address;
    const prefix = cursorPrefix(streamMark(address), this.#epoch);
    const atMs = now();
    const made: KeptEvent[] = [];
    for (const [index, draft] of drafts.entries()) {
      const sequence = numbers[index] ?? 0;
      const cursor = formatCursor(prefix, sequence, venuePlace(draft));
      const sharedEvent = new SharedEvent(key, { ...draft, broker, symbol, sequence, cursor });
      const place = placeOf(draft);
      const before = made.at(-1);
      const room = before !== undefined && this.#isApart(before.place, place) ? spaceBetween(before, sequence) : null;
      made.push({ sharedEvent, sequence, place, room, bytes: ENTRY_BYTES, atMs });
    }
    onBytes(made.length * ENTRY_BYTES);
    return made;
  }

  /** Closes the rooms in which nothing is missing. */
  #mend({ after, drafts, next }: PastEvents): void {
    const first = this.#entries.find(({ place }) => !Number.isNaN(place));
    const newest = drafts.at(-1);
    const lastPlace = newest === undefined ? after : placeOf(newest);
    if (this.#base === null) {
      // There was no room for them.
      if (first === undefined && newest !== undefined) return;
      this.#base = { place: after, sequence: (first?.sequence ?? this.#since + 1) - 1 };
    }
    let before = this.#base.place;
    for (const entry of this.#entries) {
      if (Number.isNaN(entry.place)) continue;
      const isProven = before >= after && entry.place <= next;
      if (entry.room !== null && !this.#isApart(before, entry.place, isProven)) entry.room = null;
      before = entry.place;
    }
    if (this.#tail !== null && this.#isTailOpen && before >= lastPlace && before < next) {
      this.#tail = { ...this.#tail, next };
    }
  }

  /** Trades are numbered by one. Candles are missing where nothing was traded, too: `isProven` says whether that is so. */
  #isApart(before: number, place: number, isProven = true): boolean {
    const isNext = place === before + this.#step;
    return this.#options.address.type === 'trade' ? !isNext : !isNext && !isProven;
  }

  #add(entry: Pick<KeptEvent, 'sharedEvent' | 'sequence' | 'place' | 'room'>): void {
    const { sharedEvent, sequence, place, room } = entry;
    const atMs = this.#options.now();
    this.#entries.push({ sharedEvent, sequence, place, room, bytes: ENTRY_BYTES, atMs });
    this.#options.onBytes(ENTRY_BYTES);
  }

  /** The encodings of the last event have been made by now. */
  #settleLast(): void {
    const last = this.#entries.at(-1);
    if (last !== undefined) this.#settle(last);
  }

  #settle(entry: KeptEvent): void {
    const encoded = entry.sharedEvent.encodedBytes;
    if (encoded > MAX_ENCODED_BYTES) entry.sharedEvent = entry.sharedEvent.bare();
    const bytes = ENTRY_BYTES + (encoded > MAX_ENCODED_BYTES ? 0 : encoded);
    if (bytes === entry.bytes) return;
    const change = bytes - entry.bytes;
    entry.bytes = bytes;
    this.#options.onBytes(change);
  }

  /** A few more are kept, so that they need not be moved for each event. */
  #bound(): void {
    if (this.#holds.size > 0) {
      if (this.#entries.length <= MAX_HELD_EVENTS) return;
      this.#press();
    }
    this.#drop(this.#entries.length - MAX_EVENTS);
  }

  #press(): void {
    const holds = [...this.#holds];
    this.#holds.clear();
    for (const onPressed of holds) onPressed();
  }

  /** The venue numbers its trades anew: what was kept, up to this number, can't be joined with what comes. */
  #forget(upTo: number): void {
    this.#drop(this.#entries.length);
    this.#since = Math.max(this.#since, upTo + 0.5);
    this.#base = null;
  }

  #drop(count: number): void {
    if (count <= 0) return;
    let bytes = 0;
    let last: KeptEvent | null = null;
    for (let at = 0; at < count; at += 1) {
      const entry = this.#entries[at];
      if (entry === undefined) break;
      bytes += entry.bytes;
      this.#since = Math.max(this.#since, Math.ceil(entry.sequence));
      if (!Number.isNaN(entry.place)) last = entry;
    }
    if (last !== null) this.#base = { place: last.place, sequence: last.sequence };
    this.#entries.splice(0, count);
    this.#options.onBytes(-bytes);
  }
}

function spaceBetween(before: KeptEvent, sequence: number): Room {
  return { from: before.sequence, to: sequence - 1 };
}

/** The place of an event in the venue's order; NaN if it has none. */
export function placeOf(event: MarketData | TradeDraft | CandleDraft): number {
  if (event.type === 'candle') return toEpochMs(event.openTime);
  return event.type === 'trade' ? Number(event.tradeId) : Number.NaN;
}

/** A trade with a lower id than one before it, and yet a later one. */
function isNumberedAnew(event: MarketData, last: MarketData): boolean {
  return event.type === 'trade' && toEpochMs(event.time) > toEpochMs(last.time);
}
