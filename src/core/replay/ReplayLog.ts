import { SharedEvent } from '../../fanout/frames/SharedEvent.ts';
import { cursorPrefix, formatCursor, NO_EPOCH, parseCursor, streamMark } from '../../market/cursor.ts';
import type { Cursor, StreamStart } from '../../market/cursor.ts';
import { CANDLE_INTERVALS } from '../../market/marketData.ts';
import type { CandleDraft, MarketData, StreamAddress, StreamKey, TradeDraft } from '../../market/marketData.ts';
import { PAST_ROOM, venuePlace } from '../NumberedStream.ts';
import { KeptEvents, placeOf } from './KeptEvents.ts';
import type { KeptEvent, PastEvents } from './KeptEvents.ts';

export interface ReplayLogOptions {
  readonly key: StreamKey;
  readonly address: StreamAddress;
  readonly start: StreamStart;
  /** The monotonic time, to about a second. */
  readonly now: () => number;
  /** Called when the memory that the log takes has changed. It may drop events of the log. */
  readonly onBytes: (change: number) => void;
}

/** More live events of one stream are not kept. */
const MAX_EVENTS = 1_000;
/** A few more are, so that they need not be moved for each event. */
const SLACK = 64;
/** So many are kept while a subscriber waits for what comes before them, or is being sent them. */
const MAX_HELD_EVENTS = 10_000;
/** More former epochs are forgotten: none is kept longer than its events. */
const MAX_FORMER = 8;
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
  #events: KeptEvents;
  #epoch: string;
  /** Epochs of former producers, and the last number of each. */
  readonly #former = new Map<string, number>();
  readonly #holds = new Set<() => void>();
  #endedAtMs: number | null = null;

  constructor(options: ReplayLogOptions) {
    this.key = options.key;
    this.#options = options;
    this.#epoch = options.start.epoch;
    this.#events = this.#newEvents(options.start);
  }

  /** The events that are kept. */
  get events(): Omit<KeptEvents, 'append' | 'drop' | 'fillIn' | 'forgetBeforeLast' | 'reopen'> {
    return this.#events;
  }

  /** False until this gateway has heard from the stream's leader: nothing can be put into the log before. */
  get isNumbered(): boolean {
    return this.#epoch !== NO_EPOCH;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get oldestAtMs(): number | null {
    return this.#events.first?.atMs ?? null;
  }

  /** When the stream ended, on the monotonic clock; null while it is open. */
  get endedAtMs(): number | null {
    return this.#endedAtMs;
  }

  /**
   * The stream begins, or begins again, behind these events of the past. Another producer numbers it in an epoch of its
   * own; if it goes on behind events that are kept, those stay.
   */
  reopen(start: StreamStart, past: readonly MarketData[] = []): void {
    const { epoch, sequence } = start;
    this.#endedAtMs = null;
    const isBehind = sequence >= Math.floor(this.#events.lastSequence);
    const goesOn =
      epoch === this.#epoch || (isBehind && past.some(({ cursor }) => this.knows(parseCursor(cursor)?.epoch)));
    if (epoch !== this.#epoch) this.#begin({ epoch, sequence: goesOn ? sequence : beforeFirst(start, past) }, goesOn);
    for (const event of past) {
      if (event.sequence <= this.#events.lastSequence) continue;
      this.#note(event);
      this.append(new SharedEvent(this.key, event));
    }
    // Its producer goes on behind the past, and publishes what was missed: nobody else may give that other numbers.
    if (past.length > 0) return;
    const from = Math.max(sequence - PAST_ROOM, Math.floor(this.#events.lastSequence));
    if (from < sequence) this.#events.reopen({ from, to: sequence });
  }

  /** It has, or had, events of this epoch, and their numbers are in the order of its events. */
  knows(epoch: string | undefined): boolean {
    return epoch !== undefined && (epoch === this.#epoch || this.#former.has(epoch));
  }

  /** The stream has ended; the log is kept for a while. */
  end(): void {
    this.#endedAtMs = this.#options.now();
  }

  /** Keeps the next event of the stream, unless it has been filled in already. */
  append(sharedEvent: SharedEvent): void {
    const { event } = sharedEvent;
    this.#append(sharedEvent, event.sequence, placeOf(event));
  }

  /** Keeps the report of a gap behind the newest event. `newest`: its number, for it may be an open candle, which is not kept. */
  appendGap(report: SharedEvent, newest = 0): void {
    const before = Math.max(this.#events.beforeNext, newest);
    this.#append(report, (before + Math.floor(before) + 1) / 2, Number.NaN);
  }

  /**
   * Drops what was kept before this time on the monotonic clock. `isForced`: also what a subscriber is still to be sent,
   * who is called first.
   */
  dropBefore(atMs: number, { isForced = false } = {}): void {
    const count = this.#events.countBefore(atMs);
    if (count === 0) return;
    if (isForced) this.#press();
    else if (this.#holds.size > 0) return;
    this.#drop(Math.min(count, this.#events.length));
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
    const last =
      epoch === this.#epoch ? Number.POSITIVE_INFINITY : (this.#former.get(epoch) ?? Number.NEGATIVE_INFINITY);
    if (sequence > last || sequence < this.#events.since) return null;
    return this.#events.cameLive(sequence) ? sequence : Math.min(sequence, this.#events.lastSequence);
  }

  /** Puts events of the venue's history where they are missing; what is here already, or will come live, is left out. */
  fillIn(past: PastEvents): void {
    if (this.#events.isOfOtherNumbering(past)) this.#press();
    const bytes = bytesOf(this.#events.after(Number.NEGATIVE_INFINITY));
    this.#events.fillIn(past);
    this.#options.onBytes(bytesOf(this.#events.after(Number.NEGATIVE_INFINITY)) - bytes);
  }

  /** The encodings of these events may have been made meanwhile. */
  settle(entries: Iterable<KeptEvent>): void {
    for (const entry of entries) this.#settle(entry);
  }

  #begin(start: StreamStart, goesOn: boolean): void {
    if (goesOn) {
      this.#former.set(this.#epoch, this.#events.lastSequence);
      this.#epoch = start.epoch;
      return;
    }
    const before = bytesOf(this.#events.after(Number.NEGATIVE_INFINITY));
    this.#former.clear();
    this.#epoch = start.epoch;
    this.#events = this.#newEvents(start);
    this.#options.onBytes(-before);
  }

  /** Remembers by which producer an event of the past was numbered. */
  #note({ cursor, sequence }: MarketData): void {
    const epoch = parseCursor(cursor)?.epoch;
    if (epoch === undefined || epoch === this.#epoch) return;
    this.#former.set(epoch, sequence);
    const [oldest] = this.#former.keys();
    if (this.#former.size > MAX_FORMER && oldest !== undefined) this.#former.delete(oldest);
  }

  #newEvents({ sequence }: StreamStart): KeptEvents {
    const { address } = this.#options;
    const step = address.interval === null ? 1 : CANDLE_INTERVALS[address.interval];
    const prefix = cursorPrefix(streamMark(address), this.#epoch);
    const make = (draft: TradeDraft | CandleDraft, number: number): Omit<KeptEvent, 'room'> =>
      this.#make(draft, number, prefix);
    return new KeptEvents({ step, isDense: address.type === 'trade', start: sequence, make });
  }

  #make(draft: TradeDraft | CandleDraft, sequence: number, prefix: string): Omit<KeptEvent, 'room'> {
    const { address, key, now } = this.#options;
    const { broker, symbol } = address;
    const cursor = formatCursor(prefix, sequence, venuePlace(draft));
    const sharedEvent = new SharedEvent(key, { ...draft, broker, symbol, sequence, cursor });
    return { sharedEvent, sequence, place: placeOf(draft), bytes: ENTRY_BYTES, atMs: now() };
  }

  #append(sharedEvent: SharedEvent, sequence: number, place: number): void {
    const before = this.#events.last;
    const outcome = this.#events.append({
      sharedEvent,
      sequence,
      place,
      bytes: ENTRY_BYTES,
      atMs: this.#options.now(),
    });
    if (outcome === 'known') return;
    this.#options.onBytes(ENTRY_BYTES);
    // The encodings of the event before have been made by now.
    if (before !== undefined) this.#settle(before);
    if (outcome === 'anew') {
      this.#press();
      this.#options.onBytes(-bytesOf(this.#events.forgetBeforeLast()));
    } else if (this.#events.length > MAX_EVENTS + SLACK) this.#bound();
  }

  #settle(entry: KeptEvent): void {
    const encoded = entry.sharedEvent.encodedBytes;
    if (encoded > MAX_ENCODED_BYTES) entry.sharedEvent = entry.sharedEvent.bare();
    const bytes = ENTRY_BYTES + (encoded > MAX_ENCODED_BYTES ? 0 : encoded);
    const change = bytes - entry.bytes;
    if (change === 0) return;
    entry.bytes = bytes;
    this.#options.onBytes(change);
  }

  #bound(): void {
    if (this.#holds.size > 0) {
      if (this.#events.length <= MAX_HELD_EVENTS) return;
      this.#press();
    }
    this.#drop(this.#events.length - MAX_EVENTS);
  }

  #press(): void {
    const holds = [...this.#holds];
    this.#holds.clear();
    for (const onPressed of holds) onPressed();
  }

  #drop(count: number): void {
    this.#options.onBytes(-bytesOf(this.#events.drop(count)));
  }
}

/** Returns the number before the first event of a log that begins there, behind these events. */
export function beforeFirst({ sequence }: StreamStart, [first]: readonly MarketData[]): number {
  return first === undefined ? sequence : first.sequence - 1;
}

function bytesOf(entries: readonly KeptEvent[]): number {
  let sum = 0;
  for (const { bytes } of entries) sum += bytes;
  return sum;
}
