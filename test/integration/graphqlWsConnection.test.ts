import { connect } from 'node:net';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FakeClock } from '../support/FakeClock.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const TRADES = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';

describe('a connection', () => {
  it('is cut off if its client does not answer a ping before the next one', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { heartbeatMs: 12_000 } });
    await using client = await TransportWsClient.connect(gateway.wsUrl, { autoPong: false });
    client.subscribe('1', TICKS);
    await gateway.wanted('tick BTCUSDT');
    await clock.advance(12_000);
    expect(client.closed).toBeNull();
    await clock.advance(12_000);
    expect((await client.closing()).code).toBe(1006);
    await gateway.isIdle();
    expect(clock.pending).toBe(0);
  });

  it('stays open while pings are answered', async () => {
    const clock = new FakeClock();
    await using gateway = await GraphqlGateway.start({ clock, options: { heartbeatMs: 12_000 } });
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    let pings = 0;
    client.socket.on('ping', () => (pings += 1));
    for (let beat = 1; beat <= 5; beat += 1) {
      await clock.advance(12_000);
      await waitFor(() => pings === beat);
      await client.roundTrip();
    }
    expect(client.closed).toBeNull();
  });

  it('ends with 1001 when the gateway closes, and graphql-ws clients reconnect', async () => {
    await using gateway = await GraphqlGateway.start();
    const closes: unknown[] = [];
    const client = createClient({
      url: gateway.wsUrl,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      on: { closed: (event) => closes.push((event as { code: number }).code) },
    });
    const failed = new Promise((resolve) => {
      client.subscribe({ query: TICKS }, { next: () => {}, error: resolve, complete: () => resolve('complete') });
    });
    await gateway.wanted('tick BTCUSDT');
    await gateway.graphql.close(1001);
    expect(await failed).not.toBe('complete');
    expect(closes).toEqual([1001]);
    await gateway.isIdle();
    expect(await gateway.metric('connections', { protocol: 'graphql-ws' })).toBe(0);
  });

  it('does not begin with a broken handshake, which affects nobody else', async () => {
    await using gateway = await GraphqlGateway.start();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(gateway.port, '127.0.0.1', () => {
        socket.write('GET //graphql HTTP/1.1\r\nHost: %\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      });
      socket.on('error', reject);
      socket.on('data', (data) => {
        socket.destroy();
        resolve(data.toString('utf8'));
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    await client.roundTrip();
  });

  it('does not begin once the gateway is closing', async () => {
    await using gateway = await GraphqlGateway.start();
    await gateway.graphql.close(1001);
    await expect(TransportWsClient.open(gateway.wsUrl)).rejects.toThrow('503');
  });

  it('of a client that reads nothing ends with SLOW_CONSUMER for that id and 1013, and others are unaffected', async () => {
    await using gateway = await GraphqlGateway.start({ limits: { queueBytesPerConnection: 200_000 } });
    await using healthy = await TransportWsClient.connect(gateway.wsUrl);
    await using stalled = await TransportWsClient.connect(gateway.wsUrl);
    // Every frame has the id, so a long one fills the kernel's buffers soon.
    const id = 's'.repeat(4_000);
    healthy.subscribe('h', TRADES);
    stalled.subscribe(id, TRADES);
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    stalled.socket.pause();
    const isCut = async (): Promise<boolean> =>
      (await gateway.metric('slow_consumers_closed_total', { protocol: 'graphql-ws' })) === 1;
    let count = 0;
    while (!(await isCut()) && count < 20_000) {
      for (let trade = 0; trade < 100; trade += 1) gateway.trade((count += 1));
      await waitFor(() => healthy.of('h').length === count);
    }
    expect(await isCut()).toBe(true);
    expect(await gateway.metric('subscriptions', { protocol: 'graphql-ws' })).toBe(1);
    stalled.socket.resume();
    const { payload } = await stalled.typed('error', id);
    expect((payload as GraphqlResponseError[])[0]?.extensions).toEqual({ code: 'SLOW_CONSUMER', retryable: true });
    expect((await stalled.closing()).code).toBe(1013);
    expect(stalled.of(id).at(-1)?.type).toBe('error');
    const ids = stalled
      .of(id)
      .slice(0, -1)
      .map(({ payload: next }) => JSON.stringify(next));
    expect(ids).toEqual(ids.map((_, index) => `{"data":{"marketData":{"tradeId":"${index + 1}"}}}`));
    expect(healthy.closed).toBeNull();
  });
});
