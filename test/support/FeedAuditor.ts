import { expect } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { parseCursor } from '../../src/market/cursor.ts';
import { decimal } from '../../src/market/decimal.ts';
import { OrderBook } from '../../src/market/OrderBook.ts';
import { RawClient } from './RawClient.ts';
import { TransportWsClient } from './TransportWsClient.ts';

/** What a client received, in the same form whichever protocol it speaks. */
export interface Received {
  readonly type: 'tick' | 'trade' | 'candle' | 'orderbook' | 'status';
  /** Of a status: the state, or `gap`. */
  readonly state?: string;
  readonly reason?: string | null;
  readonly sequence?: number;
  readonly cursor?: string;
  readonly receivedAt?: string;
  readonly tradeId?: string;
  readonly backfilled?: boolean;
  readonly bid?: string;
  readonly openTime?: string;
  readonly closed?: boolean;
  readonly kind?: string;
  readonly bids?: readonly (readonly [string, string])[];
  readonly asks?: readonly (readonly [string, string])[];
}

export interface AuditedFeed {
  readonly broker: string;
  readonly symbol: string;
  readonly types: readonly string[];
  /** @default 1s */
  readonly interval?: '1s' | '1m';
}

/** A gateway, in this process or another one. */
type Gateway = Pick<MarketDataServer, 'urls'>;

/** The levels of each side that an auditor asks for. */
const DEPTH = 10;
const DOCUMENT = `subscription ($broker: ID!, $symbol: String!, $types: [MarketDataType!]!, $options: MarketDataOptions!) {
  marketData(broker: $broker, symbols: [$symbol], types: $types, options: $options) {
    type sequence cursor
    ... on Tick { bid }
    ... on Trade { tradeId backfilled }
    ... on Candle { openTime closed backfilled }
    ... on OrderBook { kind bids { price size } asks { price size } }
    ... on FeedStatus { state reason gap { type } }
  }
}`;

/**
 * A subscriber that holds the gateway to its promises: whatever happens to the venue, it must find no gap without a
 * notice, nothing twice, nothing out of order, and while its feed is live no book but the venue's own.
 */
export class FeedAuditor implements AsyncDisposable {
  readonly #client: AsyncDisposable;
  readonly #received: () => readonly Received[];

  private constructor(client: AsyncDisposable, received: () => readonly Received[]) {
    this.#client = client;
    this.#received = received;
  }

  /** One over the raw protocol. */
  static async raw(gateway: Gateway, { broker, symbol, types, interval = '1s' }: AuditedFeed) {
    const client = await RawClient.connect(gateway.urls.raw);
    const read = incremental(client.messages, (message) => fromRaw(message, symbol));
    await client.subscribe(broker, [symbol], types, { interval, depth: DEPTH, book: 'delta' });
    return new FeedAuditor(client, read);
  }

  /** One over GraphQL. */
  static async graphql(gateway: Gateway, { broker, symbol, types, interval = '1s' }: AuditedFeed) {
    const client = await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws'));
    const read = incremental(client.messages, ({ payload }) => fromGraphql(payload));
    client.subscribe('audit', DOCUMENT, {
      broker,
      symbol,
      types: [...types.map((type) => type.toUpperCase()), 'STATUS'],
      options: { interval: interval === '1s' ? 'ONE_SECOND' : 'ONE_MINUTE', depth: DEPTH, book: 'DELTA' },
    });
    await client.roundTrip();
    return new FeedAuditor(client, read);
  }

  get received(): readonly Received[] {
    return this.#received();
  }

  of(type: Received['type']): readonly Received[] {
    return this.received.filter((each) => each.type === type);
  }

  /** The venue's ids of the trades, in the order in which they came. */
  get tradeIds(): readonly number[] {
    return this.of('trade').map(({ tradeId }) => Number(tradeId));
  }

  /** The states of the feed, each change once; `gap` among them. */
  get states(): readonly string[] {
    const states = this.of('status').map(({ state }) => state ?? '');
    return states.filter((state, at) => state !== states[at - 1] || state === 'gap');
  }

  /** A feed that begins as it should says so with its first events alone. */
  get state(): string | undefined {
    return this.states.findLast((state) => state !== 'gap') ?? (this.received.length > 0 ? 'live' : undefined);
  }

