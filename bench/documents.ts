/** What is fanned out: a trade (10 fields), or a book of 20 levels a side. */
export const DOCUMENTS = ['trade', 'book'] as const;
export type DocumentName = (typeof DOCUMENTS)[number];

type Level = readonly [price: string, size: string];

interface BenchTrade {
  readonly kind: 'trade';
  readonly id: string;
  readonly price: string;
  readonly size: string;
  readonly side: 'buy' | 'sell';
}

interface BenchBook {
  readonly kind: 'book';
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

export type BenchEvent = BenchTrade | BenchBook;

export const BROKER = 'bench';
export const SYMBOL = 'BTCUSDT';
export const LEVELS = 20;
/** Every event says that it happened then: the same bytes in every run. */
export const EVENT_TIME_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const EVENT_TIME = new Date(EVENT_TIME_MS).toISOString();

/** So many different events; they come again and again in this order. */
const VARIETY = 256;

/** The same events for every server. Made beforehand: what they cost is no part of any figure. */
export function makeEvents(document: DocumentName): readonly BenchEvent[] {
  const next = sequenceOf(1);
  return Array.from({ length: VARIETY }, (_, index) => (document === 'trade' ? trade(index, next) : book(next)));
}

function trade(index: number, next: () => number): BenchTrade {
  return {
    kind: 'trade',
    id: String(6_720_857_582 + index),
    price: `${(83_000 + next() * 100).toFixed(2)}000000`,
    size: `${(next() * 2).toFixed(5)}000`,
    side: next() < 0.5 ? 'buy' : 'sell',
  };
}

function book(next: () => number): BenchBook {
  const best = 83_000 + Math.floor(next() * 100);
  const side = (step: number): Level[] =>
    Array.from({ length: LEVELS }, (_, level) => [
      `${(best + step * (level + 1) * 0.01).toFixed(2)}000000`,
      `${(next() * 5).toFixed(5)}000`,
    ]);
  return { kind: 'book', bids: side(-1), asks: side(1) };
}

/** Numbers from 0 to 1 that look random and are always the same. */
function sequenceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const HEADER = 'broker symbol type time receivedAt sequence';

/** The subscription of a client. `variant` makes documents that differ, with results of nearly the same size. */
export function graphqlDocument(document: DocumentName, variant: number): string {
  const alias = variant === 0 ? '' : `v${variant}: `;
  const [type, fields] =
    document === 'trade'
      ? ['TRADE', `${HEADER} ... on Trade { id ${alias}price size side }`]
      : [
          'ORDERBOOK',
          `broker symbol time sequence ... on OrderBook { ${alias}kind bids { price size } asks { price size } }`,
        ];
  return `subscription { marketData(broker: "${BROKER}", symbols: ["${SYMBOL}"], types: [${type}]) { ${fields} } }`;
}

/** An event as the GraphQL schema tells it: what stock resolvers are given, and what goes into the prepared bytes. */
export function graphqlEvent(event: BenchEvent, sequence: number): Readonly<Record<string, unknown>> {
  const header = {
    broker: BROKER,
    symbol: SYMBOL,
    time: EVENT_TIME,
    receivedAt: EVENT_TIME,
    sequence,
    cursor: `bench.${sequence}`,
  };
  if (event.kind === 'trade') {
    const { id, price, size, side } = event;
    return { __typename: 'Trade', type: 'TRADE', ...header, id, price, size, side: side === 'buy' ? 'BUY' : 'SELL' };
  }
  return {
    __typename: 'OrderBook',
    type: 'ORDERBOOK',
    ...header,
    kind: 'SNAPSHOT',
    bids: event.bids.map(([price, size]) => ({ price, size })),
    asks: event.asks.map(([price, size]) => ({ price, size })),
  };
}

/** The `next` message that a client of the GraphQL gateway gets, but for the id. */
export function graphqlNext(event: BenchEvent, sequence: number): string {
  const told = graphqlEvent(event, sequence);
  const { broker, symbol, type, time, receivedAt } = told;
  const { id, price, size, side, kind, bids, asks } = told;
  const selected =
    event.kind === 'trade'
      ? { broker, symbol, type, time, receivedAt, sequence, id, price, size, side }
      : { broker, symbol, time, sequence, kind, bids, asks };
  const operation = '00000000-0000-4000-8000-000000000000';
  return JSON.stringify({ id: operation, type: 'next', payload: { data: { marketData: selected } } });
}

/** The message of the raw protocol. */
export function rawData(event: BenchEvent, sequence: number): string {
  const { __typename, broker, symbol, ...rest } = graphqlEvent(event, sequence);
  const data =
    event.kind === 'trade'
      ? { ...rest, type: 'trade', broker, symbol, side: event.side }
      : { ...rest, type: 'orderbook', broker, symbol, kind: 'snapshot', bids: event.bids, asks: event.asks };
  return JSON.stringify({ type: 'data', broker, symbol, data });
}
