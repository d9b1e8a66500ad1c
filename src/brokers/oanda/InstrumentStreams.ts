import type { BrokerContext, Feed } from '../BaseBroker.ts';
import type { CandleConfirmer } from './CandleConfirmer.ts';
import { InstrumentStream } from './InstrumentStream.ts';
import type { VenueRest } from './InstrumentStream.ts';
import type { VenuePrice, VenueTime } from './streamMessages.ts';

export interface InstrumentStreamsOptions {
  readonly broker: BrokerContext;
  readonly rest: VenueRest;
  readonly confirmer: Pick<CandleConfirmer, 'ask'>;
  /** Digits behind the point of the prices of an instrument. */
  readonly placesOf: (symbol: string) => number;
  /** Why nothing comes just now; null: nothing stands in the way. */
  readonly outage: () => string | null;
}

/** All instruments that are wanted, and whatever concerns them all. Owned by OandaBroker. */
export class InstrumentStreams implements Disposable {
  readonly #options: InstrumentStreamsOptions;
  readonly #streams = new Map<string, InstrumentStream>();
  #clock = new VenueClock();

  constructor(options: InstrumentStreamsOptions) {
    this.#options = options;
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#streams.keys());
  }

  get(symbol: string): InstrumentStream | undefined {
    return this.#streams.get(symbol);
  }

  /** By symbol; replaced whole. */
  setFeeds(wanted: ReadonlyMap<string, readonly Feed[]>): void {
    for (const [symbol, stream] of this.#streams) {
      if (wanted.has(symbol)) continue;
      this.#streams.delete(symbol);
      stream[Symbol.dispose]();
    }
    for (const [symbol, feeds] of wanted) {
      const stream = this.#streams.get(symbol) ?? this.#open(symbol);
      stream.setFeeds(new Set(feeds));
    }
  }

  receive(price: VenuePrice): void {
    this.#streams.get(price.instrument)?.receive(price, this.#options.broker.clock.now());
    this.#advance(this.#clock.price(price.time.ms));
  }

  heartbeat(time: VenueTime): void {
    this.#advance(this.#clock.heartbeat(time.ms));
  }

  lost(reason: string, isKept: (symbol: string) => boolean): void {
    for (const [symbol, stream] of this.#streams) if (!isKept(symbol)) stream.lost(reason);
  }

  [Symbol.dispose](): void {
    for (const stream of this.#streams.values()) stream[Symbol.dispose]();
    this.#streams.clear();
    this.#clock = new VenueClock();
  }

  #open(symbol: string): InstrumentStream {
    const { broker, rest, confirmer, placesOf, outage } = this.#options;
    const stream = new InstrumentStream({ symbol, places: placesOf(symbol), broker, rest, confirmer });
    this.#streams.set(symbol, stream);
    const reason = outage();
    if (reason !== null) stream.lost(reason);
    return stream;
  }

  #advance(venueMs: number | null): void {
    if (venueMs === null) return;
    for (const stream of this.#streams.values()) stream.advance(venueMs);
  }
}

/** A heartbeat comes every 5 s: what is further ahead of the last one was not made when it says. */
const PLAUSIBLE_AHEAD_MS = 6_000;
const SECOND_MS = 1_000;

/**
 * How far the venue's time has come, by what it sends: ours is not asked, for the two differ. Heartbeats tell it; between
 * two of them prices do.
 */
export class VenueClock {
  #heartbeatMs: number | null = null;
  #second = Number.NEGATIVE_INFINITY;

  /** The start of the second that has begun with it; null: that one had begun before. */
  heartbeat(timeMs: number): number | null {
    // One that was far ahead was wrong.
    if (this.#second * SECOND_MS > timeMs + PLAUSIBLE_AHEAD_MS) this.#second = Number.NEGATIVE_INFINITY;
    this.#heartbeatMs = timeMs;
    return this.#reach(timeMs);
  }

  /** As for a heartbeat. */
  price(timeMs: number): number | null {
    const isPlausible = this.#heartbeatMs !== null && timeMs <= this.#heartbeatMs + PLAUSIBLE_AHEAD_MS;
    return isPlausible ? this.#reach(timeMs) : null;
  }

  #reach(timeMs: number): number | null {
    const second = Math.floor(timeMs / SECOND_MS);
    if (second <= this.#second) return null;
    this.#second = second;
    return second * SECOND_MS;
  }
}
