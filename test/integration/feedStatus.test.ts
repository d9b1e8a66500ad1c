import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { book, tick, trade } from '../support/events.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import type { ScriptedGateway } from '../support/ScriptedGateway.ts';
import type { FeedCondition } from '../../src/brokers/BaseBroker.ts';
import type { FeedGap, FeedReplay } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { waitFor } from '../support/waitFor.ts';

/** Makes the broker report a condition of a feed, named as in `tick BTCUSDT`. */
function report(gateway: ScriptedGateway, name: string, condition: FeedCondition): void {
  const broker = gateway.broker();
  broker.sink.onFeed(broker.feed(name), condition);
}

function statusesOf(client: RawClient): readonly string[] {
  return client.messages
    .filter(({ type, symbol }) => type === 'status' && symbol === 'BTCUSDT')
    .map(({ status, message }) => `${String(status)}: ${String(message)}`);
}

/** A client of its own connection, and what it is sent: states with their reasons, and other events by their type. */
function subscribe(
  gateway: GraphqlGateway,
  types: string,
  options = 'snapshot: true',
): { told: string[] } & AsyncDisposable {
  const client = createClient({ url: gateway.wsUrl, webSocketImpl: WebSocket, retryAttempts: 0 });
  const told: string[] = [];
  client.subscribe<{ marketData: { type: string; state?: string; reason?: string | null } }>(
    {
      query: `subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [${types}], options: { ${options} }) {
        type ... on FeedStatus { state reason }
      } }`,
    },
    {
      next: ({ data }) => {
        const event = data?.marketData;
        told.push(event?.state === undefined ? String(event?.type) : `${event.state}: ${String(event.reason)}`);
      },
      error: (error) => void told.push(String(error)),
      complete: () => undefined,
    },
  );
  return { told, [Symbol.asyncDispose]: async () => client.dispose() };
}

async function ask({ url }: GraphqlGateway, query: string): Promise<{ data: object; errors?: unknown }> {
  const body = JSON.stringify({ query: `{ ${query} }` });
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return (await response.json()) as { data: object; errors?: unknown };
}

const LIVE = 'live: The feed is live.';

