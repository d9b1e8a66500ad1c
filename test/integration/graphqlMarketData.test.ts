import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { levels } from '../support/events.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';

const AT = fromEpochMs(Date.UTC(2026, 0, 2, 3, 4, 5));

function clientOf(gateway: GraphqlGateway): Client & AsyncDisposable {
  const client = createClient({ url: gateway.wsUrl, webSocketImpl: WebSocket, retryAttempts: 0 });
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.dispose() });
}

/** Collects the results of a subscription as they come. */
function gather(
  client: Client,
  query: string,
  variables?: Record<string, unknown>,
): { results: unknown[]; errors: unknown[]; leave: () => void } {
  const results: unknown[] = [];
  const errors: unknown[] = [];
  const leave = client.subscribe(
    { query, ...(variables === undefined ? {} : { variables }) },
    { next: (result) => results.push(result), error: (error) => errors.push(error), complete: () => {} },
  );
  return { results, errors, leave };
}

describe('marketData', () => {
  it('carries every type of event with the published fields and formats', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = clientOf(gateway);
    const { results } = gather(
      client,
      `subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [TICK, TRADE, ORDERBOOK, CANDLE, STATUS], options: { interval: FIVE_MINUTES }) {
        __typename broker symbol type
        ... on Tick { bid bidSize ask askSize last }
        ... on Trade { tradeId price size side }
        ... on OrderBook { kind bids { price size } asks { price size } }
        ... on Candle { interval openTime closeTime open volume tradeCount closed }
        ... on FeedStatus { state reason }
      } }`,
    );
    await Promise.all(['tick', 'trade', 'orderbook', 'candle'].map((type) => gateway.wanted(`${type} BTCUSDT`)));
    const broker = gateway.broker();
    expect(broker.feed('candle BTCUSDT').interval).toBe('5m');
    gateway.tick('43250.10');
    gateway.trade(7);
    gateway.book({
      type: 'orderbook',
      time: AT,
      receivedAt: AT,
      kind: 'snapshot',
      bids: levels([['100.10', '1.50000000']]),
      asks: levels([['100.20', '2']]),
    });
    broker.sink.onFeed(broker.feed('tick BTCUSDT'), { kind: 'stale', reason: 'Nothing comes.' });
    await waitFor(() => results.length >= 4);
    await waitFor(() => JSON.stringify(results).includes('STALE'));
    const events = results.map(
      (result) => (result as { data: { marketData: { __typename: string } } }).data.marketData,
    );
    const same = { broker: 'binance', symbol: 'BTCUSDT' };
    expect(events.find((event) => event.__typename === 'Tick')).toEqual({
      ...same,
      __typename: 'Tick',
      type: 'TICK',
      bid: '43250.10',
      bidSize: '1',
      ask: '200000.50',
      askSize: null,
      last: null,
    });
    expect(events.find((event) => event.__typename === 'Trade')).toEqual({
      ...same,
      __typename: 'Trade',
      type: 'TRADE',
      tradeId: '7',
      price: '100.15',
      size: '0.50000',
      side: 'SELL',
    });
    expect(events.find((event) => event.__typename === 'OrderBook')).toEqual({
      ...same,
      __typename: 'OrderBook',
      type: 'ORDERBOOK',
      kind: 'SNAPSHOT',
      bids: [{ price: '100.10', size: '1.50000000' }],
      asks: [{ price: '100.20', size: '2' }],
    });
    expect(events.findLast((event) => event.__typename === 'FeedStatus')).toEqual({
      ...same,
      __typename: 'FeedStatus',
      type: 'STATUS',
      state: 'STALE',
      reason: 'Nothing comes.',
    });
  });

  it('fails as a whole, with one error that names every symbol that cannot be served', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = clientOf(gateway);
    const { errors } = gather(
      client,
      'subscription { marketData(symbols: ["BTCUSDT", "BTCUSD", "ETHUSD"]) { symbol } }',
    );
    await waitFor(() => errors.length === 1);
    const [list] = errors as [GraphqlResponseError[]];
    expect(list).toHaveLength(1);
    expect(list[0]?.extensions).toEqual({ code: 'UNKNOWN_SYMBOL', retryable: false, symbols: ['BTCUSD', 'ETHUSD'] });
    expect(list[0]?.message).toMatch(/BTCUSD.*Did you mean BTCUSDT\?.*ETHUSD.*Did you mean ETHUSDT\?/);
    expect(gateway.index.size).toBe(0);
  });

  it('with symbols refused for several reasons fails with the code of the first and the reasons of all', async () => {
    await using gateway = await GraphqlGateway.start({
      brokers: { a: { lists: ['X', 'Y'] }, b: { lists: ['X'] } },
    });
    await using client = clientOf(gateway);
    const { errors } = gather(client, 'subscription { marketData(symbols: ["X", "NOPE"]) { symbol } }');
    await waitFor(() => errors.length === 1);
    const [list] = errors as [GraphqlResponseError[]];
    expect(list[0]?.extensions).toEqual({ code: 'AMBIGUOUS_SYMBOL', retryable: false, symbols: ['X', 'NOPE'] });
    expect(list[0]?.message).toMatch(/name the broker.*"NOPE"/);
  });

  it('of an unknown broker fails with a list of those that exist', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = clientOf(gateway);
    const { errors } = gather(client, 'subscription { marketData(broker: "kraken", symbols: ["X"]) { symbol } }');
    await waitFor(() => errors.length === 1);
    const [list] = errors as [GraphqlResponseError[]];
    expect(list[0]).toMatchObject({
      message: expect.stringContaining('binance'),
      extensions: { code: 'UNKNOWN_BROKER' },
    });
  });

  it('is measured: how many are open, what is delivered, how late, and how many bytes', async () => {
    await using gateway = await GraphqlGateway.start();
    await using one = clientOf(gateway);
    await using two = clientOf(gateway);
    const query = 'subscription { marketData(symbols: ["BTCUSDT"]) { symbol } }';
    const [first, second] = [gather(one, query), gather(two, query)];
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    expect(await gateway.metric('connections', { protocol: 'graphql-ws' })).toBe(2);
    await gateway.wanted('tick BTCUSDT');
    for (const bid of ['1', '2', '3']) gateway.tick(bid);
    await waitFor(() => first.results.length > 0 && second.results.length > 0);
    await gateway.settles(
      'events_delivered_total',
      { protocol: 'graphql-ws', type: 'tick' },
      first.results.length + second.results.length,
    );
    const delivered = first.results.length;
    const latency = await gateway.metrics.deliveryLatency.get();
    const count = latency.values.find(({ metricName }) => metricName?.endsWith('_count'));
    expect(count?.labels).toEqual({ protocol: 'graphql-ws' });
    expect(count?.value).toBe(delivered);
    expect(await gateway.metric('bytes_sent_total', { protocol: 'graphql-ws' })).toBeGreaterThan(100);
    first.leave();
    second.leave();
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 0);
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    await gateway.isIdle();
  });
});

