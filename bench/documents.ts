/** The kinds of events: a trade (10 fields), or a book of 20 levels a side. */
export const DOCUMENTS = ['trade', 'book'] as const;
export type DocumentName = (typeof DOCUMENTS)[number];

type Level = readonly [price: string, size: string];

interface Header {
  /** Its position among the events. */
  readonly index: number;
  readonly symbol: string;
  /** The time in ISO 8601. */
  readonly time: string;
  readonly receivedAt: string;
}

interface Trade {
  readonly kind: 'trade';
  readonly tradeId: string;
  readonly price: string;
  readonly size: string;
  readonly side: 'buy' | 'sell';
}

interface Book {
  readonly kind: 'book';
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

export type BenchEvent = Header & (Trade | Book);

export const BROKER = 'bench';
const LEVELS = 20;
const SYMBOL = 'BTCUSDT';
/** The time of the first event, and the distance to each next one: the same bytes in every measurement. */
const FIRST_TIME_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const STEP_MS = 37;
const TRAVEL_MS = 3;

/** There are at least this many different events, which are repeated in the same order. */
const VARIETY = 256;
/** This part of the sizes changes from one book to the next. */
const CHANGED_SIZES = 0.25;
/** In this part of the books both sides have moved by a step. */
const MOVED_BOOKS = 0.2;

/** All symbols, in the order of their events. Their names have the same length. */
export function symbolsOf(universe: number): readonly string[] {
  if (universe === 1) return [SYMBOL];
  return Array.from({ length: universe }, (_, index) => `S${String(index).padStart(6, '0')}`);
}

/** The number of symbols, and the number of different ones that each client subscribes to. */
export interface SymbolSpread {
  readonly universe: number;
  readonly perClient: number;
}

/** Draws the symbols of the client with this number, in the same way in every measurement. */
export function drawSymbols({ universe, perClient }: SymbolSpread, client: number): readonly string[] {
  const left = [...symbolsOf(universe)];
  const next = sequenceOf(client + 1);
  return Array.from({ length: perClient }).flatMap(() => left.splice(Math.floor(next() * left.length), 1));
}

/**
 * Makes the same events for every server, symbol after symbol, in whole rounds. They are made beforehand, so that their
 * cost is not part of any figure.
 */
export function makeEvents(document: DocumentName, universe = 1): readonly BenchEvent[] {
  const next = sequenceOf(1);
  const make = document === 'trade' ? tradesOf(next) : booksOf(next);
  const symbols = symbolsOf(universe);
  return Array.from({ length: Math.ceil(VARIETY / universe) }).flatMap((_, round) =>
    symbols.map((symbol, place) => {
      const index = round * universe + place;
      const at = FIRST_TIME_MS + index * STEP_MS;
      return { index, symbol, time: isoTime(at), receivedAt: isoTime(at + TRAVEL_MS), ...make(index) };
    }),
  );
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function tradesOf(next: () => number): (index: number) => Trade {
  return (index) => ({
    kind: 'trade',
    tradeId: String(6_720_857_582 + index),
    price: `${(83_000 + next() * 100).toFixed(2)}000000`,
    size: `${(next() * 2).toFixed(5)}000`,
    side: next() < 0.5 ? 'buy' : 'sell',
  });
}

/** Returns one book as it changes over time. */
function booksOf(next: () => number): () => Book {
  const size = (): string => `${(next() * 5).toFixed(5)}000`;
  // The levels go from the best one outwards.
  const bids = Array.from({ length: LEVELS }, size);
  const asks = Array.from({ length: LEVELS }, size);
  /** The middle between the two sides, in hundredths. */
  let middle = 8_305_000;
  const move = (isUp: boolean): void => {
    middle += isUp ? 1 : -1;
    const [gains, loses] = isUp ? [bids, asks] : [asks, bids];
    gains.pop();
    gains.unshift(size());
    loses.shift();
    loses.push(size());
  };
  const levels = (sizes: readonly string[], step: number): Level[] =>
    sizes.map((own, level) => [`${((middle + step * (level + 1)) / 100).toFixed(2)}000000`, own]);
  return () => {
    if (next() < MOVED_BOOKS) move(next() < 0.5);
    for (const sizes of [bids, asks]) {
      for (const level of sizes.keys()) if (next() < CHANGED_SIZES) sizes[level] = size();
    }
    return { kind: 'book', bids: levels(bids, -1), asks: levels(asks, 1) };
  };
}

/** Returns numbers from 0 to 1 that look random and are always the same. */
function sequenceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const HEADER = 'broker symbol type time receivedAt sequence';

/** The subscription of one client. */
export interface Wish {
  readonly document: DocumentName;
  /** Makes documents that differ, with results of nearly the same size. */
  readonly variant: number;
  /** Null if there is only one symbol. */
  readonly symbols: readonly string[] | null;
}

/**
 * One symbol is written in the document itself; a list is a variable, so that the document is the same for all clients.
 */
export function graphqlPayload({ document, variant, symbols }: Wish): Readonly<Record<string, unknown>> {
  const alias = variant === 0 ? '' : `v${variant}: `;
  const [type, fields] =
    document === 'trade'
      ? ['TRADE', `${HEADER} ... on Trade { tradeId ${alias}price size side }`]
      : [
          'ORDERBOOK',
          `broker symbol time sequence ... on OrderBook { ${alias}kind bids { price size } asks { price size } }`,
        ];
  const query = (declared: string, wanted: string): string =>
    `subscription${declared} { marketData(broker: "${BROKER}", symbols: ${wanted}, types: [${type}]) { ${fields} } }`;
  if (symbols === null) return { query: query('', `["${SYMBOL}"]`) };
  return { query: query('($symbols: [String!]!)', '$symbols'), variables: { symbols } };
}

export function rawSubscribe({ document, symbols }: Wish): Readonly<Record<string, unknown>> {
  const types = [document === 'trade' ? 'trade' : 'orderbook'];
  return { action: 'subscribe', broker: BROKER, symbols: symbols ?? [SYMBOL], types, options: { depth: LEVELS } };
}

/** An event in the form of the GraphQL schema: the input of stock resolvers, and the content of the prepared bytes. */
export function graphqlEvent(event: BenchEvent, sequence: number): Readonly<Record<string, unknown>> {
  const header = {
    broker: BROKER,
    symbol: event.symbol,
    time: event.time,
    receivedAt: event.receivedAt,
    sequence,
    cursor: `bench.${sequence}`,
  };
  if (event.kind === 'trade') {
    const { tradeId, price, size } = event;
    const side = event.side === 'buy' ? 'BUY' : 'SELL';
    return { __typename: 'Trade', type: 'TRADE', ...header, tradeId, price, size, side };
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

/** The `next` message that a client of the GraphQL gateway receives, without the id. */
export function graphqlNext(event: BenchEvent, sequence: number): string {
  const whole = graphqlEvent(event, sequence);
  const { broker, symbol, type, time, receivedAt } = whole;
  const { tradeId, price, size, side, kind, bids, asks } = whole;
  const selected =
    event.kind === 'trade'
      ? { broker, symbol, type, time, receivedAt, sequence, tradeId, price, size, side }
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
