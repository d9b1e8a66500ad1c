import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { systemClock } from '../../src/shared/clock.ts';
import { httpGet, keepAliveAgent } from '../../src/transport/httpGet.ts';
import { HttpLineFeed } from '../../src/transport/HttpLineFeed.ts';
import { openWebSocket } from '../../src/transport/WebSocketFeed.ts';
import { projectFolder } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';

// The certificates in test/support/certificates are self-signed, for one key that protects nothing.
const read = (name: string): string => readFileSync(join(projectFolder, 'test/support/certificates', name), 'utf8');
const ROOTS = getCACertificates('default');

/** A venue that answers every request and accepts every WebSocket, with one of the certificates. */
async function startVenue(certificate: string): Promise<Server> {
  const server = createServer({ key: read('key.pem'), cert: read(certificate) }, (_request, response) => {
    response.end('{}\n');
  });
  const sockets = new WebSocketServer({ server });
  server.on('close', () => {
    sockets.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** How each kind of connection to a venue ends. */
const CONNECT: Readonly<Record<string, (port: number) => Promise<string>>> = {
  async request(port) {
    const url = `https://localhost:${port}`;
    const agent = keepAliveAgent(url, 1);
    try {
      await httpGet(url, { agent, signal: AbortSignal.timeout(5_000), maxBodyBytes: 1_000 });
      return 'connected';
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    } finally {
      agent.destroy();
    }
  },
  webSocket: (port) =>
    new Promise((resolve) => {
      const socket = openWebSocket(`wss://localhost:${port}`, {
        onOpen: () => {
          resolve('connected');
          socket.terminate();
        },
        onText: () => undefined,
        onUnreadable: () => undefined,
        onHeartbeat: () => undefined,
        onEnd: ({ reason }) => {
          resolve(/\((.*)\)/.exec(reason)?.[1] ?? reason);
        },
      });
    }),
  async lineFeed(port) {
    let isOpen = false;
    const feed = new HttpLineFeed({
      target: () => ({ url: `https://localhost:${port}`, headers: {} }),
      clock: systemClock,
      deadAfterMs: 5_000,
      senselessAfterMs: 5_000,
      maxLineBytes: 1_000,
      maxInvalidPerMinute: 1,
      listener: {
        onOpen: () => {
          isOpen = true;
        },
        onLine: () => true,
        onActivity: () => undefined,
        onInvalid: () => undefined,
      },
    });
    const { reason } = await feed.ended;
    await feed.gone;
    return isOpen ? 'connected' : (/\((.*)\)/.exec(reason)?.[1] ?? reason);
  },
};

describe.each(Object.keys(CONNECT))('a venue’s certificate: %s', (kind) => {
  const connect = (port: number): Promise<string> => CONNECT[kind]?.(port) ?? Promise.resolve('');
  const outcome = async (certificate: string): Promise<string> => {
    const server = await startVenue(certificate);
    try {
      return await connect(portOf(server));
    } finally {
      server.close();
      server.closeAllConnections();
    }
  };

  afterEach(() => {
    setDefaultCACertificates(ROOTS);
  });

  it('is refused if nobody that is trusted has signed it', async () => {
    expect(await outcome('localhost.pem')).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('is accepted if it is trusted, of this host, and in time; refused if it is another host’s or too old', async () => {
    setDefaultCACertificates([...ROOTS, read('localhost.pem'), read('elsewhere.pem'), read('expired.pem')]);
    expect(await outcome('localhost.pem')).toBe('connected');
    expect(await outcome('elsewhere.pem')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await outcome('expired.pem')).toBe('CERT_HAS_EXPIRED');
  });
});

describe('a subscriber to a venue whose certificate is refused', () => {
  let venue: Server;

  beforeAll(async () => {
    venue = await startVenue('localhost.pem');
  });

  afterAll(() => {
    venue.close();
    venue.closeAllConnections();
  });

  it('is told that the feed recovers, and why; nothing of the venue reaches it', async () => {
    const port = portOf(venue);
    const binance = { kind: 'binance', websocketUrl: `wss://localhost:${port}`, restUrl: `https://localhost:${port}` };
    await using gateway = await startGateway({ config: { brokers: { binance } } });
    await using client = await RawClient.connect(gateway.urls.raw);
    await client.subscribe('binance', ['BTCUSDT']);
    const told = await client.waitFor(({ message }) => String(message).includes('DEPTH_ZERO_SELF_SIGNED_CERT'));
    expect(told).toMatchObject({ type: 'status', status: 'recovering' });
    expect(client.data('tick')).toEqual([]);
  });
});

it('no code lets a certificate pass unchecked', () => {
  const files = readdirSync(join(projectFolder, 'src'), { recursive: true, encoding: 'utf8' });
  const sources = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(projectFolder, 'src', file), 'utf8'));
  expect(sources.length).toBeGreaterThan(100);
  const unchecked = /rejectUnauthorized|checkServerIdentity|NODE_TLS_REJECT_UNAUTHORIZED|setDefaultCACertificates/;
  expect(sources.filter((source) => unchecked.test(source))).toEqual([]);
});
