import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { MULTIPART_ONLY, MultipartClient } from '../support/MultipartClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const TRADES = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';
/** Each alias carries a text again, so that few events fill the kernel's buffers. */
const WIDE = `subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId ${Array.from({ length: 29 }, (_, n) => `${'x'.repeat(100)}${n}: receivedAt`).join(' ')} } } }`;
const PROTOCOL = { protocol: 'graphql-multipart' };
/** As Apollo's clients ask. */
const APOLLO =
  'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9';

const told = (bid: string) => ({ payload: { data: { marketData: { bid } } } });

describe('a subscription over HTTP multipart', () => {
  it.each([
    [MULTIPART_ONLY, '-'],
    ['multipart/mixed; subscriptionSpec="1.0"', '-'],
    [APOLLO, 'graphql'],
  ])('gets each event in a part of its own, between boundaries that the client knows: %s', async (accept, boundary) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await MultipartClient.subscribe(gateway.url, TICKS, { accept });
    expect(client.response.statusCode).toBe(200);
    expect(client.response.headers['content-type']).toBe(`multipart/mixed;boundary="${boundary}";subscriptionSpec=1.0`);
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.10');
    expect(await client.count(1)).toEqual([told('1.10')]);
    gateway.tick('1.20');
    expect(await client.count(2)).toEqual([told('1.10'), told('1.20')]);
    expect(client.complete).toBe(false);
    expect(await gateway.metric('subscriptions', PROTOCOL)).toBe(1);
    expect(await gateway.metric('events_delivered_total', { ...PROTOCOL, type: 'tick' })).toBe(2);
    client.leave();
    await gateway.isIdle();
    await gateway.settles('subscriptions', PROTOCOL, 0);
  });

  it('may neither be kept, changed nor held back by a proxy, so none compresses it', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await MultipartClient.subscribe(gateway.url, TICKS, { 'accept-encoding': 'gzip, br' });
    expect(client.response.headers).toMatchObject({
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(client.response.headers['content-encoding']).toBeUndefined();
  });

  it('gets lists of events, and what is no market data, in the same way', async () => {
    await using gateway = await GraphqlGateway.start();
    const batches = TICKS.replace('marketData(', 'marketDataBatch(everyMs: 1, ');
    await using lists = await MultipartClient.subscribe(gateway.url, batches);
    await using states = await MultipartClient.subscribe(gateway.url, 'subscription { brokerStatus { id state } }');
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.10');
    expect(await lists.count(1)).toEqual([{ payload: { data: { marketDataBatch: [{ bid: '1.10' }] } } }]);
    gateway.broker().sink.onStatus({ kind: 'degraded', reason: 'Half of it.' });
    await waitFor(
      () =>
        JSON.stringify(states.messages.at(-1)) ===
        '{"payload":{"data":{"brokerStatus":{"id":"binance","state":"DEGRADED"}}}}',
    );
  });

  it('gets the same events as one over server-sent events of the same shape', async () => {
    await using gateway = await GraphqlGateway.start();
    await using parts = await MultipartClient.subscribe(gateway.url, TRADES);
    await using others = await MultipartClient.subscribe(gateway.url, TRADES, { accept: APOLLO });
    await using events = await SseClient.subscribe(gateway.url, TRADES);
    await gateway.wanted('trade BTCUSDT');
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 1);
    for (let id = 1; id <= 200; id += 1) gateway.trade(id);
    const payloads = (await events.count(200)).map(({ data }) => ({ payload: JSON.parse(data) as unknown }));
    expect(payloads.at(-1)).toEqual({ payload: { data: { marketData: { tradeId: '200' } } } });
    expect(await parts.count(200)).toEqual(payloads);
    expect(await others.count(200)).toEqual(payloads);
  });

  it('shows that it is alive while nothing happens', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { heartbeatMs: 12_000 } });
    await using client = await MultipartClient.subscribe(gateway.url, TICKS);
    await gateway.wanted('tick BTCUSDT');
    await clock.advance(24_000);
    await waitFor(() => client.beats === 2);
    expect(client.messages).toEqual([]);
    client.leave();
    await waitFor(() => clock.pending === 0, 'every timer to be gone');
  });

  it('ends with a part that says so when the gateway does', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await MultipartClient.subscribe(gateway.url, TICKS);
    await gateway.wanted('tick BTCUSDT');
    await gateway.graphql.close(1001);
    await waitFor(() => client.ended);
    expect(client.messages).toMatchObject([
      { payload: null, errors: [{ extensions: { code: 'BROKER_UNAVAILABLE' } }] },
    ]);
    expect(client.complete).toBe(true);
    await gateway.isIdle();
  });

  it('that is refused says so in a part, and ends', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await MultipartClient.subscribe(gateway.url, TICKS.replace('BTCUSDT', 'BTCUSD'));
    expect(await client.count(1)).toMatchObject([
      { payload: { errors: [{ extensions: { code: 'UNKNOWN_SYMBOL' } }] } },
    ]);
    await waitFor(() => client.ended);
    expect(client.complete).toBe(true);
    await gateway.isIdle();
  });

  it('that is refused is answered as JSON to a client that takes that as well', async () => {
    await using gateway = await GraphqlGateway.start();
    const { body, headers } = await gateway.post(TICKS.replace('BTCUSDT', 'BTCUSD'), { headers: { accept: APOLLO } });
    expect(headers.get('content-type')).toMatch(/^application\//);
    expect(body.errors?.[0]?.extensions['code']).toBe('UNKNOWN_SYMBOL');
  });

  it('of a version that is not spoken here, or of none, is refused with 406', async () => {
    await using gateway = await GraphqlGateway.start();
    for (const accept of [
      'multipart/mixed;subscriptionSpec=2.0',
      'multipart/mixed',
      'multipart/mixed;deferSpec=20220824',
    ]) {
      const { status, body } = await gateway.post(TICKS, { headers: { accept } });
      expect([status, body.errors?.[0]?.extensions['code']]).toEqual([406, 'BAD_REQUEST']);
    }
    await gateway.isIdle();
  });

  it('is told SLOW_CONSUMER at the end if its client reads too slowly', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, limits: { queueBytesPerConnection: 100_000 } });
    await using stalled = await MultipartClient.subscribe(gateway.url, WIDE);
    stalled.response.pause();
    await using healthy = await SseClient.subscribe(gateway.url, TRADES);
    await gateway.settles('subscriptions', PROTOCOL, 1);
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 1);
    for (let count = 0; (await gateway.metric('slow_consumers_closed_total', PROTOCOL)) === 0; count += 100) {
      expect(count).toBeLessThan(20_000);
      for (let burst = 1; burst <= 100; burst += 1) gateway.trade(count + burst);
      await healthy.count(count + 100);
    }
    stalled.response.resume();
    await waitFor(() => stalled.complete, 'the end of the stream');
    expect(stalled.messages.at(-1)).toMatchObject({
      payload: null,
      errors: [{ extensions: { code: 'SLOW_CONSUMER' } }],
    });
    expect(healthy.ended).toBe(false);
  });
});

