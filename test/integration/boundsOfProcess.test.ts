import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

// What only the process itself can show: it obeys while it is busy, and keeps sockets back.

const LISTED = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`SYMBOL${n}`, 100]));
const BUSY = { ...OFFLINE, TICKGRAPH_BROKERS__MOCK_BINANCE__SYMBOLS: JSON.stringify(LISTED) };

it.each(['raw', 'graphql'] as const)(
  'SIGTERM is obeyed in time while clients ask for all they can: %s',
  async (protocol) => {
    await using gateway = new GatewayProcess({ env: BUSY });
    const url = await gateway.listening();
    const typos = Array.from({ length: 200 }, (_, n) => `SYNBOL${n}X`);
    const until = new AbortController();
    const stopped = once(until.signal);
    for (let n = 0; n < 10; n += 1) {
      if (protocol === 'raw') {
        const client = await RawClient.connect(url.replace('http', 'ws') + '/ws');
        void flood(until.signal, () => {
          client.send({ action: 'subscribe', broker: 'mock-binance', symbols: typos, types: ['tick'] });
        });
      } else {
        const client = await TransportWsClient.connect(url.replace('http', 'ws') + '/graphql');
        let id = 0;
        void flood(until.signal, () => {
          const list = `candles(broker: "mock-binance", symbol: "SYMBOL1", limit: 5000) { open high low close }`;
          client.subscribe(String((id += 1)), `{ ${list} }`);
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const began = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(performance.now() - began).toBeLessThan(9_000);
    until.abort();
    await stopped;
  },
  30_000,
);

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

async function flood(signal: AbortSignal, send: () => void): Promise<void> {
  while (!signal.aborted) {
    for (let n = 0; n < 10; n += 1) send();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

it.runIf(process.platform === 'linux')(
  'idle connections take no socket from who asks, though there are few',
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
    // A connection has a moment to say something before it makes room for others.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    for (let n = 0; n < 10; n += 1) {
      const response = await fetch(`${url}/health`, { headers: { connection: 'close' } });
      expect(response.status).toBe(200);
    }
    await using client = await RawClient.connect(`${url.replace('http', 'ws')}/ws`);
    expect(await client.subscribe('mock-binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
    const heard = neighbour.data('tick').length;
    await waitFor(() => neighbour.data('tick').length > heard, 'the neighbour to hear more');
    for (const socket of idle) socket.destroy();
  },
);