describe('marketDataBatch', () => {
  const query =
    'subscription ($ms: Int!) { marketDataBatch(symbols: ["BTCUSDT"], types: [TICK, TRADE], everyMs: $ms) { __typename ... on Tick { bid } ... on Trade { tradeId } } }';
  const batches = (client: TransportWsClient): unknown[] =>
    client.of('b').map(({ payload }) => (payload as { data: { marketDataBatch: unknown } }).data.marketDataBatch);

  it('gathers all events into one message each everyMs, and sends none while nothing happens', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { heartbeatMs: 10_000_000 } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('b', query, { ms: 100 });
    await gateway.wanted('tick BTCUSDT');
    await gateway.wanted('trade BTCUSDT');
    await clock.advance(1_000);
    gateway.tick('1');
    gateway.trade(1);
    gateway.tick('2');
    await client.roundTrip();
    await clock.advance(99);
    await client.roundTrip();
    expect(client.of('b')).toEqual([]);
    await clock.advance(1);
    await client.typed('next', 'b');
    const first = [
      { __typename: 'Tick', bid: '1' },
      { __typename: 'Trade', tradeId: '1' },
      { __typename: 'Tick', bid: '2' },
    ];
    expect(batches(client)).toEqual([first]);
    await clock.advance(1_000);
    gateway.tick('3');
    await client.roundTrip();
    await clock.advance(100);
    await waitFor(() => client.of('b').length === 2);
    expect(batches(client)).toEqual([first, [{ __typename: 'Tick', bid: '3' }]]);
    expect(await gateway.metric('events_delivered_total', { protocol: 'graphql-ws', type: 'tick' })).toBe(3);
    client.send({ type: 'complete', id: 'b' });
    await gateway.isIdle();
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 0);
  });

  it('sends each subscription lists at its own pace, every event once and in order, and ends on complete', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const of = (id: string): unknown[] =>
      client
        .of(id)
        .filter(({ type }) => type === 'next')
        .flatMap(
          ({ payload }) => (payload as { data: { marketDataBatch: { tradeId: string }[] } }).data.marketDataBatch,
        );
    client.subscribe('b', query, { ms: 20 });
    client.subscribe('c', query, { ms: 70 });
    client.subscribe('kept', 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { cursor } }');
    await gateway.wanted('trade BTCUSDT');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 3);
    for (let id = 1; id <= 300; id += 1) {
      gateway.trade(id);
      if (id % 10 === 0) await client.roundTrip();
    }
    const expected = Array.from({ length: 300 }, (_, at) => ({ __typename: 'Trade', tradeId: String(at + 1) }));
    for (const id of ['b', 'c']) {
      await waitFor(() => of(id).length === 300);
      expect(of(id)).toEqual(expected);
      client.send({ type: 'complete', id });
    }
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 1);
    gateway.trade(301);
    await waitFor(() => client.of('kept').length === 301);
    await client.roundTrip();
    for (const id of ['b', 'c']) expect(of(id)).toEqual(expected);
  });
});

describe('brokerStatus', () => {
  it('reports the changes of the state of one broker or of all', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: { a: { lists: ['X'] }, b: { lists: ['Y'] } } });
    await using client = clientOf(gateway);
    const all = gather(client, 'subscription { brokerStatus { id state reason enabled } }');
    const one = gather(client, 'subscription { brokerStatus(broker: "b") { id state } }');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    gateway.broker('a').sink.onStatus({ kind: 'degraded', reason: 'Half of it.' });
    await waitFor(() => all.results.length === 1);
    gateway.broker('b').sink.onStatus({ kind: 'degraded', reason: 'Half of it.' });
    await waitFor(() => all.results.length === 2 && one.results.length === 1);
    expect(all.results[0]).toEqual({
      data: { brokerStatus: { id: 'a', state: 'DEGRADED', reason: 'Half of it.', enabled: true } },
    });
    expect(one.results).toEqual([{ data: { brokerStatus: { id: 'b', state: 'DEGRADED' } } }]);
    one.leave();
    all.leave();
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 0);
  });

  it('of an unknown broker fails with a list of those that exist', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = clientOf(gateway);
    const { errors } = gather(client, 'subscription { brokerStatus(broker: "kraken") { id } }');
    await waitFor(() => errors.length === 1);
    const [list] = errors as [GraphqlResponseError[]];
    expect(list[0]).toMatchObject({
      message: expect.stringContaining('binance'),
      extensions: { code: 'UNKNOWN_BROKER' },
    });
  });
});