describe('a query of a client that takes multipart', () => {
  it.each([
    [APOLLO, 'application/graphql-response+json'],
    ['multipart/mixed;deferSpec=20220824,application/json', 'application/json'],
    ['multipart/mixed;subscriptionSpec=1.0, */*;q=0.1', 'application/'],
  ])('is answered as JSON if it takes that as well: %s', async (accept, type) => {
    await using gateway = await GraphqlGateway.start();
    const { body, headers } = await gateway.post('{ brokers { id } }', { headers: { accept } });
    expect(headers.get('content-type')).toContain(type);
    expect(body).toEqual({ data: { brokers: [{ id: 'binance' }] } });
  });

  it('is answered in one part if it takes nothing else', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await MultipartClient.subscribe(gateway.url, '{ brokers { id } }');
    expect(await client.count(1)).toEqual([{ payload: { data: { brokers: [{ id: 'binance' }] } } }]);
    await waitFor(() => client.ended);
    expect(client.complete).toBe(true);
  });
});

describe('Apollo Client with HttpLink alone', () => {
  it.each(['GET', 'POST'])('receives a subscription by %s, and learns why one is refused', async (method) => {
    await using gateway = await GraphqlGateway.start();
    const link = new HttpLink({ uri: gateway.url, useGETForQueries: method === 'GET' });
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const received: unknown[] = [];
    const subscription = client.subscribe({ query: gql(TICKS), fetchPolicy: 'no-cache' }).subscribe({
      next: ({ data, error }) => received.push(data ?? error),
      error: (error) => received.push(error),
    });
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.10');
    gateway.tick('1.20');
    await waitFor(() => received.length === 2);
    expect(received).toMatchObject([{ marketData: { bid: '1.10' } }, { marketData: { bid: '1.20' } }]);
    subscription.unsubscribe();
    await gateway.isIdle();

    const refusals: string[] = [];
    client.subscribe({ query: gql(TICKS.replace('BTCUSDT', 'BTCUSD')) }).subscribe({
      next: ({ error }) => refusals.push(error?.message ?? 'data'),
      error: ({ message }: Error) => refusals.push(message),
    });
    await waitFor(() => refusals.length === 1);
    expect(refusals[0]).toContain('BTCUSDT');
    client.stop();
  });
});
