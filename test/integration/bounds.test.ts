import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FairTurns } from '../../src/shared/FairTurns.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { CANDLES, TOO_MUCH, countCandles } from '../support/costlyQueries.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponse, GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

function firstError(payload: unknown): GraphqlResponseError | undefined {
  return (payload as GraphqlResponseError[])[0];
}

describe('an operation whose answer may become too large is refused before any work is done for it', () => {
  it('over WebSocket', async () => {
    await using gateway = await GraphqlGateway.start();
    const count = countCandles(gateway);
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', TOO_MUCH);
    const { payload } = await client.typed('error', '1');
    expect(firstError(payload)).toMatchObject({
      message: expect.stringMatching(/may hold 2250000 values; 100000 are allowed/),
      extensions: { code: 'LIMIT_EXCEEDED', retryable: false },
    });
    expect(count.asked).toBe(0);
  });

  it('over HTTP, by GET and POST', async () => {
    await using gateway = await GraphqlGateway.start();
    const count = countCandles(gateway);
    const { body } = await gateway.post(TOO_MUCH);
    expect(body.errors?.[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
    const got = await fetch(`${gateway.url}?query=${encodeURIComponent(TOO_MUCH)}`);
    expect(((await got.json()) as GraphqlResponse).errors?.[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
    expect(count.asked).toBe(0);
  });

  it('as well as an event of a subscription, over server-sent events and WebSocket', async () => {
    await using gateway = await GraphqlGateway.start({ limits: { queryCost: 100 } });
    const query =
      'subscription { marketData(symbols: ["BTCUSDT"], types: [ORDERBOOK], options: { depth: 60 }) { ... on OrderBook { bids { price size } } } }';
    await using stream = await SseClient.subscribe(gateway.url, query);
    const [next] = await stream.count(1);
    expect(next?.data).toContain('"LIMIT_EXCEEDED"');
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', query.replace('depth: 60', 'depth: 25'));
    await gateway.wanted('orderbook BTCUSDT');
    client.subscribe('2', query);
    expect(firstError((await client.typed('error', '2')).payload)?.extensions['code']).toBe('LIMIT_EXCEEDED');
  });

  it('by the limit of the client’s own API key', async () => {
    const { createHash } = await import('node:crypto');
    const key = (id: string, queryCost: number) => ({
      id,
      sha256: createHash('sha256').update(`key-of-${id}`).digest('hex'),
      roles: [],
      limits: { queryCost },
    });
    await using gateway = await GraphqlGateway.start({
      auth: { mode: 'required', apiKeys: [key('small', 10), key('large', 1_000_000)] },
    });
    countCandles(gateway);
    const codeFor = async (id: string, query: string): Promise<unknown> =>
      (await gateway.post(query, { headers: { 'x-api-key': `key-of-${id}` } })).body.errors?.[0]?.extensions['code'];
    expect(await codeFor('small', `{ ${CANDLES(11, 'open')} }`)).toBe('LIMIT_EXCEEDED');
    expect(await codeFor('large', `{ ${CANDLES(5_000)} b: ${CANDLES(5_000)} }`)).toBeUndefined();
  });
});

describe('a name of more than 128 characters is refused', () => {
  it.each([
    ['a field of a list', `{ ${CANDLES(10, `${'x'.repeat(129)}: open`)} }`],
    ['a field of a fragment', `{ ${CANDLES(10, '...F')} } fragment F on Candle { ${'x'.repeat(129)}: open }`],
    ['an operation’s own field', `{ ${'x'.repeat(60_000)}: __typename }`],
    ['a field of an event', `subscription { marketData(symbols: ["BTCUSDT"]) { ${'x'.repeat(129)}: time } }`],
  ])('as the name of %s', async (_what, query) => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', query);
    const error = firstError((await client.typed('error', '1')).payload);
    expect(error?.extensions['code']).toBe('LIMIT_EXCEEDED');
    expect(error?.message.length).toBeLessThan(200);
    await using stream = await SseClient.subscribe(gateway.url, query);
    expect((await stream.count(1))[0]?.data).toContain('"LIMIT_EXCEEDED"');
  });

  it('an id of an operation may be long, up to a limit', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('i'.repeat(4_096), '{ __typename }');
    await client.typed('complete', 'i'.repeat(4_096));
    client.subscribe('i'.repeat(4_097), '{ __typename }');
    expect((await client.closing()).code).toBe(4400);
  });
});

describe('the memory for a client’s text is bounded', () => {
  it('for the texts of all operations of one connection, queries and subscriptions together', async () => {
    await using gateway = await GraphqlGateway.start({ limits: { queueBytesPerConnection: 100_000 } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const padded = (id: number): string =>
      `subscription { marketData(symbols: ["BTCUSDT"]) { time } } # ${id} ${'x'.repeat(30_000)}`;
    for (let id = 1; id <= 4; id += 1) client.subscribe(String(id), padded(id));
    expect(firstError((await client.typed('error', '4')).payload)?.extensions['code']).toBe('LIMIT_EXCEEDED');
    client.send({ type: 'complete', id: '1' });
    client.subscribe('5', `{ __typename } # ${'x'.repeat(30_000)}`);
    await client.typed('complete', '5');
    client.subscribe('6', padded(6));
    await client.roundTrip();
    expect(client.of('6')).toEqual([]);
  });

  it.each([
    ['a symbol', `{ tick(broker: "binance", symbol: "${'S'.repeat(50_000)}") { bid } }`],
    ['a symbol of a subscription', `subscription { marketData(symbols: ["${'S'.repeat(50_000)}"]) { time } }`],
    ['a broker', `{ tick(broker: "${'b'.repeat(50_000)}", symbol: "BTCUSDT") { bid } }`],
    ['an unknown field', `{ ${'f'.repeat(100)}${'x'.repeat(50_000)} }`],
    ['an enum value', `{ candles(broker: "b", symbol: "s", interval: ${'E'.repeat(50_000)}) { open } }`],
    [
      'the name of an operation, in each of many errors',
      `query ${'Q'.repeat(20_000)} { ${Array.from(
        { length: 90 },
        (_, n) => `f${n}: tick(broker: $v${n}, symbol: "s") { bid }`,
      )
        .slice(0, 30)
        .join(' ')} }`,
    ],
  ])('by not repeating %s of many kilobytes', async (_what, query) => {
    await using gateway = await GraphqlGateway.start();
    const { body } = await gateway.post(query);
    expect(body.errors?.length).toBeGreaterThan(0);
    expect(JSON.stringify(body).length).toBeLessThan(30_000);
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.subscribe('1', query);
    const { payload } = await client.message(({ id }) => id === '1');
    expect(JSON.stringify(payload).length).toBeLessThan(30_000);
  });

  it('by not repeating a symbol in the raw protocol', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.subscribe('binance', ['S'.repeat(50_000)]);
    expect(JSON.stringify(answer).length).toBeLessThan(1_000);
  });
});

describe('a value that is nested too deeply', () => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

  it('in an unused variable changes nothing', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const query = 'subscription { marketData(symbols: [\\"BTCUSDT\\"]) { ... on Tick { bid } } }';
    client.socket.send(`{"id":"1","type":"subscribe","payload":{"query":"${query}","variables":{"a":${deep}}}}`);
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('100.10');
    await client.typed('next', '1');
    expect(gateway.logged.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('in a used variable is BAD_REQUEST', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const query = 'subscription ($a: [String!]!) { marketData(symbols: $a) { time } }';
    client.socket.send(`{"id":"1","type":"subscribe","payload":{"query":"${query}","variables":{"a":${deep}}}}`);
    expect(firstError((await client.typed('error', '1')).payload)?.extensions['code']).toBe('BAD_REQUEST');
  });

  it('in the payload of a ping closes that client, and ends nothing else', async () => {
    await using gateway = await GraphqlGateway.start();
    await using other = await TransportWsClient.connect(gateway.wsUrl);
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.send(`{"type":"ping","payload":{"a":${deep}}}`);
    expect((await client.closing()).code).toBe(4400);
    await other.roundTrip();
  });

  it('in a body, its extensions or the payload of connection_init does no harm', async () => {
    await using gateway = await GraphqlGateway.start();
    const body = `{"query":"{ __typename }","variables":{"a":${deep}},"extensions":{"a":${deep}}}`;
    const answer = await fetch(gateway.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(answer.status).toBeLessThan(500);
    await using client = await TransportWsClient.open(gateway.wsUrl);
    client.socket.send(`{"type":"connection_init","payload":{"a":${deep}}}`);
    await waitFor(() => client.closed !== null || client.messages.length > 0);
    await using other = await TransportWsClient.connect(gateway.wsUrl);
    await other.roundTrip();
  });
});

describe('work that grows with what a client sends', () => {
  const typos = Array.from({ length: 200 }, (_, n) => `BTXUSD${n}`);

  it('is bounded for each message: only a few of many mistyped symbols get the nearest one suggested', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    const { rejected } = await client.subscribe(
      'binance',
      typos.map((typo) => typo.slice(0, 8)),
    );
    const messages = (rejected as { message: string }[]).map(({ message }) => message);
    const suggestions = messages.filter((message) => message.includes('Did you mean'));
    expect(messages.length).toBeGreaterThan(90);
    expect(suggestions.length).toBeGreaterThan(0);
    expect(suggestions.length).toBeLessThanOrEqual(5);
  });

  it.each(['raw', 'graphql'] as const)('is done in turns that all clients share: %s', async (protocol) => {
    /** Records which owner had a turn, in order. */
    class RecordingTurns extends FairTurns {
      readonly owners: string[] = [];

      override async turn(asker: { readonly owner: string }): Promise<void> {
        await super.turn(asker);
        this.owners.push(asker.owner);
      }
    }
    const turns = new RecordingTurns(systemClock);
    if (protocol === 'raw') {
      await using gateway = await RawGateway.start({ wrap: (services) => ({ ...services, turns }) });
      await using client = await RawClient.connect(gateway.url);
      for (let n = 0; n < 5; n += 1) await client.subscribe('binance', typos);
    } else {
      await using gateway = await GraphqlGateway.start({ wrap: (services) => ({ ...services, turns }) });
      countCandles(gateway);
      await using client = await TransportWsClient.connect(gateway.wsUrl);
      client.subscribe('1', `{ ${CANDLES(1_000)} }`);
      await client.typed('complete', '1');
    }
    expect(turns.owners.length).toBeGreaterThanOrEqual(5);
    expect(new Set(turns.owners)).toEqual(new Set(['127.0.0.1']));
  });
});

describe('a response that becomes a stream counts as a connection', () => {
  it.each([
    'text /event-stream',
    'text/event-stream',
    'TEXT/EVENT-STREAM;q=1',
    '*/*',
    'application/json, text/event-stream',
    'multipart/mixed;subscriptionSpec=1.0',
    'Multipart/Mixed; subscriptionSpec="1.0", application/json',
  ])('whatever the Accept header looks like: %s', async (accept) => {
    await using gateway = await startGateway({
      config: {
        limits: { connectionsPerAddress: 2 },
        brokers: { mock: { kind: 'mock-binance', symbols: { A: 100 } } },
      },
    });
    const query = 'subscription { marketData(broker: "mock", symbols: ["A"]) { time } }';
    const ask = async (): Promise<number> => {
      const aborted = new AbortController();
      const answer = await fetch(gateway.urls.graphql, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify({ query }),
        signal: aborted.signal,
      });
      open.push(aborted);
      return /^(?:text\/event-stream|multipart\/mixed)/.test(answer.headers.get('content-type') ?? '')
        ? 200
        : answer.status;
    };
    const open: AbortController[] = [];
    const first = await ask();
    const outcomes = [first, await ask(), await ask(), await ask()];
    for (const each of open) each.abort();
    // If the response is not a stream, none is; otherwise two are, and no more.
    expect(outcomes).toEqual(first === 200 ? [200, 200, 429, 429] : outcomes.map(() => 406));
  });
});

describe('connections that send nothing', () => {
  it('keep nobody out, and are closed in the end', async () => {
    await using gateway = await startGateway({
      config: {
        limits: { connectionsPerAddress: 3 },
        brokers: { mock: { kind: 'mock-binance', symbols: { A: 100 } } },
      },
    });
    const { hostname, port } = new URL(gateway.urls.http);
    let closed = 0;
    const idle = Array.from({ length: 30 }, () =>
      connect(Number(port), hostname)
        .on('error', () => undefined)
        .on('close', () => (closed += 1)),
    );
    await waitFor(() => closed >= 30 - (3 + 16), 'those over the limit to be closed');
    await using client = await RawClient.connect(gateway.urls.http);
    expect((await client.subscribe('mock', ['A']))['status']).toBe('subscribed');
    for (const socket of idle) socket.destroy();
  });

  it('do not keep the health checks from being answered', async () => {
    await using gateway = await startGateway({ config: { limits: { connectionsPerAddress: 1 } } });
    const { hostname, port } = new URL(gateway.urls.http);
    const idle = Array.from({ length: 60 }, () => connect(Number(port), hostname).on('error', () => undefined));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    expect((await fetch(`${gateway.urls.http}/health`, { headers: { connection: 'close' } })).status).toBe(200);
    for (const socket of idle) socket.destroy();
  });
});
