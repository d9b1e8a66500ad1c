import { describe, expect, it } from 'vitest';
import type { Services } from '../../src/core/Services.ts';
import type { Subscriptions } from '../../src/core/Subscriptions.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const TRADES = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';
/** Each alias carries a long symbol name again, so that few events fill the kernel's buffers. */
const WIDE = `subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId ${Array.from({ length: 29 }, (_, n) => `${'x'.repeat(100)}${n}: receivedAt`).join(' ')} } } }`;

const told = (bid: string) => ({ event: 'next', data: JSON.stringify({ data: { marketData: { bid } } }) });

/** Resolving symbols waits until a test opens the gate; openings are counted. */
function gated(gates: (() => void)[], opened = { count: 0 }): (services: Services) => Services {
  return (services) => {
    const { subscriptions: real } = services;
    const subscriptions = {
      resolve: async (...request: Parameters<Subscriptions['resolve']>) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return real.resolve(...request);
      },
      open: (...opening: Parameters<Subscriptions['open']>) => {
        opened.count += 1;
        return real.open(...opening);
      },
    };
    return { ...services, subscriptions: subscriptions as unknown as Subscriptions };
  };
}

describe('a subscription over server-sent events', () => {
  it('is told each event as next', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await SseClient.subscribe(gateway.url, TICKS);
    expect(client.response.statusCode).toBe(200);
    expect(client.response.headers['content-type']).toMatch(/^text\/event-stream/);
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.10');
    expect(await client.count(1)).toEqual([told('1.10')]);
    gateway.tick('1.20');
    expect(await client.count(2)).toEqual([told('1.10'), told('1.20')]);
    expect(await gateway.metric('subscriptions', { protocol: 'graphql-sse' })).toBe(1);
    expect(await gateway.metric('events_delivered_total', { protocol: 'graphql-sse', type: 'tick' })).toBe(2);
    expect(await gateway.metric('bytes_sent_total', { protocol: 'graphql-sse' })).toBeGreaterThan(100);
  });

  it('may neither be kept, changed nor held back by a proxy, so none compresses it', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await SseClient.subscribe(gateway.url, TICKS, { 'accept-encoding': 'gzip, br' });
    expect(client.response.headers).toMatchObject({
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(client.response.headers['content-encoding']).toBeUndefined();
  });

  it('works by GET too, as EventSource asks', async () => {
    await using gateway = await GraphqlGateway.start();
    const abort = new AbortController();
    const response = await fetch(`${gateway.url}?query=${encodeURIComponent(TICKS)}`, {
      headers: { accept: 'text/event-stream' },
      signal: abort.signal,
    });
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('7');
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('event: next')) text += new TextDecoder().decode((await reader?.read())?.value);
    expect(text).toContain('{"data":{"marketData":{"bid":"7"}}}');
    abort.abort();
    await gateway.isIdle();
  });

  it('releases everything when the client goes away', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await SseClient.subscribe(gateway.url, TICKS);
    await gateway.wanted('tick BTCUSDT');
    client.leave();
    await gateway.isIdle();
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 0);
  });

  it('leaves nothing behind when the client goes away while it is being prepared', async () => {
    const gates: (() => void)[] = [];
    const opened = { count: 0 };
    await using gateway = await GraphqlGateway.start({ wrap: gated(gates, opened) });
    const leaving = new AbortController();
    const asked = fetch(`${gateway.url}?query=${encodeURIComponent(TICKS)}`, {
      headers: { accept: 'text/event-stream' },
      signal: leaving.signal,
    });
    await waitFor(() => gates.length === 1);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    gates[0]?.();
    await waitFor(() => opened.count === 1);
    await gateway.isIdle();
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 0);
  });

  it('that is refused says so in the stream, and ends', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await SseClient.subscribe(gateway.url, TICKS.replace('BTCUSDT', 'BTCUSD'));
    const [next, complete] = await client.count(2);
    expect(next?.data).toContain('"code":"UNKNOWN_SYMBOL"');
    expect(complete).toEqual({ event: 'complete', data: '' });
    await waitFor(() => client.ended);
  });

  it('for a client that does not take event streams is refused with 406, and opens nothing', async () => {
    await using gateway = await GraphqlGateway.start();
    const { status, body } = await gateway.post(TICKS, { headers: { accept: 'application/json' } });
    expect(status).toBe(406);
    expect(body.errors?.[0]).toMatchObject({ extensions: { code: 'BAD_REQUEST' } });
    await gateway.isIdle();
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 0);
  });

  it('ends with the reason when the gateway does, so that clients know that they may come again', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await SseClient.subscribe(gateway.url, TICKS);
    await using list = await SseClient.subscribe(
      gateway.url,
      'subscription { marketDataBatch(symbols: ["BTCUSDT"], everyMs: 100) { symbol } }',
    );
    await gateway.wanted('tick BTCUSDT');
    await gateway.graphql.close(1001);
    await waitFor(() => client.ended && list.ended);
    for (const { events } of [client, list]) {
      const [reason, end] = events;
      expect(JSON.parse(reason?.data ?? '')).toMatchObject({
        errors: [{ message: expect.stringContaining('shutting down'), extensions: { retryable: true } }],
      });
      expect(end).toEqual({ event: 'complete', data: '' });
      expect(events).toHaveLength(2);
    }
    await gateway.isIdle();
  });

  it('that is still being prepared when the gateway ends is refused, and opens nothing', async () => {
    const gates: (() => void)[] = [];
    await using gateway = await GraphqlGateway.start({ wrap: gated(gates) });
    const asked = fetch(`${gateway.url}?query=${encodeURIComponent(TICKS)}`, {
      headers: { accept: 'text/event-stream' },
    });
    await waitFor(() => gates.length === 1);
    await gateway.graphql.close(1001);
    gates[0]?.();
    const { status, headers } = await asked;
    expect([status, headers.get('content-type')]).toEqual([503, 'application/json; charset=utf-8']);
    await gateway.isIdle();
  });

  it('shows that it is alive while nothing happens', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { heartbeatMs: 12_000 } });
    await using client = await SseClient.subscribe(gateway.url, TICKS);
    await waitFor(() => client.beats === 1);
    await clock.advance(24_000);
    await waitFor(() => client.beats === 3);
    client.leave();
    await waitFor(() => clock.pending === 0, 'every timer to be gone');
  });
});