describe('the status of a symbol', () => {
  it('is told anew when its reason changes, though the state stays, over the raw protocol', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await gateway.wanted('tick BTCUSDT');
    for (const reason of ['Silence.', 'Silence.', 'The credentials are refused.']) {
      report(gateway, 'tick BTCUSDT', { kind: 'stale', reason });
    }
    await waitFor(() => statusesOf(client).length === 2);
    expect(statusesOf(client)).toEqual(['stale: Silence.', 'stale: The credentials are refused.']);
  });

  it('is told anew when its reason changes, though the state stays, over GraphQL', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = subscribe(gateway, 'TICK, STATUS');
    await gateway.wanted('tick BTCUSDT');
    for (const reason of ['The other side closed the connection.', 'The token is refused.']) {
      report(gateway, 'tick BTCUSDT', { kind: 'recovering', reason });
    }
    await waitFor(() => client.told.length === 2);
    expect(client.told).toEqual([
      'RECOVERING: The other side closed the connection.',
      'RECOVERING: The token is refused.',
    ]);
  });

  it("is of the client's own feeds, whatever another client has, over the raw protocol", async () => {
    await using gateway = await RawGateway.start();
    await using other = await RawClient.connect(gateway.url);
    await other.subscribe('binance', ['BTCUSDT'], ['candle']);
    await gateway.wanted('candle BTCUSDT');
    report(gateway, 'candle BTCUSDT', { kind: 'stale', reason: 'No candle.' });
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick', 'trade']);
    await gateway.wanted('trade BTCUSDT');
    report(gateway, 'candle BTCUSDT', { kind: 'gap', reason: 'A candle is lost.', to: null });
    report(gateway, 'trade BTCUSDT', { kind: 'live' });
    report(gateway, 'tick BTCUSDT', { kind: 'stale', reason: 'No tick.' });
    await waitFor(() => statusesOf(client).length === 1);
    expect(statusesOf(client)).toEqual(['stale: No tick.']);
    expect(statusesOf(other)).toEqual(['stale: No candle.', 'gap: A candle is lost.']);
  });

  it("is of the client's own feeds, whatever another client has, over GraphQL", async () => {
    await using gateway = await GraphqlGateway.start();
    await using other = subscribe(gateway, 'ORDERBOOK, STATUS');
    await gateway.wanted('orderbook BTCUSDT');
    report(gateway, 'orderbook BTCUSDT', { kind: 'recovering', reason: 'A gap in the book.' });
    await using client = subscribe(gateway, 'TRADE, STATUS');
    await gateway.wanted('trade BTCUSDT');
    report(gateway, 'trade BTCUSDT', { kind: 'live' });
    report(gateway, 'orderbook BTCUSDT', { kind: 'live' });
    await waitFor(() => client.told.length === 1 && other.told.length === 2);
    expect(client.told).toEqual(['LIVE: null']);
    expect(other.told).toEqual(['RECOVERING: A gap in the book.', 'LIVE: null']);
  });

  it('is not that of candles of another interval, gaps included, over the raw protocol', async () => {
    await using gateway = await RawGateway.start();
    await using other = await RawClient.connect(gateway.url);
    await other.subscribe('binance', ['BTCUSDT'], ['candle'], { interval: '5m' });
    await gateway.wanted('candle BTCUSDT 5m');
    const feedOfOther = gateway.broker().feed('candle BTCUSDT');
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['candle'], { interval: '1m' });
    await gateway.wanted('candle BTCUSDT 1m');
    const { sink } = gateway.broker();
    sink.onFeed(feedOfOther, { kind: 'stale', reason: 'No candle of five minutes.' });
    sink.onFeed(feedOfOther, { kind: 'gap', reason: 'One of five minutes is lost.', to: null });
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await gateway.wanted('tick BTCUSDT');
    report(gateway, 'tick BTCUSDT', { kind: 'stale', reason: 'No tick.' });
    await waitFor(() => statusesOf(client).length === 1 && statusesOf(other).length === 2);
    expect(statusesOf(client)).toEqual(['stale: No tick.']);
    expect(statusesOf(other)).toEqual(['stale: No candle of five minutes.', 'gap: One of five minutes is lost.']);
  });

  it('is not that of candles of another interval, gaps included, over GraphQL', async () => {
    await using gateway = await GraphqlGateway.start();
    await using other = subscribe(gateway, 'CANDLE, STATUS', 'interval: FIVE_MINUTES');
    await gateway.wanted('candle BTCUSDT 5m');
    const feedOfOther = gateway.broker().feed('candle BTCUSDT');
    await using client = subscribe(gateway, 'CANDLE, TICK, STATUS', 'interval: ONE_MINUTE');
    await gateway.wanted('tick BTCUSDT');
    const { sink } = gateway.broker();
    sink.onFeed(feedOfOther, { kind: 'recovering', reason: 'No candle of five minutes.' });
    sink.onFeed(feedOfOther, { kind: 'gap', reason: 'One of five minutes is lost.', to: null });
    report(gateway, 'tick BTCUSDT', { kind: 'stale', reason: 'No tick.' });
    await waitFor(() => client.told.length === 1 && other.told.length === 2);
    expect(client.told).toEqual(['STALE: No tick.']);
    expect(other.told).toEqual(['RECOVERING: No candle of five minutes.', 'RECOVERING: One of five minutes is lost.']);
  });

  it('is told when a client takes up or leaves the feed that is in trouble', async () => {
    await using gateway = await RawGateway.start();
    await using other = await RawClient.connect(gateway.url);
    await other.subscribe('binance', ['BTCUSDT'], ['candle']);
    await gateway.wanted('candle BTCUSDT');
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await gateway.wanted('tick BTCUSDT');
    report(gateway, 'tick BTCUSDT', { kind: 'live' });
    report(gateway, 'candle BTCUSDT', { kind: 'stale', reason: 'No candle.' });
    await client.subscribe('binance', ['BTCUSDT'], ['candle']);
    await waitFor(() => statusesOf(client).length === 1);
    await client.ask({ action: 'unsubscribe', symbols: ['BTCUSDT'], types: ['candle'] });
    await waitFor(() => statusesOf(client).length === 2);
    expect(statusesOf(client)).toEqual(['stale: No candle.', LIVE]);
  });
});

