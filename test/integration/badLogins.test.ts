import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { upgrade } from '../support/httpExchange.ts';
import { Neighbours } from '../support/Neighbours.ts';
import { startGateway } from '../support/startGateway.ts';

const KEY = 'the right key';
const CONFIG = {
  server: { trustedProxies: ['127.0.0.0/8'] },
  auth: { apiKeys: [{ id: 'right', sha256: createHash('sha256').update(KEY).digest('hex') }] },
  brokers: { mock: { kind: 'mock-binance', ticksPerSecond: 5 } },
};
const MANY = 10_000;
const AT_ONCE = 32;
/** So much may be left of each attempt: nothing, to within what measuring the heap is good for. */
const MOST_BYTES_LEFT = 200;
/** So long may half of the good logins take, on a machine that has the flood to make as well. */
const MOST_MS = 500;

/** As a trusted proxy tells of a client. */
const from = (address: string) => ({ 'x-forwarded-for': address, 'x-forwarded-proto': 'https' });
const BAD = from('192.0.2.1');
const GOOD = from('192.0.2.2');

/** Logs in once; what came of it. */
type LogIn = (gateway: MarketDataServer, key: string, headers: Record<string, string>) => Promise<number>;

const UPGRADE = {
  Host: 'localhost',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'graphql-transport-ws',
};

const agent = new Agent({ keepAlive: true, maxSockets: 2 * AT_ONCE });

const byRequest: LogIn = async ({ urls }, key, headers) => {
  const all = { ...headers, 'content-type': 'application/json', 'x-api-key': key };
  const sent = request(urls.graphql, { method: 'POST', agent, headers: all });
  sent.end('{"query":"{ __typename }"}');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
};

/** Of graphql-transport-ws, in bytes, for the sake of speed: the close code, or 1000 where the login is acknowledged. */
const bySocket: LogIn = async ({ urls }, apiKey, headers) => {
  const { hostname, port } = new URL(urls.http);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({ ...UPGRADE, ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.write(['GET /graphql HTTP/1.1', ...lines, '\r\n'].join('\r\n'));
  const init = Buffer.from(JSON.stringify({ type: 'connection_init', payload: { apiKey } }));
  // Final, text, masked by zeros.
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | init.length, 0, 0, 0, 0]), init]));
  let told = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    told = Buffer.concat([told, chunk]);
    const end = told.indexOf('\r\n\r\n');
    if (end !== -1 && told.length >= end + 8) break;
  }
  const frame = told.subarray(told.indexOf('\r\n\r\n') + 4);
  return frame[0] === 0x88 ? frame.readUInt16BE(2) : 1000;
};

/** Of the raw protocol's handshake: the status. */
const byHandshake: LogIn = async ({ urls }, key, headers) =>
  (await upgrade(urls.http, '/ws', { ...headers, 'x-api-key': key })).status;

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** So many bad logins from one address, one after the other in some lines; how often each came of it. */
async function flood(gateway: MarketDataServer, logIn: LogIn, count: number): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let left = count;
  const line = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const outcome = await logIn(gateway, `guess-${left}`, BAD);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  return outcomes;
}

interface GoodLogin {
  readonly code: number;
  readonly ms: number;
}

/** The bad logins, and the good ones from elsewhere, one after the other, that came in meanwhile. */
async function underFlood(
  gateway: MarketDataServer,
  logIn: LogIn,
  count: number,
): Promise<{ readonly bad: Record<string, number>; readonly good: readonly GoodLogin[] }> {
  const good: GoodLogin[] = [];
  const over = new AbortController();
  const others = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const started = performance.now();
      const code = await logIn(gateway, KEY, GOOD);
      good.push({ code, ms: performance.now() - started });
    }
  };
  const coming = others();
  const bad = await flood(gateway, logIn, count);
  over.abort();
  await coming;
  return { bad, good };
}

describe('ten thousand bad logins', () => {
  it.each<[string, LogIn, { readonly good: number; readonly bad: number; readonly limited: number }]>([
    ['GraphQL over HTTP', byRequest, { good: 200, bad: 401, limited: 429 }],
    ['GraphQL over WebSocket', bySocket, { good: 1000, bad: 4403, limited: 1013 }],
    ['raw JSON', byHandshake, { good: 101, bad: 401, limited: 429 }],
  ])(
    'are heard ten times, leave nothing behind, and others log in and receive meanwhile: %s',
    async (_name, logIn, { good, bad, limited }) => {
      await using gateway = await startGateway({ config: CONFIG });
      await using neighbours = await Neighbours.of(gateway);
      const begun = await underFlood(gateway, logIn, MANY / 10);
      expect(begun.bad).toEqual({ [bad]: 10, [limited]: MANY / 10 - 10 });
      const before = heapBytes();
      const { bad: outcomes, good: others } = await underFlood(gateway, logIn, MANY);
      expect((heapBytes() - before) / MANY).toBeLessThan(MOST_BYTES_LEFT);
      expect(outcomes).toEqual({ [limited]: MANY });
      expect(new Set(others.map(({ code }) => code))).toEqual(new Set([good]));
      expect(others.length).toBeGreaterThan(20);
      const tookMs = others.map(({ ms }) => ms).toSorted((a, b) => a - b);
      expect(tookMs[Math.floor(tookMs.length / 2)]).toBeLessThan(MOST_MS);
      await neighbours.receive();
    },
    180_000,
  );
});
