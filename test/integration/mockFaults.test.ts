import { createClient } from 'graphql-ws';
import { beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { isDecimal } from '../../src/market/decimal.ts';
import type { PriceLevel } from '../../src/market/marketData.ts';
import { OrderBook } from '../../src/market/OrderBook.ts';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway } from '../support/startGateway.ts';

/** What a subscriber was sent, in the words of the raw protocol. */
interface Told {
  readonly type: string;
  readonly [member: string]: unknown;
}

interface Subscriber extends AsyncDisposable {
  readonly told: () => readonly Told[];
}

const CREDENTIALS = { token: 'mock-token', accountId: 'mock-account' };
const BROKERS = [
  { kind: 'mock-binance', symbol: 'BTCUSDT', types: ['tick', 'orderbook', 'trade'] },
  { kind: 'mock-oanda', symbol: 'EUR_USD', types: ['tick', 'orderbook'] },
] as const;
type Broker = (typeof BROKERS)[number];

const PROTOCOLS = { raw: subscribeRaw, GraphQL: subscribeGraphql } as const;

async function subscribeRaw(gateway: MarketDataServer, { kind, symbol, types }: Broker): Promise<Subscriber> {
  const client = await RawClient.connect(gateway.urls.raw);
  if (kind === 'mock-oanda') await client.ask({ action: 'authenticate', broker: kind, credentials: CREDENTIALS });
  await client.subscribe(kind, [symbol], types, { book: 'delta', depth: 10 });
  const told = (): readonly Told[] =>
    client.messages.flatMap((message): readonly Told[] => {
      const { data } = message;
      if (message.type === 'data' && isTold(data))
        return [{ ...data, bids: levels(data['bids']), asks: levels(data['asks']) }];
      return message.type === 'status' && 'symbol' in message ? [message] : [];
    });
  return { told, [Symbol.asyncDispose]: () => client.close() };
}

const EVENT = `type sequence
  ... on Trade { tradeId backfilled }
  ... on OrderBook { kind bids { price size } asks { price size } }
  ... on FeedStatus { state reason gap { type from to } }`;

async function subscribeGraphql(gateway: MarketDataServer, { kind, symbol, types }: Broker): Promise<Subscriber> {
  const url = gateway.urls.graphql.replace('http', 'ws');
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, lazy: false });
  if (kind === 'mock-oanda') {
    const query = `mutation ($credentials: BrokerCredentials!) { authenticateBroker(broker: "${kind}", credentials: $credentials) { session } }`;
    for await (const { errors } of client.iterate({ query, variables: { credentials: CREDENTIALS } })) {
      expect(errors).toBeUndefined();
    }
  }
  const received: Told[] = [];
  const wanted = [...types, 'status'].join(', ').toUpperCase();
  client.subscribe<{ marketData: Readonly<Record<string, unknown>> }>(
    {
      query: `subscription { marketData(broker: "${kind}", symbols: ["${symbol}"], types: [${wanted}],
        options: { book: DELTA, depth: 10 }) { ${EVENT} } }`,
    },
    {
      next: ({ data }) => received.push(inRawWords(data?.marketData ?? {})),
      error: (error) => received.push({ type: 'error', error }),
      complete: () => undefined,
    },
  );
  return { told: () => received, [Symbol.asyncDispose]: async () => client.dispose() };
}

function inRawWords(event: Readonly<Record<string, unknown>>): Told {
  const lower = (name: string): string => String(event[name]).toLowerCase();
  const gap = event['gap'] ?? null;
  const status = gap === null ? lower('state') : 'gap';
  return { ...event, type: lower('type'), kind: lower('kind'), status };
}

function isTold(data: unknown): data is Told {
  return typeof data === 'object' && data !== null && 'type' in data;
}

function levels(side: unknown): readonly PriceLevel[] {
  return Array.isArray(side) ? side.flatMap(([price, size]: readonly string[]) => level({ price, size })) : [];
}

function level({ price = '', size = '' }: { price?: string | undefined; size?: string | undefined }): PriceLevel[] {
  return isDecimal(price) && isDecimal(size) ? [{ price, size }] : [];
}

/** The statuses in their order, without those that only say the same in other words. */
function statusesOf(told: readonly Told[]): readonly unknown[] {
  const statuses = told.filter(({ type }) => type === 'status').map(({ status }) => status);
  return statuses.filter((status, at) => status !== statuses[at - 1] && !(at === 0 && status === 'live'));
}

/** The laws of every subscription: numbers rise by one, trades rise, and a book is whole and never crossed. */
function checkLaws(told: readonly Told[]): void {
  for (const type of ['tick', 'trade']) {
    const sequences = told.filter((each) => each.type === type).map(({ sequence }) => Number(sequence));
    expect(sequences).toEqual(sequences.map((_, at) => (sequences[0] ?? 0) + at));
  }
  const ids = told.filter(({ type }) => type === 'trade').map(({ tradeId }) => Number(tradeId));
  expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
  let book: OrderBook | null = null;
  for (const each of told) {
    if (each.type === 'status' && (each['status'] === 'recovering' || each['status'] === 'closed')) book = null;
    if (each.type !== 'orderbook') continue;
    if (each['kind'] === 'snapshot') book = new OrderBook();
    if (book === null) throw new Error('a change of a book that is not known');
    const { kind, bids, asks } = each as unknown as Parameters<OrderBook['apply']>[0];
    book.apply({ kind, bids, asks });
    expect(book.crossed).toBe(false);
  }
}

