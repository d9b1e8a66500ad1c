import type { StreamStart } from '../market/cursor.ts';
import { addressOf, isLossless, mayNotBeLost, streamKey } from '../market/marketData.ts';
import type { StreamKey, MarketData, OrderBookUpdate } from '../market/marketData.ts';
import type { Channel, StreamReceiver } from '../bus/EventBus.ts';
import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import { OrderBook } from '../market/OrderBook.ts';
import type { ReplayLog } from './replay/ReplayLog.ts';
import type { ReplayLogs } from './replay/ReplayLogs.ts';

/** The last value of one stream (trades have none), and the whole book if the stream is an order book. */
class StreamState {
  readonly epoch: string;
  #latest: MarketData | null = null;
  #book: OrderBook | null = null;

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  /**
   * Applies an event. `ignored`: the delta of a book that is not known. `crossed`: the best bid would meet the best
   * ask, so the book is forgotten, and nothing may be published of it before its next snapshot.
   */
  apply(event: MarketData): 'applied' | 'ignored' | 'crossed' {
    if (event.type === 'orderbook') {
      if (event.kind === 'delta' && this.#book === null) return 'ignored';
      this.#book ??= new OrderBook();
      this.#book.apply(event);
      if (this.#book.crossed) {
        this.forget();
        return 'crossed';
      }
    }
    // A later subscriber gets no past trade, and keeping the last one would double the cost of a trade here.
    if (event.type !== 'trade') this.#latest = event;
    return 'applied';
  }

  /** The book; null if the stream is no book, or the book is not in step with the venue. */
  get book(): OrderBook | null {
    return this.#book;
  }

  get latest(): MarketData | null {
    return this.#latest;
  }

  /** The book, and the last event that was applied to it. */
  get knownBook(): { readonly latest: OrderBookUpdate; readonly book: OrderBook } | null {
    return this.#latest?.type === 'orderbook' && this.#book !== null
      ? { latest: this.#latest, book: this.#book }
      : null;
  }

  /** The last value, which says everything by itself. */
  get whole(): MarketData | null {
    const known = this.knownBook;
    return known === null ? this.#latest : { ...known.latest, ...known.book.top(Infinity), kind: 'snapshot' };
  }

  forget(): void {
    this.#latest = null;
    this.#book = null;
  }
}

export interface MarketStateOptions {
  readonly index: SubscriptionIndex;
  readonly logs: ReplayLogs;
  /** Called if an event shows that a book can't be right. Its state has been forgotten. */
  readonly onCrossed: (key: StreamKey, event: MarketData) => void;
}

/** The state of every open stream. Events come out of the bus into it, and go on to their subscribers. */
export class MarketState implements StreamReceiver {
  readonly #options: MarketStateOptions;
  readonly #streams = new Map<StreamKey, StreamState>();

  constructor(options: MarketStateOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Opens a stream that begins to come out of the bus. Its last value is not known yet. */
  receive(key: StreamKey, start: StreamStart, past: readonly MarketData[] = []): Channel {
    const { index, logs, onCrossed } = this.#options;
    const state = new StreamState(start.epoch);
    const log = isLossless(addressOf(key).type) ? logs.open(key, start, past) : null;
    this.#streams.set(key, state);
    const { topic, source } = index.open(key);
    return {
      publish: (event) => {
        const outcome = state.apply(event);
        if (outcome === 'applied') {
          const sharedEvent = topic.publish(event, state.book);
          if (log !== null && mayNotBeLost(event)) this.#keep(log, sharedEvent ?? new SharedEvent(key, event));
        } else if (outcome === 'crossed') onCrossed(key, event);
      },
      reset: () => {
        state.forget();
      },
      [Symbol.dispose]: () => {
        // A stream that was opened in its place stays.
        if (this.#streams.get(key) === state) this.#streams.delete(key);
        log?.end();
        source[Symbol.dispose]();
      },
    };
  }

  known(key: StreamKey): readonly MarketData[] {
    const kept = this.log(key)?.events.after(Number.NEGATIVE_INFINITY) ?? [];
    const { type } = addressOf(key);
    // The report of a gap is a status, and has its place in the stream of those.
    const events = kept.map(({ sharedEvent }) => sharedEvent.event).filter((event) => event.type === type);
    const latest = this.#streams.get(key)?.whole ?? null;
    return latest === null || latest.cursor === events.at(-1)?.cursor ? events : [...events, latest];
  }

  room(key: StreamKey): Promise<unknown> | null {
    return this.#options.index.room(key);
  }

  /** The log of a stream of trades, candles or statuses; null if it has not begun. */
  log(key: StreamKey): ReplayLog | null {
    return this.#options.logs.get(key);
  }

  /** The epoch of an open stream. */
  epoch(key: StreamKey): string | null {
    return this.#streams.get(key)?.epoch ?? null;
  }

  latest(key: StreamKey): MarketData | null {
    return this.#streams.get(key)?.latest ?? null;
  }

  /** The book of a stream and the last event that was applied to it; null while it is not in step with the venue. */
  book(key: StreamKey): StreamState['knownBook'] {
    return this.#streams.get(key)?.knownBook ?? null;
  }

  /** A gap is kept where it is, in the log of the stream that it is in. */
  #keep(log: ReplayLog, sharedEvent: SharedEvent): void {
    const { event, key } = sharedEvent;
    // A status that this gateway tells in between, or tells again, has no place of its own in the stream.
    if (event.type !== 'status' || event.sequence > log.events.lastSequence) log.append(sharedEvent);
    if (event.type !== 'status' || event.gap === null) return;
    const address = addressOf(key);
    for (const { type, interval, gap } of event.feeds ?? []) {
      if (gap === null) continue;
      const gapKey = streamKey({ ...address, type, interval });
      this.log(gapKey)?.appendGap(sharedEvent, this.latest(gapKey)?.sequence);
    }
  }
}
