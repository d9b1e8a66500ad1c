import { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import { cursorPrefix, formatCursor, streamMark } from '../../market/cursor.ts';
import type { Cursor, StreamStart } from '../../market/cursor.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, MarketData, StreamAddress, StreamKey, TradeDraft } from '../../market/marketData.ts';
import { toEpochMs } from '../../market/timestamp.ts';
import type { Clock } from '../../shared/clock.ts';
import { KEPT_MS, venuePlace } from '../NumberedStream.ts';

/** An event that is kept. */
export interface KeptEvent {
  sharedEvent: SharedEvent;
  /** That of the event. The report of a gap has half a number more than the event before it. */
  readonly sequence: number;
  /** Its place in the venue's order: the id of a trade, the open time of a candle. NaN if it has none. */
  readonly place: number;
  /** Something may be missing between it and the event before it. */
  isTorn: boolean;
  bytes: number;
  readonly atMs: number;
}

/** Events of the venue's history, oldest first, and what they prove. */
export interface PastEvents {
  readonly drafts: readonly (TradeDraft | CandleDraft)[];
  /** The history is complete behind this place. */
  readonly after: number;
  /** The place of what comes next in the live stream: the history is complete up to there. */
  readonly next: number;
}

export interface ReplayLogOptions {
  readonly key: StreamKey;
  readonly address: StreamAddress;
  readonly start: StreamStart;
  readonly clock: Clock;
  /** Called when the memory that the log takes has changed. */
  readonly onBytes: (change: number) => void;
}

/** More live events of one stream are not kept. */
const MAX_EVENTS = 1_000;
const SLACK = 64;
/** So many are kept while a subscriber waits for what comes before them. */
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
  /** Every event of this epoch with a higher number is here. */
  #since: number;
  /** Every event behind this place is here; null while that is not known. */
  #sincePlace: number | null = null;
  /** Something may be missing behind the last event; what is next if not. */
  #tail: { readonly next: number | null } | null;
  #holds = 0;
  #endedAtMs: number | null = null;

  constructor(options: ReplayLogOptions) {
    const { address, key, start } = options;
    this.key = key;
    this.#options = options;
    this.#epoch = start.epoch;
    this.#since = start.sequence;
    this.#step = address.interval === null ? 1 : CANDLE_INTERVALS[address.interval];
    this.#tail = { next: null };
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

  /** The stream begins again. */
  reopen(start: StreamStart): void {
    this.#endedAtMs = null;
    if (start.epoch !== this.#epoch) {
      this.#drop(this.#entries.length);
      this.#epoch = start.epoch;
      this.#since = start.sequence;
      this.#sincePlace = null;
    }
    this.#tail = { next: null };
  }

  /** When the stream ended, on the monotonic clock; null while it is open. */
  get endedAtMs(): number | null {
    return this.#endedAtMs;
  }

  /** The stream has ended; the log is kept for a while. */
  end(): void {
    this.#endedAtMs = this.#options.clock.monotonic();
  }

  /** Keeps the next event of the stream. */
  append(sharedEvent: SharedEvent): void {
    const { event } = sharedEvent;
    this.#settleLast();
    const place = placeOf(event);
    const tail = this.#tail;
    const isTorn = tail !== null && this.#entries.length > 0 && (tail.next === null || !(place <= tail.next));
    this.#tail = null;
    if (this.#entries.length === 0) this.#sincePlace ??= place - this.#step;
    this.#add(sharedEvent, event.sequence, { place, isTorn });
    const limit = this.#holds > 0 ? MAX_HELD_EVENTS : MAX_EVENTS;
    // A few more are kept, so that they need not be moved for each event.
    if (this.#entries.length > limit + SLACK) this.#drop(this.#entries.length - limit);
    this.trim();
  }

  /** Keeps the report of a gap behind the last event. */
  appendGap(report: SharedEvent): void {
    this.#settleLast();
    this.#add(report, Math.floor(this.lastSequence) + 0.5, { place: Number.NaN, isTorn: false });
  }

  /** Drops what is too old. */
  trim(): void {
    if (this.#holds > 0) return;
    const oldestMs = this.#options.clock.monotonic() - KEPT_MS;
    this.dropBefore(oldestMs);
  }

  /** Drops what was kept before this time on the monotonic clock. */
  dropBefore(atMs: number): void {
    if (this.#holds > 0) return;
    let count = 0;
    while (count < this.#entries.length && (this.#entries[count]?.atMs ?? atMs) < atMs) count += 1;
    this.#drop(count);
  }

  /** Lets the log keep far more than usually, until disposed of. */
  hold(): Disposable {
    this.#holds += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#holds -= 1;
        held = false;
      },
    };
  }

  /**
   * The number behind which a client with this cursor has to go on. Null if events behind it are not kept any more, or
   * the cursor is of another epoch.
   */
  positionOf({ epoch, sequence }: Cursor): number | null {
    if (epoch !== this.#epoch || sequence < this.#since) return null;
    return Math.min(sequence, this.lastSequence);
  }

  /** Like `positionOf`, by the venue's own place. */
  positionBehind(place: number): number | null {
    if (this.#sincePlace === null || place < this.#sincePlace) return null;
    const last = this.#entries.findLast((entry) => entry.place <= place);
    return last?.sequence ?? this.beforeFirst;
  }

  /** The number behind which there are this many events, without a hole; null if there are fewer. */
  positionOfLast(count: number): number | null {
    let left = count;
    for (let at = this.#entries.length - 1; at >= 0; at -= 1) {
      const entry = this.#entries[at];
      if (entry === undefined) break;
      if (!Number.isNaN(entry.place)) left -= 1;
      if (left === 0) return this.#entries[at - 1]?.sequence ?? this.beforeFirst;
      if (entry.isTorn) return null;
    }
    return null;
  }

  /** Like `positionBehind`, if events are missing: behind what is kept up to the place, or before the first event. */
  positionFrom(place: number | null): number {
    const last = place === null ? undefined : this.#entries.findLast((entry) => entry.place <= place);
    return last?.sequence ?? this.beforeFirst;
  }

  /** Nothing is missing behind this number, as far as is known. */
  isWholeBehind(sequence: number): boolean {
    if (this.#tail !== null && this.#tail.next === null) return false;
    return this.#entries.slice(this.#indexAfter(sequence)).every(({ isTorn }) => !isTorn);
  }

  /** The number before that of the first event that is kept. */
  get beforeFirst(): number {
    const first = this.#entries[0];
    return first === undefined ? this.#since : Math.ceil(first.sequence) - 1;
  }

  /** The place behind which events are missing first, behind this number; null if none are, or it is not known. */
  tornBehind(sequence: number): number | null {
    const first = this.#indexAfter(sequence);
    let before = this.#entries[first - 1]?.place ?? this.#sincePlace;
    for (const { isTorn, place } of this.#entries.slice(first)) {
      if (isTorn) return before;
      if (!Number.isNaN(place)) before = place;
    }
    return this.#tail !== null && this.#tail.next === null ? before : null;
  }

  /** The events behind this number, oldest first. */
  after(sequence: number, limit = Number.POSITIVE_INFINITY): readonly KeptEvent[] {
    const first = this.#indexAfter(sequence);
    return this.#entries.slice(first, first + limit);
  }

  /** Puts events of the venue's history where they are missing; what is here already, or will come live, is left out. */
  fill({ drafts, after, next }: PastEvents): void {
    const places = drafts.map(placeOf);
    let taken = 0;
    for (let at = 0; at <= this.#entries.length && taken < drafts.length; at += 1) {
      const entry = this.#entries[at];
      if (entry !== undefined && Number.isNaN(entry.place)) continue;
      let end = taken;
      while (end < drafts.length && (entry === undefined || (places[end] ?? 0) < entry.place)) end += 1;
      const isMissing = at === 0 || (entry === undefined ? this.#tail !== null : entry.isTorn);
      if (isMissing && end > taken) at += this.#insert(at, drafts.slice(taken, end));
      taken = (places[end] ?? Number.NaN) === entry?.place ? end + 1 : end;
    }
    this.#mend(after, next);
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

  /** Inserts events before the one at this index. Returns how many. */
  #insert(at: number, drafts: PastEvents['drafts']): number {
    const { address, clock, key } = this.#options;
    const { broker, symbol } = address;
    const prefix = cursorPrefix(streamMark(address), this.#epoch);
    const before = this.#entries[at - 1];
    // Before the first event numbers go down from it, elsewhere up from the event before.
    const base = before === undefined ? this.beforeFirst - drafts.length : Math.floor(before.sequence);
    const made = drafts.map((draft, index): KeptEvent => {
      const sequence = base + index + 1;
      const cursor = formatCursor(prefix, sequence, venuePlace(draft));
      const sharedEvent = new SharedEvent(key, { ...draft, broker, symbol, sequence, cursor });
      const place = placeOf(draft);
      return { sharedEvent, sequence, place, isTorn: false, bytes: ENTRY_BYTES, atMs: clock.monotonic() };
    });
    for (let index = 1; index < made.length; index += 1) this.#tearWhereApart(made[index - 1], made[index]);
    if (at > 0) this.#tear(made[0]);
    this.#entries.splice(at, 0, ...made);
    const following = this.#entries[at + made.length];
    if (following !== undefined) following.isTorn = true;
    this.#options.onBytes(made.length * ENTRY_BYTES);
    return made.length;
  }

  #tear(entry: KeptEvent | undefined): void {
    if (entry !== undefined) entry.isTorn = true;
  }

  /** Trades are numbered by one. Candles may be missing where nothing was traded. */
  #tearWhereApart(before: KeptEvent | undefined, entry: KeptEvent | undefined): void {
    if (before === undefined || entry === undefined || this.#options.address.type !== 'trade') return;
    if (entry.place !== before.place + 1) entry.isTorn = true;
  }

  /** Nothing is missing between two places. */
  #mend(after: number, next: number): void {
    let before = this.#sincePlace ?? Number.NaN;
    if (Number.isNaN(before) || after < before) {
      const first = this.#entries.find(({ place }) => !Number.isNaN(place));
      if (first === undefined || first.place <= next) this.#sincePlace = after;
      before = after;
    }
    for (const entry of this.#entries) {
      if (Number.isNaN(entry.place)) continue;
      if (entry.isTorn && before >= after && entry.place <= next) entry.isTorn = this.#isApart(before, entry.place);
      before = entry.place;
    }
    if (this.#tail !== null && (this.#entries.length === 0 || before >= after) && before <= next) {
      this.#tail = { next };
    }
  }

  #isApart(before: number, place: number): boolean {
    return this.#options.address.type === 'trade' && place !== before + 1;
  }

  #add(sharedEvent: SharedEvent, sequence: number, rest: Pick<KeptEvent, 'place' | 'isTorn'>): void {
    const atMs = this.#options.clock.monotonic();
    this.#entries.push({ sharedEvent, sequence, ...rest, bytes: ENTRY_BYTES, atMs });
    this.#options.onBytes(ENTRY_BYTES);
  }

  /** The encodings of the last event have been made by now. */
  #settleLast(): void {
    const last = this.#entries.at(-1);
    if (last === undefined) return;
    const encoded = last.sharedEvent.encodedBytes;
    if (encoded > MAX_ENCODED_BYTES) last.sharedEvent = last.sharedEvent.bare();
    const bytes = ENTRY_BYTES + (encoded > MAX_ENCODED_BYTES ? 0 : encoded);
    this.#options.onBytes(bytes - last.bytes);
    last.bytes = bytes;
  }

  #drop(count: number): void {
    if (count === 0) return;
    const dropped = this.#entries.splice(0, count);
    this.#since = Math.ceil(dropped.at(-1)?.sequence ?? this.#since);
    const place = dropped.findLast((entry) => !Number.isNaN(entry.place))?.place;
    if (place !== undefined) this.#sincePlace = place;
    this.#options.onBytes(-dropped.reduce((sum, { bytes }) => sum + bytes, 0));
  }
}

/** The place of an event in the venue's order; NaN if it has none. */
export function placeOf(event: MarketData | TradeDraft | CandleDraft): number {
  if (event.type === 'candle') return toEpochMs(event.openTime);
  return event.type === 'trade' ? Number(event.tradeId) : Number.NaN;
}
