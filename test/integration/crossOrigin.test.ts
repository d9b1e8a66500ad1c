import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';

const GOOD = 'https://app.example.org';
const BROKERS = JSON.stringify({ query: '{ brokers { id } }' });

function start(config: Record<string, unknown> = {}, allowedOrigins = [GOOD]): Promise<MarketDataServer> {
  return startGateway({ config: { ...config, server: { allowedOrigins } } });
}

function preflight({ urls }: MarketDataServer, origin: string, requested: string): Promise<Response> {
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': requested,
  };
  return fetch(urls.graphql, { method: 'OPTIONS', headers });
}

function post({ urls }: MarketDataServer, headers: Record<string, string>, body = BROKERS): Promise<Response> {
  return fetch(urls.graphql, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}

const socketUrl = ({ urls }: MarketDataServer): string => urls.graphql.replace('http', 'ws');

const corsOf = ({ headers }: Response): string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control'));

describe('a page of an allowed origin', () => {
  it.each([
    'content-type',
    'apollographql-client-name,apollographql-client-version,content-type',
    'sentry-trace, baggage',
    'traceparent,tracestate',
    'cache-control,pragma',
    'x-hasura-role',
  ])('may send any header: %s', async (requested) => {
    await using gateway = await start();
    const { status, headers } = await preflight(gateway, GOOD, requested);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(GOOD);
    expect(headers.get('access-control-allow-headers')).toBe(requested);
    expect(headers.get('access-control-allow-methods')).toContain('POST');
    expect(headers.get('vary')).toContain('Access-Control-Request-Headers');
  });

  it('may ask beforehand without naming a header', async () => {
    await using gateway = await start();
    const { headers } = await fetch(gateway.urls.graphql, { method: 'OPTIONS', headers: { origin: GOOD } });
    expect(headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it.each(['capacitor://localhost', 'https://pr-7.preview.example.org'])(
    'may read answers, without the browser’s own credentials: %s',
    async (origin) => {
      await using gateway = await start({}, ['capacitor://localhost', 'https://*.example.org']);
      const { status, headers } = await post(gateway, { origin });
      expect(status).toBe(200);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('vary')).toContain('Origin');
    },
  );

  it.each(['capacitor://localhost', 'https://pr-7.preview.example.org'])(
    'may open both sockets: %s',
    async (origin) => {
      await using gateway = await start({}, ['capacitor://localhost', 'https://*.example.org']);
      await using raw = await RawClient.connect(gateway.urls.http, { headers: { origin } });
      expect(await raw.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
      await using graphql = await TransportWsClient.connect(socketUrl(gateway), { headers: { origin } });
      await graphql.roundTrip();
    },
  );

  it('can read a refusal and when to try again, whatever refuses it', async () => {
    const sha256 = createHash('sha256').update('the right key').digest('hex');
    await using gateway = await start({ auth: { mode: 'required', apiKeys: [{ id: 'a', sha256 }] } });
    const refusals: Response[] = [];
    for (let time = 0; time < 11; time += 1) refusals.push(await post(gateway, { origin: GOOD, 'x-api-key': 'wrong' }));
    refusals.push(await post(gateway, { origin: GOOD }));
    refusals.push(await fetch(gateway.urls.graphql, { method: 'PUT', headers: { origin: GOOD } }));
    refusals.push(await post(gateway, { origin: GOOD, 'content-type': 'text/plain' }));
    expect(refusals.map(({ status }) => status)).toEqual([...Array<number>(10).fill(401), 429, 401, 405, 415]);
    for (const { headers } of refusals) {
      expect(headers.get('access-control-allow-origin')).toBe(GOOD);
      expect(headers.get('access-control-expose-headers')).toBe('retry-after');
    }
  });

  it('can read that its address has too many connections, and a preflight is answered all the same', async () => {
    await using gateway = await start({ limits: { connections: 1 } });
    const held = await Promise.all(Array.from({ length: 17 }, () => holdConnection(gateway)));
    const { status } = await preflight(gateway, GOOD, 'content-type');
    expect(status).toBe(204);
    const refused = await post(gateway, { origin: GOOD });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('access-control-allow-origin')).toBe(GOOD);
    for (const socket of held) socket.destroy();
  });
});

describe('a page of another origin', () => {
  it.each([[[GOOD]], [[]]])('is allowed nothing if %j is configured', async (allowedOrigins) => {
    await using gateway = await start({}, allowedOrigins);
    const asked = await preflight(gateway, 'https://evil.example', 'content-type, traceparent');
    expect(asked.status).toBe(204);
    expect(corsOf(asked)).toEqual([]);
    const answered = await post(gateway, { origin: 'https://evil.example' });
    expect(corsOf(answered)).toEqual([]);
    expect(answered.headers.get('vary')).toContain('Origin');
  });

  it.each(['capacitor://other', 'https://example.org', 'http://pr-7.preview.example.org'])(
    'may open no socket: %s',
    async (origin) => {
      await using gateway = await start({}, ['capacitor://localhost', 'https://*.example.org']);
      await expect(RawClient.connect(gateway.urls.http, { headers: { origin } })).rejects.toThrow('closed');
      await expect(TransportWsClient.connect(socketUrl(gateway), { headers: { origin } })).rejects.toThrow('403');
    },
  );

  it('can’t read the metrics, nor can an allowed one', async () => {
    await using gateway = await start({}, ['*']);
    expect(corsOf(await fetch(`${gateway.urls.http}/metrics`, { headers: { origin: GOOD } }))).toEqual([]);
  });
});

/** Takes up a TCP connection with a request that does not end. */
async function holdConnection({ urls }: MarketDataServer): Promise<Socket> {
  const { hostname, port } = new URL(urls.http);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const head =
    'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n';
  socket.write(head);
  return socket;
}