/** One fault after another; each has its time, and what subscribers are told of it with trades, and without. */
const FAULTS = [
  ['silence', { afterMs: 5_000, forMs: 4_000 }, ['stale', 'live'], ['stale', 'live']],
  ['disconnect', { afterMs: 10_000 }, ['recovering', 'live'], ['recovering', 'live']],
  ['gap', { afterMs: 14_000 }, ['recovering', 'gap', 'live'], ['recovering', 'live']],
  ['duplicate', { afterMs: 16_000 }, [], []],
  ['outOfOrder', { afterMs: 18_000 }, [], []],
  ['crossedBook', { afterMs: 20_000 }, ['recovering', 'live'], ['recovering', 'live']],
  ['halt', { afterMs: 22_000, forMs: 1_500 }, ['closed', 'live'], ['closed', 'live']],
] as const;
const END_MS = 25_000;

interface Outcome {
  /** By broker and protocol. */
  readonly told: ReadonlyMap<string, readonly Told[]>;
  readonly metrics: string;
}

/** Both brokers, with a subscriber over each protocol, from the first fault to the last. */
async function runAll(): Promise<Outcome> {
  const clock = new SkippableClock();
  const faults = FAULTS.map(([kind, times]) => ({ kind, ...times }));
  const brokers = Object.fromEntries(BROKERS.map(({ kind }) => [kind, { kind, faults }]));
  await using gateway = await startGateway({ config: { brokers, feeds: { staleAfterMs: 2_000 } }, clock });
  const startMs = clock.monotonic();
  await using owned = new AsyncDisposableStack();
  const subscribers = new Map<string, Subscriber>();
  for (const broker of BROKERS) {
    for (const [protocol, subscribe] of Object.entries(PROTOCOLS)) {
      subscribers.set(`${broker.kind} ${protocol}`, owned.use(await clock.hurry(subscribe(gateway, broker))));
    }
  }
  await clock.hurryUntil(() => clock.monotonic() - startMs > END_MS, 'the end of all faults');
  const told = new Map([...subscribers].map(([name, subscriber]) => [name, subscriber.told()]));
  return { told, metrics: await gateway.metrics.registry.metrics() };
}

let outcome: Outcome;
beforeAll(async () => {
  outcome = await runAll();
});

describe.each(BROKERS.flatMap(({ kind }) => Object.keys(PROTOCOLS).map((protocol) => `${kind} ${protocol}`)))(
  'a subscriber of %s',
  (name) => {
    const told = (): readonly Told[] => outcome.told.get(name) ?? [];

    it('is told of each fault as of the real thing, and then that it is over', () => {
      const expected = FAULTS.flatMap(([, , full, quotes]) => (name.startsWith('mock-binance') ? full : quotes));
      expect(statusesOf(told())).toEqual(expected);
      const lastOf = (type: string): number => told().findLastIndex((each) => each.type === type);
      expect(lastOf('tick')).toBeGreaterThan(lastOf('status'));
    });

    it('never gets a wrong book, an event twice, or one out of order', () => {
      expect(told().filter(({ type }) => type === 'orderbook').length).toBeGreaterThan(20);
      checkLaws(told());
    });
  },
);

describe('the trades that a subscriber', () => {
  const trades = (): readonly Told[] =>
    (outcome.told.get('mock-binance raw') ?? []).filter(({ type }) => type === 'trade');

  it('missed while the connection was lost come afterwards, without a hole and marked', () => {
    const first = trades().findIndex(({ backfilled }) => backfilled === true);
    const missed = trades().filter(({ backfilled }) => backfilled === true);
    expect(missed.length).toBeGreaterThan(20);
    const around = trades().slice(first - 1, first + missed.length + 1);
    const ids = around.map(({ tradeId }) => Number(tradeId));
    expect(ids).toEqual(ids.map((_, at) => (ids[0] ?? 0) + at));
  });

  it('lost for good are told from the last one before them to the first one after, and counted', () => {
    const behind = trades().findIndex(
      ({ tradeId }, at) => Number(tradeId) - Number(trades()[at - 1]?.['tradeId'] ?? tradeId) > 1,
    );
    const [gap, ...others] = (outcome.told.get('mock-binance raw') ?? []).filter(({ status }) => status === 'gap');
    expect(gap).toMatchObject({
      gap: { type: 'trade', from: trades()[behind - 1]?.['time'], to: trades()[behind]?.['time'] },
    });
    expect(others).toEqual([]);
  });
});

it('operators see gaps, resyncs by their reason, and lost connections', () => {
  const valueOf = (sample: string): number =>
    Number(
      outcome.metrics
        .split('\n')
        .find((line) => line.startsWith(`tickgraph_${sample} `))
        ?.split(' ')[1] ?? 0,
    );
  for (const { kind, types } of BROKERS) {
    expect(valueOf(`resyncs_total{broker="${kind}",reason="crossed"}`)).toBe(1);
    expect(valueOf(`resyncs_total{broker="${kind}",reason="gap"}`)).toBe(1);
    expect(valueOf(`reconnects_total{broker="${kind}"}`)).toBe(1);
    for (const type of types.slice(1)) {
      expect(valueOf(`gaps_total{broker="${kind}",type="${type}"}`)).toBeGreaterThanOrEqual(1);
    }
  }
});