  /** The best levels of the book, as the snapshots and changes make it. */
  get book(): { readonly bids: readonly (readonly string[])[]; readonly asks: readonly (readonly string[])[] } {
    const book = new OrderBook();
    for (const { kind, bids = [], asks = [] } of this.of('orderbook')) {
      const levels = (side: typeof bids) =>
        side.map(([price, size]) => ({ price: decimal(price), size: decimal(size) }));
      book.apply({ kind: kind === 'snapshot' ? 'snapshot' : 'delta', bids: levels(bids), asks: levels(asks) });
    }
    const { bids, asks } = book.top(DEPTH);
    return { bids: bids.map(({ price, size }) => [price, size]), asks: asks.map(({ price, size }) => [price, size]) };
  }

  /** Fails unless everything that came is in order, comes once, and lacks nothing that was not reported as a gap. */
  check(): void {
    this.#checkSequences();
    this.#checkTrades();
    this.#checkCandles();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#client[Symbol.asyncDispose]());
  }

  #checkSequences(): void {
    for (const type of ['tick', 'trade', 'candle', 'orderbook'] as const) {
      // Another producer numbers its events anew.
      const epochs = Map.groupBy(this.of(type), ({ cursor = '' }) => parseCursor(cursor)?.epoch);
      for (const [epoch, events] of epochs) {
        const sequences = events.map(({ sequence = 0 }) => sequence);
        const rising = [...new Set(sequences)].toSorted((a, b) => a - b);
        expect(sequences, `the sequences of ${type} events in the epoch ${epoch}`).toEqual(rising);
      }
    }
  }

  #checkTrades(): void {
    let last: number | null = null;
    let isExcused = false;
    for (const { type, state, tradeId } of this.received) {
      if (type === 'status' && state === 'gap') isExcused = true;
      if (type !== 'trade') continue;
      const id = Number(tradeId);
      if (last !== null && !isExcused) expect(id, 'the id of the trade that follows').toBe(last + 1);
      if (last !== null) expect(id).toBeGreaterThan(last);
      last = id;
      isExcused = false;
    }
  }

  #checkCandles(): void {
    const closed = this.of('candle').filter((candle) => candle.closed);
    const times = closed.map(({ openTime = '' }) => openTime);
    expect(times, 'closed candles').toEqual([...new Set(times)].toSorted());
    let newest = '';
    for (const { openTime = '' } of this.of('candle')) {
      expect(openTime >= newest, 'no candle after a newer one').toBe(true);
      newest = openTime;
    }
  }
}

/** Parses each message once. */
function incremental<Message>(
  messages: readonly Message[],
  parse: (message: Message) => Received | null,
): () => readonly Received[] {
  const received: Received[] = [];
  let read = 0;
  return () => {
    for (; read < messages.length; read += 1) {
      const message = messages[read];
      const parsed = message === undefined ? null : parse(message);
      if (parsed !== null) received.push(parsed);
    }
    return received;
  };
}

function fromRaw(message: Readonly<Record<string, unknown>>, symbol: string): Received | null {
  if (message['symbol'] !== symbol) return null;
  if (message['type'] === 'data') return message['data'] as Received;
  return { type: 'status', state: String(message['status']), reason: String(message['message']) };
}

interface GraphqlPayload {
  readonly data?: {
    readonly marketData: Omit<Received, 'type' | 'bids' | 'asks'> & {
      readonly type: string;
      readonly gap?: object | null;
      readonly bids?: readonly { readonly price: string; readonly size: string }[];
      readonly asks?: readonly { readonly price: string; readonly size: string }[];
    };
  };
}

function fromGraphql(payload: unknown): Received | null {
  const event = (payload as GraphqlPayload | undefined)?.data?.marketData;
  if (event === undefined) return null;
  const { type, state, gap, kind, bids = [], asks = [], ...rest } = event;
  const levels = (side: typeof bids) => side.map(({ price, size }) => [price, size] as const);
  return {
    ...rest,
    type: type.toLowerCase() as Received['type'],
    ...(state === undefined ? {} : { state: gap ? 'gap' : state.toLowerCase() }),
    ...(kind === undefined ? {} : { kind: kind.toLowerCase(), bids: levels(bids), asks: levels(asks) }),
  };
}