describe('a client of event streams that reads nothing', () => {
  /** Fills what lies between the gateway and a client that does not read, until nothing is taken any more. */
  async function fill(gateway: GraphqlGateway, healthy: SseClient, until: () => Promise<boolean>): Promise<void> {
    let count = healthy.events.length;
    while (!(await until()) && count < 20_000) {
      for (let burst = 0; burst < 100; burst += 1) gateway.trade((count += 1));
      await healthy.count(count);
    }
    expect(await until()).toBe(true);
  }

  it('is cut off over its budget, does not grow, and harms nobody', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, limits: { queueBytesPerConnection: 100_000 } });
    await using stalled = await SseClient.subscribe(gateway.url, WIDE);
    stalled.response.pause();
    await using healthy = await SseClient.subscribe(gateway.url, TRADES);
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 2);
    await fill(
      gateway,
      healthy,
      async () => (await gateway.metric('slow_consumers_closed_total', { protocol: 'graphql-sse' })) === 1,
    );
    expect(await gateway.metric('subscriptions', { protocol: 'graphql-sse' })).toBe(1);
    await clock.advance(2_000);
    stalled.response.resume();
    await waitFor(() => stalled.ended);
    expect(healthy.ended).toBe(false);
  });

  it('is told SLOW_CONSUMER if it reads again in time', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, limits: { queueBytesPerConnection: 100_000 } });
    await using stalled = await SseClient.subscribe(gateway.url, WIDE);
    stalled.response.pause();
    await using healthy = await SseClient.subscribe(gateway.url, TRADES);
    await gateway.settles('subscriptions', { protocol: 'graphql-sse' }, 2);
    await fill(
      gateway,
      healthy,
      async () => (await gateway.metric('slow_consumers_closed_total', { protocol: 'graphql-sse' })) === 1,
    );
    stalled.response.resume();
    await waitFor(() => stalled.events.at(-1)?.event === 'complete');
    expect(stalled.events.at(-2)?.data).toContain('"code":"SLOW_CONSUMER"');
    const ids = stalled.events.slice(0, -2).map(({ data }) => /"tradeId":"(\d+)"/.exec(data)?.[1]);
    expect(ids).toEqual(ids.map((_, index) => String(index + 1)));
  });

  it('is cut off after two heartbeats even where only the newest waits for it', async () => {
    const symbols = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`S${n}`, 100]));
    await using gateway = await startGateway({
      config: {
        heartbeat: { graphqlMs: 100 },
        brokers: { mock: { kind: 'mock-binance', symbols, ticksPerSecond: 100 } },
      },
    });
    const wide = Array.from({ length: 29 }, (_, n) => `${'x'.repeat(100)}${n}: cursor`).join(' ');
    const query = `subscription { marketData(broker: "mock", symbols: ${JSON.stringify(Object.keys(symbols))}, types: [TICK]) { ${wide} } }`;
    const open = async (): Promise<number | undefined> =>
      (await gateway.metrics.subscriptions.get()).values.find(({ labels }) => labels.protocol === 'graphql-sse')?.value;
    await using stalled = await SseClient.subscribe(gateway.urls.graphql, query);
    await stalled.count(10);
    expect(await open()).toBe(1);
    stalled.response.pause();
    await waitFor(async () => (await open()) === 0, 'the subscription to be ended');
  });
});