describe('events that are lost for good', () => {
  const [LAST, BETWEEN, NEXT] = [fromEpochMs(1_000), fromEpochMs(2_000), fromEpochMs(4_000)];
  const REASON = 'Trades 5 to 9 are lost.';

  /** Two trades with a gap between them, and a tick meanwhile. */
  async function lose(gateway: ScriptedGateway): Promise<void> {
    await gateway.wanted('tick BTCUSDT');
    await gateway.wanted('trade BTCUSDT');
    const broker = gateway.broker();
    const [ticks, trades] = [broker.feed('tick BTCUSDT'), broker.feed('trade BTCUSDT')];
    broker.sink.onEvent(trades, { ...trade(4), time: LAST });
    broker.sink.onEvent(ticks, { ...tick(1), time: BETWEEN });
    report(gateway, 'trade BTCUSDT', { kind: 'gap', reason: REASON, to: NEXT });
    broker.sink.onEvent(trades, { ...trade(10), time: NEXT });
    broker.sink.onEvent(ticks, { ...tick(2), time: NEXT });
  }

  it('are reported to subscribers of their feed alone, with the times around them, over the raw protocol', async () => {
    await using gateway = await RawGateway.start();
    await using trades = await RawClient.connect(gateway.url);
    await using ticks = await RawClient.connect(gateway.url);
    await trades.subscribe('binance', ['BTCUSDT'], ['trade']);
    await ticks.subscribe('binance', ['BTCUSDT'], ['tick']);
    await lose(gateway);
    await waitFor(() => trades.data('trade').length === 2 && ticks.data('tick').length === 2);
    expect(trades.messages.filter(({ status }) => status === 'gap')).toEqual([
      {
        type: 'status',
        status: 'gap',
        broker: 'binance',
        symbol: 'BTCUSDT',
        message: REASON,
        gap: { type: 'trade', from: LAST, to: NEXT },
      },
    ]);
    expect(statusesOf(ticks)).toEqual([]);
  });

  it('are reported to subscribers of their feed alone, with the times around them, over GraphQL', async () => {
    await using gateway = await GraphqlGateway.start();
    const client = createClient({ url: gateway.wsUrl, webSocketImpl: WebSocket, retryAttempts: 0 });
    interface Told {
      readonly type: string;
      readonly reason?: string | null;
      readonly gap?: FeedGap | null;
      readonly replay?: FeedReplay | null;
    }
    const subscribeTo = (type: string): Told[] => {
      const told: Told[] = [];
      client.subscribe<{ marketData: Told }>(
        {
          query: `subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [${type}, STATUS]) {
            type ... on FeedStatus { reason gap { type from to } replay { events } }
          } }`,
        },
        {
          next: ({ data }) => void (data && told.push(data.marketData)),
          error: () => undefined,
          complete: () => undefined,
        },
      );
      return told;
    };
    const [trades, ticks] = [subscribeTo('TRADE'), subscribeTo('TICK')];
    await lose(gateway);
    const events = (told: readonly Told[]): readonly Told[] => told.filter(({ type }) => type !== 'STATUS');
    await waitFor(() => events(trades).length === 2 && events(ticks).length === 2);
    const gap = { type: 'TRADE', from: LAST, to: NEXT };
    const live = { type: 'STATUS', reason: null, gap: null, replay: null };
    expect(trades.filter(({ type }) => type === 'STATUS')).toEqual([live, { ...live, reason: REASON, gap }]);
    expect(ticks.filter(({ type }) => type === 'STATUS')).toEqual([live]);
    await client.dispose();
  });
});

