import type { IncomingHttpHeaders } from 'node:http';
import type { EventWriter } from '../../fanout/client/outboxOptions.ts';
import type { SharedEvent, SharedFrames } from '../../fanout/frames/SharedEvent.ts';
import { EVENT_BEGINNING } from '../../fanout/frames/streamFraming.ts';
import { NO_EPOCH, parseCursor } from '../../market/cursor.ts';
import type { Cursor } from '../../market/cursor.ts';
import type { MarketData } from '../../market/marketData.ts';

/** A longer id is not sent: the client sends it back in a header. */
const MAX_LENGTH = 4_000;
/** The lines of an event, and a further cursor in its id. */
const EXTRA_BYTES = 160;
const SEPARATOR = ',';

/**
 * Writes the `id:` lines of server-sent events, with which a browser goes on by itself after a cut: the last cursors of
 * all streams of the connection that may not lose anything. They are the client's own, and follow the bytes that all
 * clients share. If they become too long, the id is empty, and the client begins anew.
 */
export class EventIds implements EventWriter {
  /** By stream. */
  readonly #cursors = new Map<string, string>();
  #length = 0;

  /** `resumed`: the cursors that the client goes on from. */
  constructor(resumed: readonly Cursor[]) {
    for (const { stream, text } of resumed) this.#cursors.set(stream, text);
  }

  get extraBytes(): number {
    return this.#length + EXTRA_BYTES;
  }

  /** The events as they are written; `frames` has one payload for each of them, or one for all. */
  write(frames: SharedFrames, events: readonly SharedEvent[]): Buffer {
    const [first, ...others] = frames.payloads;
    if (first === undefined) return Buffer.alloc(0);
    if (others.length === 0) {
      const shared = frames.streamed(EVENT_BEGINNING);
      const end = this.#end(events);
      const bytes = Buffer.allocUnsafe(shared.length + end.length);
      shared.copy(bytes);
      bytes.write(end, shared.length, 'latin1');
      return bytes;
    }
    const texts = frames.payloads.map(
      ({ text }, at) => EVENT_BEGINNING.result(text) + this.#end(events.slice(at, at + 1)),
    );
    return Buffer.from(texts.join(''));
  }

  /** Returns the end of the event, with its id if that has changed. */
  #end(events: readonly SharedEvent[]): string {
    let hasChanged = false;
    for (const { event } of events) if (this.#note(event)) hasChanged = true;
    if (!hasChanged) return '\n';
    const text = [...this.#cursors.values()].join(SEPARATOR);
    this.#length = text.length <= MAX_LENGTH ? text.length : 0;
    return `id: ${this.#length > 0 ? text : ''}\n\n`;
  }

  #note(event: MarketData): boolean {
    if (event.type === 'tick' || event.type === 'orderbook') return false;
    const cursor = parseCursor(event.cursor);
    if (cursor === null || cursor.epoch === NO_EPOCH) return false;
    this.#cursors.set(cursor.stream, event.cursor);
    return true;
  }
}

/** The cursors in the header Last-Event-ID; null if there are none. */
export function lastCursors({ 'last-event-id': header }: IncomingHttpHeaders): readonly string[] | null {
  return typeof header !== 'string' || header === '' ? null : header.split(SEPARATOR);
}
