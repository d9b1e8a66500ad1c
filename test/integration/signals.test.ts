import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const CLIENTS = 20;

interface Clients {
  /** The close codes of all sockets. */
  readonly codes: Promise<readonly number[]>;
  readonly streams: readonly SseClient[];
  /** One of the clients does not answer until this is called, so the gateway can't have ended before. */
  readonly letEnd: () => void;
}

/** Clients of every protocol, all of which are being sent market data. */
async function connectClients(url: string): Promise<Clients> {
  const raw = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(url)));
  for (const client of raw) await client.subscribe('mock-binance', ['BTCUSDT'], ['tick', 'trade', 'orderbook']);
  const graphql = Array.from(
    { length: CLIENTS },
    () => new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws'),
  );
  await Promise.all(graphql.map((socket) => once(socket, 'open')));
  for (const socket of graphql) socket.send('{"type":"connection_init"}');
  const streams = await Promise.all(
    Array.from({ length: CLIENTS }, () => SseClient.subscribe(`${url}/graphql`, TICKS)),
  );
  await Promise.all(streams.map((stream) => stream.count(1)));
  const closings = [...raw.map(({ socket }) => socket), ...graphql].map((socket) => once(socket, 'close'));
  const codes = Promise.all(closings).then((closes) => closes.map(([code]) => Number(code)));
  const [slow] = graphql;
  slow?.pause();
  return { codes, streams, letEnd: () => slow?.resume() };
}

describe('a gateway with clients', () => {
  it('that gets Ctrl+C under npm start, which delivers it twice, closes every client in order and ends with 0', async () => {
    await using gateway = new GatewayProcess({
      command: 'npm',
      args: ['start'],
      leadsGroup: true,
      env: { ...OFFLINE, HOME: '/tmp' },
    });
    const { codes, streams, letEnd } = await connectClients(await gateway.listening());
    gateway.kill('SIGINT');
    // npm may be so quick or so slow that its own signal comes to nothing.
    await waitFor(() => gateway.logged('stopping'));
    gateway.kill('SIGINT');
    await waitFor(() => streams.every((stream) => stream.ended), 'the end of every stream');
    letEnd();
    expect(new Set(await codes)).toEqual(new Set([1001]));
    for (const stream of streams) {
      const [reason, end] = stream.events.slice(-2);
      expect(reason?.data).toContain('shutting down');
      expect(end?.event).toBe('complete');
    }
    expect(await gateway.exited()).toBe(0);
    expect(gateway.logged('closed')).toBeDefined();
  });

  it('keeps them on SIGHUP', async () => {
    await using gateway = new GatewayProcess();
    await using client = await RawClient.connect(await gateway.listening());
    gateway.kill('SIGHUP');
    await waitFor(() => gateway.logged('the configuration was read again'));
    expect(await client.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
    gateway.kill('SIGTERM');
    expect(await gateway.exited()).toBe(0);
  });
});
