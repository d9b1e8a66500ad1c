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
  OrderBookDraft,
  OrderBookUpdate,
  Tick,
  TickDraft,
  Trade,
  TradeDraft,
} from '../market/marketData.ts';
import { streamKey } from '../market/streamKey.ts';
import type { StreamAddress, StreamKey } from '../market/streamKey.ts';
import type { Asker, Askers } from '../shared/FairQueue.ts';
import { assertNever } from '../shared/assertNever.ts';

/**
 * One life of one stream: from the first who wants it to the last who lingers. Its events are numbered from 1, and their
 * cursors differ from those of every other life.
 */
export class NumberedStream {
  readonly broker: string;
  readonly symbol: string;
  readonly key: StreamKey;
  /** Of a cursor: what all those of this life have in common. */
  readonly #life: string;
  #sequence = 0;

  constructor(address: StreamAddress, life: string) {
    this.broker = address.broker;
    this.symbol = address.symbol;
    this.key = streamKey(address);
    this.#life = `${life}.`;
  }

  /** Gives a status its place in the stream. */
  stamp(draft: Omit<FeedStatus, 'broker' | 'symbol' | 'sequence' | 'cursor'>): FeedStatus {
    const sequence = this.next();
    return { ...draft, broker: this.broker, symbol: this.symbol, sequence, cursor: this.cursorOf(sequence) };
  }

  protected next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  protected cursorOf(sequence: number): string {
    return `${this.#life}${sequence}`;
  }
}

/** Beyond that nobody is told apart. */
const MAX_ASKERS = 8;

export interface VenueFeedOptions {
  readonly address: StreamAddress & { readonly type: FeedType };
  readonly life: string;
  /** Where its events go: its own from now on. */
  readonly channel: Channel;
  /** Counts its events, with others of its kind. */
  readonly received: { count: number };
}

/** A stream that a venue feeds. It is the feed itself: what a broker hands back with an event leads to all of it. */
export class VenueFeed extends NumberedStream implements Feed {
  readonly type: FeedType;
  readonly interval: CandleInterval | null;
  readonly health = new FeedHealth();
  readonly channel: Channel;
  readonly received: { count: number };
  /** Subscriptions that want it now. */
  interests = 0;
  /** For whom, as long as they are few. */
  readonly #askers: Asker[] = [];
  /** Runs while nobody wants it any more. */
  linger: Disposable | null = null;
  /** False from its end on, whatever is said of it afterwards. */
  isOpen = true;

  constructor({ address, life, channel, received }: VenueFeedOptions) {
    super(address, life);
    this.type = address.type;
    this.interval = address.interval;
    this.channel = channel;
    this.received = received;
  }

  /** Nobody where they are too many to be told apart: what is for all goes first. */
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

  /** Gives an event its place. */
  number(draft: FeedEventDraft): FeedEvent {
    const { broker, symbol } = this;
    const sequence = this.next();
    const place: Place = { broker, symbol, sequence, cursor: this.cursorOf(sequence) };
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

// Written out for those that come most: what a spread makes is larger, and takes several times as long to make.

type Place = Pick<EventHeader, 'broker' | 'symbol' | 'sequence' | 'cursor'>;

function placeTick(draft: TickDraft, { broker, symbol, sequence, cursor }: Place): Tick {
  const { type, time, receivedAt, bid, bidSize, ask, askSize, last, mid, spread } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, bid, bidSize, ask, askSize, last, mid, spread };
}

function placeTrade(draft: TradeDraft, { broker, symbol, sequence, cursor }: Place): Trade {
  const { type, time, receivedAt, id, price, size, side } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, id, price, size, side };
}

function placeBook(draft: OrderBookDraft, { broker, symbol, sequence, cursor }: Place): OrderBookUpdate {
  const { type, time, receivedAt, kind, bids, asks } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, kind, bids, asks };
}
