import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { hasRecordings } from '../support/recordings.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { expectedBooks } from '../venues/binance/expectedBooks.ts';
import type { ExpectedSession } from '../venues/binance/expectedBooks.ts';
import { SessionPlayer } from '../venues/binance/SessionPlayer.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const SESSIONS = [
  'binance/session-2021-04-05-binance-10sym.jsonl',
  'binance/session-2021-04-17-binanceus-10sym.jsonl',
  'binance/session-2021-08-14-binance-4sym.jsonl',
  'binance/session-2021-10-12-binance-4sym.jsonl',
];

const Level = z.tuple([z.string(), z.string()]);
/** The events of both protocols, in the raw protocol's form. */
const ReceivedEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('tick'),
    symbol: z.string(),
    sequence: z.number(),
    bid: z.string(),
    bidSize: z.string(),
    ask: z.string(),
    askSize: z.string(),
  }),
  z.object({
    type: z.literal('trade'),
    symbol: z.string(),
    sequence: z.number(),
    tradeId: z.string(),
    price: z.string(),
    size: z.string(),
    side: z.string(),
    time: z.string(),
  }),
  z.object({
    type: z.literal('candle'),
    symbol: z.string(),
    sequence: z.number(),
    openTime: z.string(),
    closeTime: z.string(),
    open: z.string(),
    high: z.string(),
    low: z.string(),
    close: z.string(),
    volume: z.string(),
    tradeCount: z.number(),
    closed: z.boolean(),
  }),
  z.object({
    type: z.literal('orderbook'),
    symbol: z.string(),
    sequence: z.number(),
    kind: z.string(),
    bids: z.array(Level),
    asks: z.array(Level),
  }),
]);
type ReceivedEvent = z.infer<typeof ReceivedEvent>;

/** A real client that has subscribed and keeps everything that it receives. */
interface Reader extends AsyncDisposable {
  events(): readonly ReceivedEvent[];
}

type Subscribe = (gateway: MarketDataServer, symbols: readonly string[]) => Promise<Reader>;

const DOCUMENT = `subscription Everything($symbols: [String!]!, $types: [MarketDataType!]!) {
  marketData(broker: "binance", symbols: $symbols, types: $types, options: { depth: 10, snapshot: false }) {
    type symbol sequence time
    ... on Tick { bid bidSize ask askSize }
    ... on Trade { tradeId price size side }
    ... on Candle { openTime closeTime open high low close volume tradeCount closed }
    ... on OrderBook { kind bids { price size } asks { price size } }
  }
}`;

