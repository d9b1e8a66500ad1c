import type { Feed } from '../brokers/BaseBroker.ts';
import type { Channel } from '../bus/EventBus.ts';
import { FeedHealth } from './FeedMonitor.ts';
import type {
  CandleInterval,
  EventHeader,
  FeedEvent,
  FeedEventDraft,
  FeedStatus,
  FeedType,
  MarketDataType,
  OrderBookDraft,
  OrderBookUpdate,
  Tick,
  TickDraft,
  Trade,
  TradeDraft,
  StreamAddress,
  StreamKey,
} from '../market/marketData.ts';
import { CANDLE_INTERVALS, streamKey } from '../market/marketData.ts';
import { cursorPrefix, formatCursor, NO_EPOCH, streamMark } from '../market/cursor.ts';
import type { StreamStart, VenuePlace } from '../market/cursor.ts';
import { toEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import { randomId } from '../shared/random.ts';
import type { Asker, Askers } from '../shared/FairQueue.ts';
import { assertNever } from '../shared/errors.ts';

/**
 * One stream, from its first subscriber until it is closed some time after the last one left. Its events are numbered
 * in one epoch, and their cursors differ from those of every other epoch.
 */
export class NumberedStream {
  readonly broker: string;
  readonly symbol: string;
  readonly key: StreamKey;
  readonly #mark: string;
  #epoch: string;
  #prefix: string;
  #sequence: number;

  constructor(address: StreamAddress, { epoch, sequence }: StreamStart) {
    this.broker = address.broker;
    this.symbol = address.symbol;
    this.key = streamKey(address);
    this.#mark = streamMark(address);
    this.#epoch = epoch;
    this.#prefix = cursorPrefix(this.#mark, epoch);
    this.#sequence = sequence;
  }

  /** The numbering begins anew. */
  renumber({ epoch, sequence }: StreamStart): void {
    this.#epoch = epoch;
    this.#prefix = cursorPrefix(this.#mark, epoch);
    this.#sequence = sequence;
  }

  /** The numbering stands here: the next event has the next number. */
  get place(): StreamStart {
    return { epoch: this.#epoch, sequence: this.#sequence };
  }

  /** Numbers a status. */
  stamp(draft: Omit<FeedStatus, 'broker' | 'symbol' | 'sequence' | 'cursor'>): FeedStatus {
    const sequence = this.next();
    return { ...draft, broker: this.broker, symbol: this.symbol, sequence, cursor: this.cursorOf(sequence) };
  }

  protected next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  protected cursorOf(sequence: number, place: VenuePlace | null = null): string {
    return formatCursor(this.#prefix, sequence, place);
  }
}

/**
 * The number before the first event of a stream of trades or candles. Events of the past, which are fetched when the
 * stream is running already, have their numbers below its first one.
 */
export const PAST_ROOM = 100_000;
/** Clients can resume what they were sent within this time, and a closed stream may go on in its epoch for as long. */
export const KEPT_MS = 120_000;

/** Remembers where closed streams stood, so that one that is opened again soon goes on with its numbering. */
export class Numberings {
  readonly #clock: Clock;
  readonly #newEpoch: () => string;
  /** The stream that was closed first comes first. */
  readonly #closed = new Map<StreamKey, { readonly place: StreamStart; readonly atMs: number }>();

  constructor(clock: Clock, newEpoch: () => string = randomId) {
    this.#clock = clock;
    this.#newEpoch = newEpoch;
  }

  /** Returns where a stream begins. Events that it missed while it was closed have their numbers in between. */
  start(address: StreamAddress): StreamStart {
    const key = streamKey(address);
    const room = hasPast(address.type) ? PAST_ROOM : 0;
    this.#prune();
    const known = this.#closed.get(key);
    this.#closed.delete(key);
    if (known === undefined) return { epoch: this.#newEpoch(), sequence: room };
    return { epoch: known.place.epoch, sequence: known.place.sequence + room };
  }

  /** Returns where a stream begins behind what another producer has published of it. */
  startBehind(address: StreamAddress, last: EventHeader | undefined): StreamStart {
    const start = this.start(address);
    return last === undefined ? start : { ...start, sequence: last.sequence + PAST_ROOM };
  }

  /** Other producers go on with all streams. */
  clear(): void {
    this.#closed.clear();
  }

  /** The stream has been closed. */
  keep({ key, place }: NumberedStream): void {
    this.#closed.delete(key);
    this.#closed.set(key, { place, atMs: this.#clock.monotonic() });
    this.#prune();
  }

  #prune(): void {
    for (const [key, { atMs }] of this.#closed) {
      if (this.#clock.monotonic() - atMs < KEPT_MS) return;
      this.#closed.delete(key);
    }
  }
}

/** True if the venue has a history of what the stream carries. */
export function hasPast(type: MarketDataType): boolean {
  return type === 'trade' || type === 'candle';
}

/** The channel of a stream that has none just now. */
export const NO_CHANNEL: Channel = {
  publish: () => undefined,
  reset: () => undefined,
  [Symbol.dispose]: () => undefined,
};
/** A feed is numbered when its channel is opened. */
const NO_START: StreamStart = { epoch: NO_EPOCH, sequence: 0 };
/** One stream of one symbol that somebody wants. */
export interface WantedStream {
  readonly symbol: string;
  readonly type: FeedType;
  readonly interval: CandleInterval | null;
}

/** More parties than this are not told apart. */
const MAX_ASKERS = 8;

export interface VenueFeedOptions {
  readonly address: StreamAddress & { readonly type: FeedType };
  /** The beginning of its numbering. @default it is numbered when its channel is opened */
  readonly start?: StreamStart;
  /** Publishes its events. @default none */
  readonly channel?: Channel;
  /** Counts the events of all feeds of this kind. */
  readonly received: { count: number };
}

/**
 * A stream that a venue feeds. The adapter passes this object back with each event, so that an event needs no lookup.
 */
export class VenueFeed extends NumberedStream implements Feed {
  readonly type: FeedType;
  readonly interval: CandleInterval | null;
  readonly health = new FeedHealth();
  /** Publishes its events. Production opens and closes it. */
  channel: Channel;
  readonly received: { count: number };
  /** The number of subscriptions that want the feed. */
  interests = 0;
  /** The parties that want it, as long as they are few. */
  readonly #askers: Asker[] = [];
  /** Runs after the last subscriber has left. */
  linger: Disposable | null = null;
  /** Its last event, whoever published it; null if none has come. */
  last: FeedEventDraft | null = null;
  /** False while it is not known yet what another gateway has published of it: the adapter does not get it before. */
  isReady = true;
  /** False once the feed has ended, whatever the adapter still sends. */
  isOpen = true;
  #pastPlace: number | null = null;

  constructor({ address, start = NO_START, channel = NO_CHANNEL, received }: VenueFeedOptions) {
    super(address, start);
    this.channel = channel;
    this.type = address.type;
    this.interval = address.interval;
    this.received = received;
  }

  /** Empty if too many parties want the feed to tell them apart: what serves everybody comes first. */
  readonly askers: Askers = () => (this.#askers.length < this.interests ? [] : this.#askers);

  want(asker: Asker): void {
    this.interests += 1;
    if (this.#askers.length < MAX_ASKERS) this.#askers.push(asker);
  }

  unwant(asker: Asker): void {
    this.interests -= 1;
    const at = this.#askers.indexOf(asker);
    if (at !== -1) this.#askers.splice(at, 1);
  }

  get lastTime(): Timestamp | null {
    return this.last?.time ?? null;
  }

  /** Subscribers were given the venue's history up to this place. It counts until the feed has published something. */
  continueBehind(place: number): void {
    this.#pastPlace = Math.min(place, this.#pastPlace ?? place);
  }

  /** Or that up to which subscribers have the venue's history, if the feed has published nothing. */
  get lastPlace(): number | null {
    const { last } = this;
    if (last === null) return this.#pastPlace;
    if (last.type === 'trade') return Number(last.tradeId);
    if (last.type !== 'candle') return null;
    // The one before a candle in progress was the last to be closed.
    return toEpochMs(last.openTime) - (last.closed ? 0 : CANDLE_INTERVALS[last.interval]);
  }

  /** Numbers an event. */
  number(draft: FeedEventDraft): FeedEvent {
    const { broker, symbol } = this;
    const sequence = this.next();
    const place: Place = { broker, symbol, sequence, cursor: this.cursorOf(sequence, venuePlace(draft)) };
    switch (draft.type) {
      case 'tick':
        return placeTick(draft, place);
      case 'trade':
        return placeTrade(draft, place);
      case 'orderbook':
        return placeBook(draft, place);
      case 'candle':
        return { ...draft, ...place };
      default:
        return assertNever(draft);
    }
  }
}

/** The venue's place of an event; null if its stream has no past. */
export function venuePlace(draft: FeedEventDraft): VenuePlace | null {
  if (draft.type === 'trade') {
    return { timeMs: toEpochMs(draft.time), tradeId: NUMBER.test(draft.tradeId) ? draft.tradeId : null };
  }
  if (draft.type !== 'candle') return null;
  // Behind a candle that has not ended yet, its own end is what comes next.
  return { timeMs: Math.max(0, toEpochMs(draft.openTime) - (draft.closed ? 0 : 1)), tradeId: null };
}

/** See VenuePlace. */
const NUMBER = /^(?:0|[1-9]\d{0,14})$/;

// The most frequent events are written out: a spread makes larger objects and takes several times as long.

type Place = Pick<EventHeader, 'broker' | 'symbol' | 'sequence' | 'cursor'>;

function placeTick(draft: TickDraft, { broker, symbol, sequence, cursor }: Place): Tick {
  const { type, time, receivedAt, bid, bidSize, ask, askSize, last, mid, spread } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, bid, bidSize, ask, askSize, last, mid, spread };
}

function placeTrade(draft: TradeDraft, { broker, symbol, sequence, cursor }: Place): Trade {
  const { type, time, receivedAt, tradeId, price, size, side, backfilled } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, tradeId, price, size, side, backfilled };
}

function placeBook(draft: OrderBookDraft, { broker, symbol, sequence, cursor }: Place): OrderBookUpdate {
  const { type, time, receivedAt, kind, bids, asks } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, kind, bids, asks };
}
