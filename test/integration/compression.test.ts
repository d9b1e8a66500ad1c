import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OrderBookDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { levels } from '../support/events.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

interface BookData {
  readonly bids: readonly (readonly [string, string])[];
}

const AT = fromEpochMs(Date.UTC(2026, 0, 2, 3, 4, 5));
const ON = { enabled: true, thresholdBytes: 0 };
const PLAIN = { perMessageDeflate: false };
const SUBSCRIPTION = `subscription ($symbols: [String!]!, $types: [MarketDataType!]!) {
  marketData(broker: "binance", symbols: $symbols, types: $types, options: { snapshot: false }) {
    __typename broker symbol time sequence cursor
    ... on Trade { tradeId price size }
    ... on Tick { bid ask }
  }
}`;
const LISTS = `subscription {
  marketDataBatch(broker: "binance", symbols: ["BTCUSDT"], types: [TRADE], everyMs: 100) {
    __typename broker symbol time sequence cursor
    ... on Trade { tradeId price size }
  }
}`;

/** Either this many events of a stream come in one turn of the event loop, or a client joins, or a client leaves. */
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ what: fc.constantFrom('tick', 'trade'), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('both'), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('join'), count: fc.constant(1) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('leave'), count: fc.constant(1) }) },
);

async function subscribed(gateway: GraphqlGateway, options: object, id: string): Promise<TransportWsClient> {
  const client = await TransportWsClient.connect(gateway.wsUrl, options);
  client.subscribe(`${id}-trades`, SUBSCRIPTION, { symbols: ['BTCUSDT'], types: ['TRADE'] });
  client.subscribe(`${id}-all`, SUBSCRIPTION, { symbols: ['BTCUSDT', 'ETHUSDT'], types: ['TICK', 'TRADE'] });
  await client.roundTrip();
  return client;
}

/** What a client received, without the ids that it chose. */
const received = (client: TransportWsClient, name: string): unknown[] =>
  client.messages.filter(({ type, id }) => type === 'next' && id?.endsWith(name)).map(({ payload }) => payload);