const subscribeGraphql: Subscribe = (gateway, symbols) => {
  const events: ReceivedEvent[] = [];
  const client = createClient({
    url: gateway.urls.graphql.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  const failures: unknown[] = [];
  client.subscribe<{ marketData: Record<string, unknown> }>(
    { query: DOCUMENT, variables: { symbols, types: ['TICK', 'TRADE', 'CANDLE', 'ORDERBOOK'] } },
    {
      next: ({ data, errors }) => {
        if (errors !== undefined || !data) failures.push(errors);
        else events.push(ReceivedEvent.parse(fromGraphql(data.marketData)));
      },
      error: (error) => failures.push(error),
      complete: () => undefined,
    },
  );
  return Promise.resolve({
    events: () => events,
    async [Symbol.asyncDispose]() {
      await client.dispose();
      expect(failures).toEqual([]);
    },
  });
};

const pairs = (levels: unknown): unknown =>
  z
    .array(z.object({ price: z.string(), size: z.string() }))
    .parse(levels)
    .map(({ price, size }) => [price, size]);

function fromGraphql(event: Record<string, unknown>): unknown {
  const type = String(event['type']).toLowerCase();
  if (type === 'orderbook') return { ...event, type, bids: pairs(event['bids']), asks: pairs(event['asks']) };
  return { ...event, type, side: String(event['side']).toLowerCase() };
}

const subscribeRaw: Subscribe = async (gateway, symbols) => {
  const client = await RawClient.connect(gateway.urls.raw);
  await client.subscribe('binance', [...symbols], ['tick', 'trade', 'candle', 'orderbook'], {
    depth: 10,
    snapshot: false,
  });
  return {
    events: () => client.messages.filter(({ type }) => type === 'data').map(({ data }) => ReceivedEvent.parse(data)),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
};

const Ticker = z.object({ b: z.string(), B: z.string(), a: z.string(), A: z.string() });
const AggTrade = z.object({ a: z.number(), p: z.string(), q: z.string(), T: z.number(), m: z.boolean() });

function of<Type extends ReceivedEvent['type']>(
  events: readonly ReceivedEvent[],
  type: Type,
  symbol: string,
): Extract<ReceivedEvent, { type: Type }>[] {
  return events.filter(
    (event): event is Extract<ReceivedEvent, { type: Type }> => event.type === type && event.symbol === symbol,
  );
}

function expectTicks(events: readonly ReceivedEvent[], player: SessionPlayer, symbol: string): void {
  const expected = player.expectedTicks(symbol).map((raw) => Ticker.parse(JSON.parse(raw)));
  const received = of(events, 'tick', symbol).map(({ bid, bidSize, ask, askSize }) => ({
    b: bid,
    B: bidSize,
    a: ask,
    A: askSize,
  }));
  expect(received, `ticks of ${symbol}`).toEqual(expected);
}

function expectTrades(events: readonly ReceivedEvent[], player: SessionPlayer, symbol: string): void {
  const expected = player.expectedAggTrades(symbol).map((raw) => {
    const { a, p, q, T, m } = AggTrade.parse(JSON.parse(raw));
    return { tradeId: String(a), price: p, size: q, side: m ? 'sell' : 'buy', time: new Date(T).toISOString() };
  });
  const received = of(events, 'trade', symbol).map(({ tradeId, price, size, side, time }) => ({
    tradeId,
    price,
    size,
    side,
    time,
  }));
  expect(received, `trades of ${symbol}`).toEqual(expected);
}

function expectCandles(events: readonly ReceivedEvent[], { closedKlines }: ExpectedSession, symbol: string): void {
  const expected = (closedKlines[symbol] ?? []).filter(({ i }) => i === '1m');
  const received = of(events, 'candle', symbol).filter(({ closed }) => closed);
  expect(
    received.map(({ openTime, closeTime, open, high, low, close, volume, tradeCount }) => ({
      t: Date.parse(openTime),
      T: Date.parse(closeTime) - 1,
      o: open,
      h: high,
      l: low,
      c: close,
      v: volume,
      n: tradeCount,
    })),
    `closed candles of ${symbol}`,
  ).toEqual(expected.map(({ t, T, o, h, l, c, v, n }) => ({ t, T, o, h, l, c, v, n })));
}

/** Sequences of each stream rise by one: no client was too slow, and nothing was lost. */
function expectWholeStreams(events: readonly ReceivedEvent[]): void {
  const last = new Map<string, number>();
  for (const { type, symbol, sequence } of events) {
    const before = last.get(`${type} ${symbol}`);
    if (before !== undefined) expect(sequence).toBe(before + 1);
    last.set(`${type} ${symbol}`, sequence);
  }
}

const hasBook = (events: readonly ReceivedEvent[], session: ExpectedSession, symbol: string): boolean => {
  const { bids10, asks10 } = session.books[symbol] ?? { bids10: [], asks10: [] };
  const book = of(events, 'orderbook', symbol).at(-1);
  return JSON.stringify([book?.bids, book?.asks]) === JSON.stringify([bids10, asks10]);
};

async function play(recording: string, subscribe: Subscribe): Promise<void> {
  const session = expectedBooks(recording);
  await using venue = await StandInBinance.start();
  const player = new SessionPlayer(venue, recording);
  await using gateway = await startGateway({
    config: {
      brokers: { binance: standInBroker(venue, { trades: 'aggregate' }) },
      limits: { queueBytesPerConnection: 67_108_864 },
    },
  });
  await using reader = await subscribe(gateway, player.symbols);
  await player.waitForSubscriptions();
  await player.play({ snapshotWaitMs: 2_000 });
  const expectedTrades = player.symbols.reduce((sum, symbol) => sum + player.expectedAggTrades(symbol).length, 0);
  await waitFor(
    () => {
      const events = reader.events();
      const trades = events.filter(({ type }) => type === 'trade').length;
      return trades >= expectedTrades && player.symbols.every((symbol) => hasBook(events, session, symbol));
    },
    `all trades and the final books of ${recording}`,
    15_000,
  ).catch(() => undefined);
  const events = reader.events();
  for (const symbol of player.symbols) {
    const book = of(events, 'orderbook', symbol).at(-1);
    expect(book?.bids, `bids of ${symbol}`).toEqual(session.books[symbol]?.bids10);
    expect(book?.asks, `asks of ${symbol}`).toEqual(session.books[symbol]?.asks10);
    expectTicks(events, player, symbol);
    expectTrades(events, player, symbol);
    expectCandles(events, session, symbol);
  }
  expectWholeStreams(events);
}

describe.skipIf(!hasRecordings)('a recorded session of a real venue arrives whole, exact and in order', () => {
  describe.each(SESSIONS)('%s', (recording) => {
    it('at a GraphQL subscription', { timeout: 60_000 }, () => play(recording, subscribeGraphql));
    it('at a raw socket', { timeout: 60_000 }, () => play(recording, subscribeRaw));
  });
});
