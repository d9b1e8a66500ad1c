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
  StreamAddress,
  StreamKey,
} from '../market/marketData.ts';
import { streamKey } from '../market/marketData.ts';
import type { Asker, Askers } from '../shared/FairQueue.ts';
import { assertNever } from '../shared/errors.ts';

/**
 * One epoch of one stream: from its first subscriber until it is closed some time after the last one left. Its events
 * are numbered from 1, and their cursors differ from those of every other epoch.
 */
export class NumberedStream {
  readonly broker: string;
  readonly symbol: string;
  readonly key: StreamKey;
  /** The part that all cursors of this epoch share. */
  readonly #epoch: string;
  #sequence = 0;

  constructor(address: StreamAddress, epoch: string) {
    this.broker = address.broker;
    this.symbol = address.symbol;
    this.key = streamKey(address);
    this.#epoch = `${epoch}.`;
  }

  /** Something has come of it. */
  get hasBegun(): boolean {
    return this.#sequence > 0;
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

  protected cursorOf(sequence: number): string {
    return `${this.#epoch}${sequence}`;
  }
}

/** More parties than this are not told apart. */
const MAX_ASKERS = 8;

export interface VenueFeedOptions {
  readonly address: StreamAddress & { readonly type: FeedType };
  readonly epoch: string;
  /** Publishes the feed's events; the feed owns it. */
  readonly channel: Channel;
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
  readonly channel: Channel;
  readonly received: { count: number };
  /** The number of subscriptions that want the feed. */
  interests = 0;
  /** The parties that want it, as long as they are few. */
  readonly #askers: Asker[] = [];
  /** Runs after the last subscriber has left. */
  linger: Disposable | null = null;
  /** False once the feed has ended, whatever the adapter still sends. */
  isOpen = true;

  constructor({ address, epoch, channel, received }: VenueFeedOptions) {
    super(address, epoch);
    this.type = address.type;
    this.interval = address.interval;
    this.channel = channel;
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

  /** Numbers an event. */
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

// The most frequent events are written out: a spread makes larger objects and takes several times as long.

type Place = Pick<EventHeader, 'broker' | 'symbol' | 'sequence' | 'cursor'>;

function placeTick(draft: TickDraft, { broker, symbol, sequence, cursor }: Place): Tick {
  const { type, time, receivedAt, bid, bidSize, ask, askSize, last, mid, spread } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, bid, bidSize, ask, askSize, last, mid, spread };
}

function placeTrade(draft: TradeDraft, { broker, symbol, sequence, cursor }: Place): Trade {
  const { type, time, receivedAt, tradeId, price, size, side } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, tradeId, price, size, side };
}

function placeBook(draft: OrderBookDraft, { broker, symbol, sequence, cursor }: Place): OrderBookUpdate {
  const { type, time, receivedAt, kind, bids, asks } = draft;
  return { type, broker, symbol, time, receivedAt, sequence, cursor, kind, bids, asks };
}