describe('a last value that is withdrawn', () => {
  const WITHDRAWN = { kind: 'withdrawn', reason: 'The venue quotes no bid.' } as const;

  it('is given to nobody any more, and a status says why until the next value', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await gateway.wanted('tick BTCUSDT');
    const broker = gateway.broker();
    const feed = broker.feed('tick BTCUSDT');
    broker.sink.onEvent(feed, tick(1));
    broker.sink.onFeed(feed, WITHDRAWN);
    await using newcomer = await RawClient.connect(gateway.url);
    await newcomer.subscribe('binance', ['BTCUSDT'], ['tick']);
    await waitFor(() => statusesOf(newcomer).length === 1 && statusesOf(client).length === 1);
    expect(newcomer.data('tick')).toEqual([]);
    expect(statusesOf(client)).toEqual(['stale: The venue quotes no bid.']);
    broker.sink.onEvent(feed, tick(2));
    await waitFor(() => newcomer.data('tick').length === 1 && statusesOf(newcomer).length === 2);
    expect(client.data('tick')).toHaveLength(2);
    for (const each of [client, newcomer]) expect(statusesOf(each)).toEqual(['stale: The venue quotes no bid.', LIVE]);
  });

  it('is not sent to a client whose throttle held it back meanwhile', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT', 'ETHUSDT'], ['tick'], { throttleMs: 50 });
    await gateway.wanted('tick ETHUSDT');
    const broker = gateway.broker();
    for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
      for (const sequence of [1, 2]) broker.sink.onEvent(broker.feed(`tick ${symbol}`), tick(sequence));
    }
    report(gateway, 'tick BTCUSDT', WITHDRAWN);
    await waitFor(() => client.data('tick', 'ETHUSDT').length === 2, 'the tick that was held back and holds');
    expect(client.data('tick', 'BTCUSDT')).toHaveLength(1);
  });

  it.each([
    ['TICK', 'tick', 'tick(broker: "binance", symbol: "BTCUSDT") { bid }'],
    ['ORDERBOOK', 'orderbook', 'orderBook(broker: "binance", symbol: "BTCUSDT") { kind }'],
  ])('is null for who asks by query, without a question to the venue: %s', async (type, name, query) => {
    await using gateway = await GraphqlGateway.start();
    await using client = subscribe(gateway, `${type}, STATUS`);
    await gateway.wanted(`${name} BTCUSDT`);
    const broker = gateway.broker();
    const asked = () => Promise.reject(new Error('the venue was asked'));
    Object.assign(broker, { fetchTick: asked, fetchOrderBook: asked });
    report(gateway, `${name} BTCUSDT`, WITHDRAWN);
    await waitFor(() => client.told.length === 1);
    expect(client.told).toEqual(['STALE: The venue quotes no bid.']);
    const answer = await ask(gateway, query);
    expect(answer.errors).toBeUndefined();
    expect(Object.values(answer.data)).toEqual([null]);
  });
});

describe('a last value whose feed is stale', () => {
  const sides = (bid: string) => ({ bids: [[bid, '1']] as [string, string][] });

  it.each([
    ['TICK', 'tick', 'tick(broker: "binance", symbol: "BTCUSDT") { bid }', { bid: '100.10' }, { bid: '999.10' }],
    [
      'ORDERBOOK',
      'orderbook',
      'orderBook(broker: "binance", symbol: "BTCUSDT") { bids { price } }',
      { bids: [{ price: '100.10' }] },
      { bids: [{ price: '999.10' }] },
    ],
  ])('is not given to who asks by query: the venue is asked for its %s', async (type, name, query, live, present) => {
    await using gateway = await GraphqlGateway.start();
    await using client = subscribe(gateway, `${type}, STATUS`);
    await gateway.wanted(`${name} BTCUSDT`);
    const broker = gateway.broker();
    Object.assign(broker, {
      fetchTick: () => Promise.resolve(tick(9, '999.10', '999.20')),
      fetchOrderBook: () => Promise.resolve(book(9, 'snapshot', sides('999.10'))),
    });
    report(gateway, `${name} BTCUSDT`, { kind: 'live' });
    const event = name === 'tick' ? tick(1) : book(1, 'snapshot', sides('100.10'));
    broker.sink.onEvent(broker.feed(`${name} BTCUSDT`), event);
    await waitFor(() => client.told.length === 2);
    expect(Object.values((await ask(gateway, query)).data)).toEqual([live]);
    report(gateway, `${name} BTCUSDT`, { kind: 'stale', reason: 'Nothing has come for 20 s.' });
    await waitFor(() => client.told.length === 3);
    expect(Object.values((await ask(gateway, query)).data)).toEqual([present]);
  });
});
