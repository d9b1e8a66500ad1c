import type { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import type { CandleDraft, MarketData, TradeDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
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

/** The stream has begun, and nothing has come yet. */
interface Tail {
  /** Events that are missing between the last one and the first that comes have their numbers there. */
  readonly room: Room;
  /** The place that comes next if nothing is missing; null if that is not known. */
  readonly next: number | null;
}

export interface KeptEventsOptions {
  /** How far apart the places of neighbours are. */
  readonly step: number;
  /** Every place has an event, as every id has a trade. Candles are missing where nothing was traded. */
  readonly isDense: boolean;
  /** The number before the first one. */
  readonly start: number;
  /** Makes an event of the past. */
  readonly make: (draft: TradeDraft | CandleDraft, sequence: number) => Omit<KeptEvent, 'room'>;
}

/**
 * Events of one stream in their order, with what is known of it: where events may be missing, and which numbers those
 * would have. Events of the venue's history are put there.
 */
export class KeptEvents {
  readonly #options: KeptEventsOptions;
  #entries: KeptEvent[] = [];
  /** Higher numbers are in the order of events, and all of those events are here. */
  #since: number;
  /** Every event behind this place is here, up to the first room; null while that is not known. */
  #base: { readonly place: number; readonly sequence: number } | null = null;
  #tail: Tail | null;

  constructor(options: KeptEventsOptions) {
    this.#options = options;
    this.#since = options.start;
    this.#tail = { room: { from: 0, to: options.start }, next: null };
  }

  get length(): number {
    return this.#entries.length;
  }

  get first(): KeptEvent | undefined {
    return this.#entries[0];
  }

  get last(): KeptEvent | undefined {
    return this.#entries.at(-1);
  }

  /** Numbers below this one are not compared with those that are kept. */
  get since(): number {
    return this.#since;
  }

  /** The number of the last event, or that before the first one. */
  get lastSequence(): number {
    return this.last?.sequence ?? this.#since;
  }

  /** Events that come live from now on have higher numbers; events of the past that are still put in have not. */
  get beforeNext(): number {
    return Math.max(this.lastSequence, this.#tail?.room.to ?? 0);
  }

  /** The number before that of the first event that is kept. */
  get beforeFirst(): number {
    const { first } = this;
    return first === undefined ? this.#since : Math.ceil(first.sequence) - 1;
  }

  /** The stream has begun again: what was missed meanwhile has its numbers in the room. */
  reopen(room: Room): void {
    this.#tail = { room, next: null };
  }

  /**
   * Puts an event behind all others. `known`: it has been filled in already, and is left out. `anew`: the venue numbers
   * its trades anew, so that what is kept can't be joined with it; `forgetBeforeLast` has to be called.
   */
  append(entry: Omit<KeptEvent, 'room'>): 'kept' | 'known' | 'anew' {
    const { place, sequence, sharedEvent } = entry;
    if (Number.isNaN(place)) {
      this.#push(entry, null);
      return 'kept';
    }
    const last = this.#placedBefore(this.#entries.length);
    const isAnew = last !== undefined && place <= last.place;
    if (isAnew && !isNumberedAnew(sharedEvent.event, last.sharedEvent.event)) return 'known';
    this.#push(entry, isAnew ? null : this.#roomBefore(place, sequence));
    this.#tail = null;
    if (!isAnew) this.#base ??= this.#baseBefore(entry);
    return isAnew ? 'anew' : 'kept';
  }

  /** Drops all events but the last, which is the first in another numbering of the venue. Returns those that go. */
  forgetBeforeLast(): readonly KeptEvent[] {
    const dropped = this.drop(this.#entries.length - 1);
    const { last } = this;
    if (last === undefined) return dropped;
    this.#since = Math.max(this.#since, last.sequence - 0.5);
    this.#base = this.#baseBefore(last);
    return dropped;
  }

  /** Drops the oldest events. Returns them. */
  drop(count: number): readonly KeptEvent[] {
    if (count <= 0) return [];
    const dropped = this.#entries.splice(0, count);
    for (const { place, sequence } of dropped) {
      this.#since = Math.max(this.#since, Math.ceil(sequence));
      if (!Number.isNaN(place)) this.#base = { place, sequence };
    }
    return dropped;
  }

  /** How many of the oldest events were kept before this time on the monotonic clock. */
  countBefore(atMs: number): number {
    let count = 0;
    while (count < this.#entries.length && (this.#entries[count]?.atMs ?? atMs) < atMs) count += 1;
    return count;
  }

  /**
   * Like `positionOf`, by the venue's own place. A trade has to be here, and made at that time: a venue may number its
   * trades anew. Null if events behind it are not kept.
   */
  positionBehind(place: number, timeMs: number): number | null {
    const base = this.#base;
    if (base === null || place < base.place) return null;
    const last = this.#entries.findLast((entry) => entry.place <= place);
    if (!this.#options.isDense) return last?.sequence ?? this.beforeFirst;
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

  /** True for an open candle that came live since the stream began (again), as long as nothing that is kept has come. */
  cameLive(sequence: number): boolean {
    return this.#tail !== null && sequence > this.#tail.room.to;
  }

  /** Nothing is missing behind this number, as far as is known. */
  isWholeBehind(sequence: number): boolean {
    if (this.#isTailOpenBehind(sequence)) return false;
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
    return this.#isTailOpenBehind(sequence) ? this.#placeBefore(this.#entries.length) : null;
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

  /** Puts events of the venue's history where they are missing; what is here already, or will come live, is left out. */
  fillIn(past: PastEvents): void {
    if (!(past.after < past.next)) return;
    const places = past.drafts.map(placeOf);
    if (this.isOfOtherNumbering(past)) {
      // A stream that delivers will say so itself.
      if (this.#tail === null) return;
      this.drop(this.#entries.length);
      this.#since = Math.max(this.#since, this.#tail.room.to + 0.5);
      this.#base = null;
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

  /** Null if nothing is missing between the last event and that which comes now, or the loss has been reported. */
  #roomBefore(place: number, sequence: number): Room | null {
    const { last } = this;
    const isReported = last !== undefined && Number.isNaN(last.place);
    const tail = this.#tail;
    if (tail !== null) {
      if (this.#base === null) return null;
      return tail.next !== null && (isReported || place <= tail.next) ? null : tail.room;
    }
    const before = this.#placeBefore(this.#entries.length);
    if (isReported || before === null || !this.#isApart(before, place)) return null;
    return { from: this.lastSequence, to: sequence - 1 };
  }

  get #isTailOpen(): boolean {
    return this.#tail !== null && this.#tail.next === null;
  }

  /** Nothing is missing behind what came live. */
  #isTailOpenBehind(sequence: number): boolean {
    return this.#isTailOpen && !this.cameLive(sequence);
  }

  /** The events that are kept were numbered otherwise by the venue. */
  isOfOtherNumbering({ drafts }: Pick<PastEvents, 'drafts'>): boolean {
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
      step: this.#options.step,
    });
    const [first] = numbers ?? [];
    const last = numbers?.at(-1);
    if (numbers === null || first === undefined || last === undefined) return;
    const made = this.#make(drafts, numbers);
    if (made[0] !== undefined) made[0].room = { from: room.from, to: first - 1 };
    if (following !== undefined) following.room = { from: last, to: room.to };
    else if (tail !== null) this.#tail = { ...tail, room: { from: last, to: room.to } };
    // What was reported since the stream began is behind them.
    this.#entries.splice(this.#indexAfter(last), 0, ...made);
  }

  /** Inserts events before those that are kept. */
  #fillFront(drafts: PastEvents['drafts'], { after, next }: PastEvents): void {
    const base = this.#base;
    if (base === null || !(after < base.place)) return;
    const places = drafts.map(placeOf);
    const lastPlace = drafts.length === 0 ? after : places.at(-1);
    const reaches = next > base.place && (!this.#options.isDense || lastPlace === base.place);
    const following = this.#entries.find(({ place }) => !Number.isNaN(place));
    const numbers = numbersUpTo(base, places, this.#options.step);
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
    const made: KeptEvent[] = [];
    for (const [index, draft] of drafts.entries()) {
      const sequence = numbers[index] ?? 0;
      const entry = this.#options.make(draft, sequence);
      const before = made.at(-1);
      const isApart = before !== undefined && this.#isApart(before.place, entry.place);
      made.push({ ...entry, room: isApart ? { from: before.sequence, to: sequence - 1 } : null });
    }
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
    const isNext = place === before + this.#options.step;
    return this.#options.isDense ? !isNext : !isNext && !isProven;
  }

  #push({ sharedEvent, sequence, place, bytes, atMs }: Omit<KeptEvent, 'room'>, room: Room | null): void {
    this.#entries.push({ sharedEvent, sequence, place, room, bytes, atMs });
  }

  #baseBefore({ place, sequence }: Pick<KeptEvent, 'place' | 'sequence'>): { place: number; sequence: number } {
    return { place: place - this.#options.step, sequence: Math.min(this.#since, sequence - 1) };
  }
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
