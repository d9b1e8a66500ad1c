import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

// These tests need a real process: it obeys signals while it is busy, and keeps sockets in reserve.

const LISTED = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`SYMBOL${n}`, 100]));
const BUSY = { ...OFFLINE, TICKGRAPH_BROKERS__MOCK_BINANCE__SYMBOLS: JSON.stringify(LISTED) };

it.each(['raw', 'graphql'] as const)(
  'SIGTERM is obeyed in time while clients request as much as they can: %s',
  async (protocol) => {
    await using gateway = new GatewayProcess({ env: BUSY });
    const url = await gateway.listening();
    const answered = await Promise.all(Array.from({ length: 10 }, () => flood(url, protocol)));
    // With the first answer the gateway is at work, and every client waits for very much more.
    await waitFor(() => answered.some((count) => count() > 0), 'the first answer', 20_000);
    const began = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(performance.now() - began).toBeLessThan(9_000);
  },
  30_000,
);

/** A client that always waits for a hundred expensive answers. Returns the number of those that came. */
async function flood(url: string, protocol: 'raw' | 'graphql'): Promise<() => number> {
  const typos = Array.from({ length: 200 }, (_, n) => `SYNBOL${n}X`);
  const list = 'candles(broker: "mock-binance", symbol: "SYMBOL1", limit: 5000) { open high low close }';
  const client =
    protocol === 'raw'
      ? await RawClient.connect(url)
      : await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`);
  let id = 0;
  const ask = (): void => {
    id += 1;
    if (client instanceof TransportWsClient) client.subscribe(String(id), `{ ${list} }`);
    else client.send({ action: 'subscribe', broker: 'mock-binance', symbols: typos, types: ['tick'], id });
  };
  for (let n = 0; n < 100; n += 1) ask();
  const greetings = client.messages.length;
  client.socket.on('message', ask);
  return () => client.messages.length - greetings;
}

it.runIf(process.platform === 'linux')(
  'idle connections take no socket from active clients, even if sockets are few',
  async () => {
    await using gateway = new GatewayProcess({
      command: '/bin/sh',
      args: ['-c', 'ulimit -n 200 && exec "$0" "$@"', process.execPath, 'src/index.ts', 'serve'],
    });
    const url = await gateway.listening();
    const { hostname, port } = new URL(url);
    await using neighbour = await RawClient.connect(`${url.replace('http', 'ws')}/ws`);
    await neighbour.subscribe('mock-binance', ['BTCUSDT']);
    const idle: Socket[] = Array.from({ length: 400 }, () =>
      connect(Number(port), hostname).on('error', () => undefined),
    );
    await waitFor(() => idle.some(({ destroyed }) => destroyed), 'the first of them to be closed');
    // A connection has a second to send something before it makes room for others; then a new client is accepted.
    await using client = await waitFor(() => RawClient.connect(url).catch(() => null), 'the idle to make room', 5_000);
    for (let n = 0; n < 10; n += 1) {
      const response = await fetch(`${url}/health`, { headers: { connection: 'close' } });
      expect(response.status).toBe(200);
    }
    expect(await client.subscribe('mock-binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
    const before = neighbour.data('tick').length;
    await waitFor(() => neighbour.data('tick').length > before, 'the neighbour to receive more');
    for (const socket of idle) socket.destroy();
  },
);
