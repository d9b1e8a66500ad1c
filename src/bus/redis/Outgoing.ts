import type { StreamStart } from '../../market/cursor.ts';
import type { MarketData, StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import { formatFrame, formatLine } from './frames.ts';

/** A frame that is ready to be sent. */
export interface SentFrame {
  readonly key: StreamKey;
  readonly frame: string;
  /** How many events it has. */
  readonly lines: number;
  /** How many events of it have to be kept in Redis; 0: it is only sent. */
  readonly kept: number;
}

export interface OutgoingOptions {
  readonly fence: number;
  readonly clock: Clock;
  /** @default 64 events, which wait for 1 ms at most */
  readonly batching?: Batching;
  /** Sends the frames of a turn, in this order. */
  readonly send: (frames: readonly SentFrame[]) => void;
}

/** How events are collected before they are sent. */
export interface Batching {
  /** Events wait so long at most, to be sent with those that come meanwhile. */
  readonly windowMs: number;
  /** So many events of a stream don't wait. */
  readonly events: number;
}

const BATCHING: Batching = { windowMs: 1, events: 64 };
/** So many characters don't wait either. */
const MAX_CHARACTERS = 65_536;

interface Stream {
  next: number;
  lines: string[];
  characters: number;
  /** Its waiting events have to be kept. */
  kept: boolean;
}

/** Collects what one leader publishes, and sends it in batches. Its streams are numbered from 1 in each tenure. */
export class Outgoing implements Disposable {
  readonly #options: OutgoingOptions;
  readonly #streams = new Map<StreamKey, Stream>();
  readonly #waiting = new Set<StreamKey>();
  #timer: Disposable | null = null;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Sends an event, or that the last value no longer holds. `isKept`: it may not be lost. */
  add(key: StreamKey, event: MarketData | null, isKept: boolean): void {
    const stream = this.#stream(key);
    // A frame holds either events that are kept or others.
    if (stream.lines.length > 0 && stream.kept !== isKept) this.flush();
    const line = formatLine(event);
    stream.kept = isKept;
    stream.lines.push(line);
    stream.characters += line.length;
    this.#waiting.add(key);
    const { events, windowMs } = this.#options.batching ?? BATCHING;
    if (stream.lines.length >= events || stream.characters >= MAX_CHARACTERS) this.flush();
    else
      this.#timer ??= this.#options.clock.after(windowMs, () => {
        this.flush();
      });
  }

  /** Sends where a stream stands, in its place among its events. */
  addSnapshot(key: StreamKey, start: StreamStart, known: readonly MarketData[]): void {
    this.flush();
    const { fence, clock, send } = this.#options;
    const { next: first } = this.#stream(key);
    const frame = formatFrame({ fence, first, sentMs: clock.now(), start, lines: known.map(formatLine) });
    send([{ key, frame, lines: known.length, kept: 0 }]);
  }

  /** The line that comes next in each of the streams. */
  get places(): ReadonlyMap<StreamKey, number> {
    return new Map([...this.#streams].map(([key, { next }]) => [key, next]));
  }

  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    if (this.#waiting.size === 0) return;
    const { fence, clock, send } = this.#options;
    const frames: SentFrame[] = [];
    for (const key of this.#waiting) {
      const stream = this.#stream(key);
      const frame = formatFrame({ fence, first: stream.next, sentMs: clock.now(), start: null, lines: stream.lines });
      frames.push({ key, frame, lines: stream.lines.length, kept: stream.kept ? stream.lines.length : 0 });
      stream.next += stream.lines.length;
      stream.lines = [];
      stream.characters = 0;
    }
    this.#waiting.clear();
    send(frames);
  }

  /** Nobody wants the stream any more. Its numbers go on if it is wanted again. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    this.#waiting.clear();
  }

  #stream(key: StreamKey): Stream {
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const made: Stream = { next: 1, lines: [], characters: 0, kept: false };
    this.#streams.set(key, made);
    return made;
  }
}