describe('compressed messages', () => {
  it('carry the same as plain ones to clients that come, go and subscribe to several streams', async () => {
    let linked = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        await using owned = new AsyncDisposableStack();
        const gateway = owned.use(await GraphqlGateway.start({ options: { compression: ON } }));
        const plain = owned.use(await subscribed(gateway, PLAIN, 'p'));
        const whole = owned.use(await subscribed(gateway, {}, 'w'));
        expect(whole.socket.extensions).toBe('permessage-deflate');
        expect(plain.socket.extensions).toBe('');
        await gateway.wanted('trade BTCUSDT');
        await gateway.wanted('tick BTCUSDT');
        const late: { readonly client: TransportWsClient; readonly from: number }[] = [];
        let next = 1;
        for (const { what, count } of steps) {
          if (what === 'join') {
            const from = received(plain, 'all').length;
            late.push({ client: owned.use(await subscribed(gateway, {}, `l${late.length}`)), from });
            continue;
          }
          if (what === 'leave') {
            late.pop()?.client.socket.close();
            continue;
          }
          for (let event = 0; event < count; event += 1) {
            if (what !== 'tick') gateway.trade(next);
            if (what !== 'trade') gateway.tick(String(next));
            next += 1;
          }
          await plain.roundTrip();
          await whole.roundTrip();
          for (const { client } of late) await client.roundTrip();
        }
        expect(received(whole, 'trades')).toEqual(received(plain, 'trades'));
        expect(received(whole, 'all')).toEqual(received(plain, 'all'));
        for (const { client, from } of late)
          expect(received(client, 'all')).toEqual(received(plain, 'all').slice(from));
        linked += received(whole, 'all').length;
      }),
      { numRuns: 15 },
    );
    expect(linked).toBeGreaterThan(100);
  });

  it('belong to the right subscription, whatever else its client was sent in between', async () => {
    await using owned = new AsyncDisposableStack();
    const gateway = owned.use(await GraphqlGateway.start({ options: { compression: ON } }));
    const begin = async (subscriptions: Readonly<Record<string, string[]>>): Promise<TransportWsClient> => {
      const client = owned.use(await TransportWsClient.connect(gateway.wsUrl));
      for (const [id, symbols] of Object.entries(subscriptions)) {
        client.subscribe(id, SUBSCRIPTION, { symbols, types: ['TRADE'] });
      }
      await client.roundTrip();
      return client;
    };
    const single = await begin({ a1: ['BTCUSDT'] });
    const mixed = await begin({ b1: ['BTCUSDT', 'ETHUSDT'] });
    const twice = await begin({ c1: ['BTCUSDT'], c2: ['BTCUSDT'] });
    await gateway.wanted('trade ETHUSDT');
    for (let id = 1; id <= 40; id += 2) {
      gateway.trade(id);
      await single.roundTrip();
      gateway.trade(id + 1, 'ETHUSDT');
      await mixed.roundTrip();
      await twice.roundTrip();
    }
    const ids = (client: TransportWsClient, id: string): number[] =>
      client
        .of(id)
        .map(({ payload }) =>
          Number((payload as { data: { marketData: { tradeId: string } } }).data.marketData.tradeId),
        );
    const odd = Array.from({ length: 20 }, (_, at) => 2 * at + 1);
    expect(ids(single, 'a1')).toEqual(odd);
    expect(ids(mixed, 'b1')).toEqual(odd.flatMap((id) => [id, id + 1]));
    for (const id of ['c1', 'c2']) expect(ids(twice, id)).toEqual(odd);
  });

  it('of lists carry the same as plain ones, besides single events, and are shared by all clients in step', async () => {
    const clock = new FakeClock();
    await using owned = new AsyncDisposableStack();
    const options = { heartbeatMs: 10_000_000, compression: ON };
    const gateway = owned.use(await GraphqlGateway.start({ clock, options }));
    const begin = async (settings: object): Promise<TransportWsClient> => {
      const client = owned.use(await TransportWsClient.connect(gateway.wsUrl, settings));
      client.subscribe('list', LISTS);
      client.subscribe('each', SUBSCRIPTION, { symbols: ['BTCUSDT'], types: ['TRADE'] });
      await client.roundTrip();
      return client;
    };
    const clients = [await begin(PLAIN), await begin({}), await begin({})];
    await gateway.wanted('trade BTCUSDT');
    let next = 1;
    const bring = async (count: number): Promise<void> => {
      for (const end = next + count; next < end; next += 1) gateway.trade(next);
      for (const client of clients) await client.roundTrip();
    };
    const lists = (client: TransportWsClient): number[][] =>
      client
        .of('list')
        .map(({ payload }) => (payload as { data: { marketDataBatch: { tradeId: string }[] } }).data.marketDataBatch)
        .map((list) => list.map(({ tradeId }) => Number(tradeId)));
    /** When the last of them came. */
    let missed = 0;
    for (let round = 1; round <= 10; round += 1) {
      await bring(round);
      await clock.advance(30);
      if (round === 5) {
        missed = next - 1;
        clients.push(await begin({}));
      }
      await bring(40);
      await clock.advance(70);
      await waitFor(() => clients.every((client) => lists(client).at(-1)?.at(-1) === next - 1));
    }
    const all = Array.from({ length: next - 1 }, (_, at) => at + 1);
    const [plain, first, second, late] = clients.map(lists);
    expect(plain?.map(({ length }) => length)).toEqual(Array.from({ length: 10 }, (_, at) => at + 41));
    expect(plain?.flat()).toEqual(all);
    expect([first, second]).toEqual([plain, plain]);
    // A client that joins in the middle of a list is in step from the next list on.
    expect(late?.flat()).toEqual(all.slice(missed));
    expect(late?.slice(1)).toEqual(plain?.slice(5));
    expect(clients.map((client) => client.of('each').length)).toEqual([...Array(3).fill(next - 1), next - 1 - missed]);
  });

  it('are right after a client that did not read has caught up', async () => {
    await using gateway = await RawGateway.start({ compression: ON, limits: { queueBytesPerConnection: 100_000 } });
    await using client = await RawClient.connect(gateway.url);
    expect(client.socket.extensions).toBe('permessage-deflate');
    await client.subscribe('binance', ['BTCUSDT'], ['orderbook'], { depth: 1_000 });
    // With one client alone nothing would be compressed.
    await using another = await RawClient.connect(gateway.url);
    await another.subscribe('binance', ['BTCUSDT'], ['orderbook'], { depth: 1_000 });
    await gateway.wanted('orderbook BTCUSDT');
    const broker = gateway.broker();
    let published = 0;
    /** Publishes a book of digits that don't compress well, with the book's number as its best bid. */
    const publish = (): void => {
      published += 1;
      const bids = Array.from({ length: 400 }, (_, level): [string, string] => [
        `0.${1_000 - level}`,
        String(Math.random()),
      ]);
      const sides = { bids: levels([[String(published), '1'], ...bids]), asks: levels([['9999999', '1']]) };
      const draft: OrderBookDraft = { type: 'orderbook', kind: 'snapshot', time: AT, receivedAt: AT, ...sides };
      broker.sink.onEvent(broker.feed('orderbook BTCUSDT'), draft);
    };
    for (const { socket } of [client, another]) socket.pause();
    while ((await gateway.metric('conflated_total', { type: 'orderbook' })) < 20) {
      for (let event = 0; event < 20; event += 1) publish();
      await new Promise(setImmediate);
    }
    client.socket.resume();
    const numbers = (): number[] =>
      client.messages.flatMap(({ data }) => (data === undefined ? [] : [Number((data as BookData).bids[0]?.[0])]));
    await waitFor(() => numbers().at(-1) === published);
    expect(numbers().length).toBeLessThan(published);
    for (let more = 0; more < 3; more += 1) {
      publish();
      await client.ask({ action: 'ping' });
    }
    expect(numbers()).toEqual([...new Set(numbers())].toSorted((a, b) => a - b));
    expect(numbers().slice(-3)).toEqual([published - 2, published - 1, published]);
    expect(client.closed).toBeNull();
  });

  it.each([
    'permessage-deflate; server_no_context_takeover',
    'permessage-deflate; server_max_window_bits=10',
    'permessage-deflate; nonsense',
  ])('are not sent to a client with an offer that we cannot accept, which is still served: %s', async (offer) => {
    await using gateway = await RawGateway.start({ compression: ON });
    const headers = { 'sec-websocket-extensions': offer };
    await using client = await RawClient.connect(gateway.url, { perMessageDeflate: false, headers });
    expect(client.socket.extensions).toBe('');
    expect((await client.subscribe('binance', ['BTCUSDT']))['status']).toBe('subscribed');
  });

  it('from a client are understood, and limited by their uncompressed size', async () => {
    await using gateway = await RawGateway.start({ compression: ON, maxPayloadBytes: 2_000 });
    await using client = await RawClient.connect(gateway.url, { perMessageDeflate: { threshold: 0 } });
    expect((await client.ask({ action: 'ping' }))['status']).toBe('pong');
    client.send({ action: 'ping', filler: ' '.repeat(100_000) });
    await waitFor(() => client.closed);
    expect(client.closed?.code).toBe(1009);
  });
});
