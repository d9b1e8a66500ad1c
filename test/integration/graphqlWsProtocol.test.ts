import { describe, expect, it } from 'vitest';
import type { Queries } from '../../src/core/Queries.ts';
import type { Services } from '../../src/core/Services.ts';
import type { Subscriptions } from '../../src/core/Subscriptions.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const TRADES = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';
const TYPENAME = '{ __typename }';

const nextOf = (id: string, data: unknown) => ({ id, type: 'next', payload: { data } });
const tickOf = (id: string, bid: string) => nextOf(id, { marketData: { bid } });

/** Services whose routing of symbols waits until a test lets it continue. */
function gated(gates: (() => void)[]): (services: Services) => Services {
  return (services) => {
    const real = services.subscriptions;
    const subscriptions = {
      resolve: async (...request: Parameters<Subscriptions['resolve']>) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return real.resolve(...request);
      },
      open: (...opening: Parameters<Subscriptions['open']>) => real.open(...opening),
    };
    return { ...services, subscriptions: subscriptions as unknown as Subscriptions };
  };
}

describe('the sub-protocol', () => {
  it('is not the outdated graphql-ws: 4406 with the name of the current one', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl, ['graphql-ws']);
    const { code, reason } = await client.closing();
    expect(code).toBe(4406);
    expect(reason).toContain('use graphql-transport-ws');
  });

  it.each([
    ['another', ['mqtt']],
    ['none', []],
  ])('is required: a client that offers %s is closed with 4406', async (_name, protocols) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl, protocols);
    expect((await client.closing()).code).toBe(4406);
  });

  it('is chosen if several are offered', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl, ['graphql-ws', 'graphql-transport-ws']);
    expect(client.socket.protocol).toBe('graphql-transport-ws');
  });
});

describe('connection_init', () => {
  it('is acknowledged once; a second one closes with 4429', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.send({ type: 'connection_init' });
    expect(await client.closing()).toEqual({ code: 4429, reason: 'Too many initialisation requests' });
  });

  it('must come in time: 4408', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { initTimeoutMs: 10_000 } });
    await using client = await TransportWsClient.open(gateway.wsUrl);
    await waitFor(() => clock.pending > 0);
    await clock.advance(9_999);
    expect(client.closed).toBeNull();
    await clock.advance(1);
    expect(await client.closing()).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  it('stops the timer of its own time-out', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { heartbeatMs: 1_000_000 } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    await clock.advance(60_000);
    await client.roundTrip();
    expect(client.closed).toBeNull();
  });

  it.each([[{ payload: { theme: 'x' } }], [{ payload: { session: null } }], [{ payload: null }], [{}]])(
    'accepts parameters %j',
    async (more) => {
      await using gateway = await GraphqlGateway.start();
      await using client = await TransportWsClient.open(gateway.wsUrl);
      client.send({ type: 'connection_init', ...more });
      await client.message(({ type }) => type === 'connection_ack');
    },
  );

  it.each([['text'], [[1]], [7], [true]])('refuses the parameters %j with 4400', async (payload) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl);
    client.send({ type: 'connection_init', payload });
    expect((await client.closing()).code).toBe(4400);
  });
});

describe('messages', () => {
  it.each([
    ['text that is not JSON', '{"type":'],
    ['JSON that is not an object', '[]'],
    ['null', 'null'],
    ['no type', '{"id":"1"}'],
    ['an unknown type', '{"type":"start","id":"1","payload":{"query":"{a}"}}'],
    ['a type that only the server sends', '{"type":"next","id":"1","payload":{}}'],
    ['an acknowledgement', '{"type":"connection_ack"}'],
    ['subscribe without an id', '{"type":"subscribe","payload":{"query":"{a}"}}'],
    ['subscribe with an empty id', '{"type":"subscribe","id":"","payload":{"query":"{a}"}}'],
    ['subscribe with a number for an id', '{"type":"subscribe","id":7,"payload":{"query":"{a}"}}'],
    ['subscribe without a payload', '{"type":"subscribe","id":"1"}'],
    ['subscribe without a query', '{"type":"subscribe","id":"1","payload":{}}'],
    ['variables that are not an object', '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}'],
    [
      'an operation name that is not a string',
      '{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}',
    ],
    ['complete without an id', '{"type":"complete"}'],
    ['a ping with text', '{"type":"ping","payload":"x"}'],
    ['a deep hole', '['.repeat(20_000)],
  ])('that are invalid close with 4400: %s', async (_name, text) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.send(text);
    expect((await client.closing()).code).toBe(4400);
    expect(await gateway.metric('invalid_messages_total', { source: 'graphql-ws' })).toBe(1);
  });

  it('that are binary close with 4400', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
    expect((await client.closing()).code).toBe(4400);
  });

  it('that are not UTF-8 close with 1007', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect((await client.closing()).code).toBe(1007);
    expect(await gateway.metric('invalid_messages_total', { source: 'graphql-ws' })).toBe(1);
  });

  it('with an endless unknown type are closed with a reason that fits a close frame', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.send({ type: 'ж'.repeat(500) });
    const { code, reason } = await client.closing();
    expect(code).toBe(4400);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
  });

  it('over the size limit close that client with 1009 and nobody else', async () => {
    await using gateway = await GraphqlGateway.start({ options: { maxPayloadBytes: 1_000 } });
    await using other = await TransportWsClient.connect(gateway.wsUrl);
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', `{ __typename } # ${'x'.repeat(1_000)}`);
    expect((await client.closing()).code).toBe(1009);
    await other.roundTrip();
  });

  it('are answered while others wait: ping with pong and its payload', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl);
    client.send({ type: 'ping' });
    client.send({ type: 'ping', payload: { a: [1] } });
    await client.message(({ payload }) => payload !== undefined);
    expect(client.messages).toEqual([{ type: 'pong' }, { type: 'pong', payload: { a: [1] } }]);
  });

  it('of type pong need no answer', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.send({ type: 'pong', payload: {} });
    await client.roundTrip();
    expect(client.messages).toHaveLength(2);
  });

  it('after the one that closed the socket are ignored', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.send('nonsense');
    client.subscribe('1', TICKS);
    expect((await client.closing()).code).toBe(4400);
    expect(gateway.index.size).toBe(0);
  });
});

