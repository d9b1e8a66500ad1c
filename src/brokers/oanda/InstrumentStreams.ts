import type { BrokerContext, Feed } from '../BaseBroker.ts';
import type { CandleConfirmer } from './CandleConfirmer.ts';
import { InstrumentStream } from './InstrumentStream.ts';
import type { VenueRest } from './InstrumentStream.ts';
import type { VenuePrice, VenueTime } from './streamMessages.ts';

export interface InstrumentStreamsOptions {
  readonly broker: BrokerContext;
  readonly rest: VenueRest;
  readonly confirmer: Pick<CandleConfirmer, 'ask'>;
  /** Decimal places of the prices of an instrument. */
  readonly placesOf: (symbol: string) => number;
  /** Why no prices come just now; null if there is no known reason. */
  readonly outage: () => string | null;
  /** The venue has a price of the instrument that its stream does not deliver. */
  readonly onUndelivered: (symbol: string) => void;
}

const MAX_STRANGERS = 20;

/** All instruments that are wanted, and the venue's time, which they share. Owned by OandaBroker. */
export class InstrumentStreams implements Disposable {
  readonly #options: InstrumentStreamsOptions;
  readonly #streams = new Map<string, InstrumentStream>();
  /** Instruments of which prices came though nobody wants them. */
  readonly #strangers = new Set<string>();
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

  /** Replaces the wanted feeds, which are given by symbol. */
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

  /** A price of this instrument can't be right. */
  unreadable(instrument: string): void {
    const stream = this.#streams.get(instrument);
    if (stream !== undefined) stream.unreadable();
    else this.#noteStranger(instrument);
  }

  heartbeat(time: VenueTime): void {
    const { clock, staleAfterMs } = this.#options.broker;
    const lateMs = this.#clock.lateness(time.ms, clock.monotonic());
    for (const stream of this.#streams.values()) stream.setLateness(lateMs < staleAfterMs ? null : lateMs);
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
    const stream = new InstrumentStream({
      symbol,
      places: placesOf(symbol),
      broker,
      rest,
      confirmer,
      onUndelivered: () => {
        this.#options.onUndelivered(symbol);
      },
    });
    this.#streams.set(symbol, stream);
    const reason = outage();
    if (reason !== null) stream.lost(reason);
    return stream;
  }

  /** Each is logged once, and not more of them than a person reads. */
  #noteStranger(instrument: string): void {
    if (this.#strangers.size >= MAX_STRANGERS || this.#strangers.has(instrument)) return;
    this.#strangers.add(instrument);
    this.#options.broker.logger.warn({ symbol: instrument }, 'a price that was not asked for, or makes no sense');
  }

  #advance(venueMs: number | null): void {
    if (venueMs === null) return;
    for (const stream of this.#streams.values()) stream.advance(venueMs);
  }
}

/** A heartbeat comes every 5 s: a time that is further ahead of the last one can't be right. */
const PLAUSIBLE_AHEAD_MS = 6_000;
const SECOND_MS = 1_000;
/** Clocks may drift apart by so much from one heartbeat to the next. */
const DRIFT_MS = 1;

/**
 * The venue's time, derived from the times in its heartbeats, and from prices between two of them. Our clock is not
 * used, for the two differ.
 */
export class VenueClock {
  #heartbeatMs: number | null = null;
  #second = Number.NEGATIVE_INFINITY;
  #leastAgeMs = Number.POSITIVE_INFINITY;

  /**
   * Takes a heartbeat's time. Returns the start of the second that it is the first to reach; null if that was reached
   * before.
   */
  heartbeat(timeMs: number): number | null {
    // A time that was far ahead was wrong.
    if (this.#second * SECOND_MS > timeMs + PLAUSIBLE_AHEAD_MS) this.#second = Number.NEGATIVE_INFINITY;
    this.#heartbeatMs = timeMs;
    return this.#reach(timeMs);
  }

  /**
   * How much longer a heartbeat was on its way than the quickest of them. By the monotonic clock, for the venue's clock
   * and ours differ, and ours may be set.
   */
  lateness(timeMs: number, receivedAtMs: number): number {
    const ageMs = receivedAtMs - timeMs;
    // The two clocks may run at slightly different speeds.
    this.#leastAgeMs = Math.min(ageMs, this.#leastAgeMs + DRIFT_MS);
    return ageMs - this.#leastAgeMs;
  }

  /** Takes a price's time; returns what `heartbeat` does. */
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