describe('subscribe', () => {
  it('before the acknowledgement closes with 4401', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl);
    client.subscribe('1', TYPENAME);
    expect(await client.closing()).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  it('to a query gives one next and complete, and the id may be used again', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', TYPENAME);
    await client.typed('complete', '1');
    client.subscribe('1', TYPENAME);
    await waitFor(() => client.of('1').length === 4);
    const once = [nextOf('1', { __typename: 'Query' }), { id: '1', type: 'complete' }];
    expect(client.of('1')).toEqual([...once, ...once]);
  });

  it('with the id of a running operation closes with 4409, whatever the length of the id', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const id = 'ü'.repeat(300);
    client.subscribe(id, TICKS);
    await gateway.wanted('tick BTCUSDT');
    client.subscribe(id, TICKS);
    const { code, reason } = await client.closing();
    expect(code).toBe(4409);
    expect(reason).toMatch(/^Subscriber for ü+$/);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
    await gateway.isIdle();
  });

  it.each([['__proto__'], ['constructor'], ['hasOwnProperty']])('accepts %s as an operation’s id', async (id) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe(id, TYPENAME);
    await client.typed('complete', id);
  });

  it.each([
    ['a syntax error', 'subscription {'],
    ['an empty document', ''],
    ['an unknown field', '{ nonsense }'],
    ['lists nested beyond the parser', `{ a(b: ${'['.repeat(30_000)}) }`],
    ['fields nested beyond the parser', '{a'.repeat(15_000)],
    ['more aliases than are allowed', `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: __typename`).join(' ')} }`],
    ['no operation', 'fragment F on Query { __typename }'],
    ['two root fields of a subscription', 'subscription { a: brokerStatus { id } b: brokerStatus { id } }'],
    ['a variable of the wrong type', 'query ($n: Int!) { instruments(broker: "binance", first: $n) { totalCount } }'],
  ])('to %s gives one error for that id, and the socket stays open', async (_name, query) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', query, { n: 'x' });
    const { payload } = await client.typed('error', '1');
    expect(payload).toEqual([
      expect.objectContaining({
        message: expect.any(String),
        extensions: { code: expect.stringMatching(/^(BAD_REQUEST|LIMIT_EXCEEDED)$/), retryable: false },
      }),
    ]);
    await client.roundTrip();
    expect(client.of('1')).toHaveLength(1);
    client.subscribe('1', TYPENAME);
    await client.typed('complete', '1');
  });

  it('to more operations than the limit gives LIMIT_EXCEEDED for that id and leaves the others', async () => {
    await using gateway = await GraphqlGateway.start({ limits: { subscriptionsPerConnection: 2 } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    for (const id of ['1', '2', '3']) client.subscribe(id, TICKS);
    const { payload } = await client.typed('error', '3');
    expect((payload as GraphqlResponseError[])[0]?.extensions).toEqual({ code: 'LIMIT_EXCEEDED', retryable: false });
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    gateway.tick('100');
    await Promise.all([client.typed('next', '1'), client.typed('next', '2')]);
    client.send({ type: 'complete', id: '1' });
    client.subscribe('4', TYPENAME);
    await client.typed('complete', '4');
  });

  it('to queries with large answers is answered, however many at once and whatever the size of the queue', async () => {
    const candle = { open: '1'.repeat(40), high: '1'.repeat(40), low: '1'.repeat(40), close: '1'.repeat(40) };
    const queries = { candles: () => Promise.resolve(Array.from({ length: 5_000 }, () => candle)) };
    await using gateway = await GraphqlGateway.start({
      limits: { queueBytesPerConnection: 10_000 },
      wrap: (services) => ({ ...services, queries: queries as unknown as Queries }),
    });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const query = '{ candles(broker: "binance", symbol: "BTCUSDT", limit: 5000) { open high low close } }';
    const ids = ['1', '2', '3', '4', '5'];
    for (const id of ids) client.subscribe(id, query);
    for (const id of ids) {
      await client.typed('complete', id);
      expect(client.of(id)[0]?.payload).toEqual({ data: { candles: Array.from({ length: 5_000 }, () => candle) } });
    }
    await client.roundTrip();
  });

  it('delivers every event to a client, in order', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('t', TRADES);
    await gateway.wanted('trade BTCUSDT');
    for (let id = 1; id <= 500; id += 1) gateway.trade(id);
    await waitFor(() => client.of('t').length === 500);
    expect(client.of('t').map(({ payload }) => JSON.stringify(payload))).toEqual(
      Array.from({ length: 500 }, (_, index) => `{"data":{"marketData":{"tradeId":"${index + 1}"}}}`),
    );
  });
});

describe('complete', () => {
  it('from the client ends the operation: nothing follows, and nothing is left', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', TICKS);
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1');
    await client.typed('next', '1');
    client.send({ type: 'complete', id: '1' });
    await gateway.isIdle();
    await client.roundTrip();
    expect(client.of('1')).toEqual([tickOf('1', '1')]);
    expect(await gateway.metric('subscriptions', { protocol: 'graphql-ws' })).toBe(0);
  });

  it('does not evade the limit: an operation in preparation counts, completed or not', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await GraphqlGateway.start({
      wrap: gated(gates),
      limits: { subscriptionsPerConnection: 2 },
    });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    for (let id = 0; id < 20; id += 1) {
      client.subscribe(`s${id}`, TICKS);
      await waitFor(() => gates.length === id + 1 || client.of(`s${id}`).length === 1);
      client.send({ type: 'complete', id: `s${id}` });
    }
    await client.typed('error', 's19');
    expect(gates).toHaveLength(4);
    for (const open of gates) open();
    await waitFor(() => client.messages.length === 17);
    client.subscribe('last', TYPENAME);
    await client.typed('complete', 'last');
    await gateway.isIdle();
  });

  it('for an id that is not running changes nothing', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.send({ type: 'complete', id: 'x' });
    await client.roundTrip();
  });

  it('and subscribe with the same id at once stay separate: no stray complete, no leak, the new one runs', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', TICKS);
    await gateway.wanted('tick BTCUSDT');
    client.send({ type: 'complete', id: '1' });
    client.subscribe('1', TRADES);
    await gateway.wanted('trade BTCUSDT');
    await waitFor(() => gateway.index.size === 1);
    gateway.trade(7);
    await client.typed('next', '1');
    await client.roundTrip();
    expect(client.of('1')).toEqual([nextOf('1', { marketData: { tradeId: '7' } })]);
    client.socket.terminate();
    await gateway.isIdle();
  });

  it('while the operation is being prepared leaves nothing behind, and no result is sent', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await GraphqlGateway.start({ wrap: gated(gates) });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', TICKS);
    await waitFor(() => gates.length === 1);
    client.send({ type: 'complete', id: '1' });
    client.subscribe('1', TRADES);
    await waitFor(() => gates.length === 2);
    for (const open of gates) open();
    await gateway.wanted('trade BTCUSDT');
    await waitFor(() => gateway.index.size === 1, 'the first operation to end');
    gateway.trade(1);
    await client.typed('next', '1');
    await client.roundTrip();
    expect(client.of('1')).toEqual([nextOf('1', { marketData: { tradeId: '1' } })]);
    expect(await gateway.metric('subscriptions', { protocol: 'graphql-ws' })).toBe(1);
  });

  it('is not needed from a client that goes away: everything of it is released', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await GraphqlGateway.start({ wrap: gated(gates) });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    for (let id = 0; id < 20; id += 1) client.subscribe(`s${id}`, TICKS);
    await waitFor(() => gates.length === 20);
    for (const open of gates.slice(0, 10)) open();
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 10);
    client.socket.terminate();
    await gateway.settles('connections', { protocol: 'graphql-ws' }, 0);
    for (const open of gates.slice(10)) open();
    await gateway.isIdle();
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 0);
  });
});
