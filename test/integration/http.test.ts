import { once } from 'node:events';
import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { TrustedProxies } from '../../src/http/clientAddress.ts';
import { HttpServer } from '../../src/http/HttpServer.ts';
import { sendJson } from '../../src/http/respond.ts';
import type { RequestHandler } from '../../src/http/respond.ts';
import { RawProtocol } from '../../src/raw/RawProtocol.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { request, sendRaw, upgrade } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { LIMITS } from '../support/limits.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { clientConnections } from '../support/clientConnections.ts';
import { serve } from '../support/serveHttp.ts';
import { waitFor } from '../support/waitFor.ts';

const hello: RequestHandler = ({ url }, response) => {
  sendJson(response, 200, { url });
};

describe('a connection between two requests', () => {
  const held = async (server: HttpServer): Promise<{ readonly socket: Socket; readonly head: string }> => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write('GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [Buffer];
    return { socket, head: head.toString() };
  };

  it('is kept for longer than the minute after which load balancers give it up, and the answer says for how long', async () => {
    await using server = await serve({ '/hello': hello });
    const { socket, head } = await held(server);
    expect(head).toMatch(/^keep-alive: timeout=75\r$/im);
    socket.destroy();
  });

  it('is closed after the time that is configured', async () => {
    await using server = await serve({ '/hello': hello }, { keepAliveTimeoutMs: 1 });
    const { socket } = await held(server);
    await once(socket, 'close');
  });

  it('is not what a connection is whose request takes long to answer, or that was upgraded', async () => {
    const asked = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    const handlers: Readonly<Record<string, RequestHandler>> = {
      '/hello': async (incoming, response) => {
        asked.resolve();
        await slow.promise;
        await hello(incoming, response);
      },
    };
    await using server = await serve(handlers, {
      keepAliveTimeoutMs: 1,
      unreadTimeoutMs: 50,
      upgradeHandlers: new Map([['/ws', { upgrade: () => undefined, close: () => Promise.resolve() }]]),
      shutdownTimeoutMs: 1,
    });
    const upgraded = connect(Number(new URL(server.url).port), '127.0.0.1');
    upgraded.write('GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    await waitFor(() => server.upgradedConnections === 1);
    const answered = held(server);
    await asked.promise;
    // Another connection goes, which has been idle for less time than both.
    const idle = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(idle.resume(), 'close');
    slow.resolve();
    expect((await answered).head).toContain('200 OK');
    expect(server.upgradedConnections).toBe(1);
    upgraded.destroy();
  });
});

describe('requests', () => {
  it('to any other path get 404 with a JSON body', async () => {
    await using server = await serve({ '/hello': hello });
    for (const target of ['/nope', '//', '//hello', '/hello/', '/%zz', '/%68ello', '/hello%00', '*', '/__proto__']) {
      const { status, headers, body } = await request(server.url, target);
      expect([target, status, headers.get('content-type')]).toEqual([target, 404, 'application/json; charset=utf-8']);
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'BAD_REQUEST', retryable: false } });
    }
  });

  it('in absolute form are routed, and reach the handler in origin form', async () => {
    await using server = await serve({ '/hello': hello });
    const { status, body } = await request(server.url, 'http://[zz:99999999/hello?a=%zz#b');
    expect([status, body]).toEqual([200, '{"url":"/hello?a=%zz"}']);
  });

  it.each(['[', 'a b', 'a@b', 'x:y', 'a, b'])('with the odd Host %j are refused', async (Host) => {
    await using server = await serve({ '/hello': hello });
    expect((await request(server.url, '/hello', { Host })).status).toBe(400);
    expect((await upgrade(server.url, '/ws', { Host })).status).toBe(400);
  });

  it('that cannot be read are answered, and the server goes on', async () => {
    await using server = await serve({ '/hello': hello });
    expect((await sendRaw(server.url, 'nonsense\r\n\r\n')).status).toBe(400);
    expect((await sendRaw(server.url, 'GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n')).status).toBe(400);
    expect((await request(server.url, '/hello', { X: 'x'.repeat(20_000) })).status).toBe(431);
    await sendRaw(server.url, 'CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example\r\n\r\n');
    expect((await request(server.url, '/hello')).status).toBe(200);
  });

  it('that offer an upgrade to something other than websocket are served normally', async () => {
    await using server = await serve({ '/hello': hello });
    const headers = { Connection: 'Upgrade, HTTP2-Settings, close', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQ' };
    expect((await request(server.url, '/hello', headers)).status).toBe(200);
  });

  it('whose handler fails are answered 500 with an id, without a word of the cause', async () => {
    const broken: RequestHandler = () => Promise.reject(new Error('canary'));
    const thrower: RequestHandler = () => {
      throw new Error('canary');
    };
    await using server = await serve({ '/broken': broken, '/thrower': thrower, '/hello': hello });
    for (const target of ['/broken', '/thrower']) {
      const { status, body } = await request(server.url, target);
      expect(status).toBe(500);
      expect(body).toContain('INTERNAL');
      expect(body).not.toContain('canary');
    }
    expect((await request(server.url, '/hello')).status).toBe(200);
  });

  it('with arbitrary bytes never stop the server', async () => {
    await using gateway = await RawGateway.start({ http: { requestHandlers: new Map([['/hello', hello]]) } });
    const target = fc.string({ unit: fc.constantFrom(...'/ ? # % : @ [ ] . * \\ h e l o w s'.split(' ')) });
    const header = fc.tuple(fc.constantFrom('Host', 'Origin', 'Upgrade', 'Connection', 'Sec-WebSocket-Key'), target);
    await fc.assert(
      fc.asyncProperty(target, fc.array(header), fc.boolean(), async (path, headers, upgrading) => {
        const send = upgrading ? upgrade : request;
        const { status } = await send(gateway.url, path === '' ? '/' : path, Object.fromEntries(headers));
        expect(status).not.toBe(500);
      }),
      { numRuns: 100 },
    );
    expect((await request(gateway.url, '/hello')).status).toBe(200);
  }, 60_000);
});

describe('upgrades', () => {
  it('to the path of a protocol are granted, also in absolute form and with a query', async () => {
    await using gateway = await RawGateway.start();
    for (const target of ['/ws', '/ws?a=1', 'http://anything/ws']) {
      expect([target, (await upgrade(gateway.url, target)).status]).toEqual([target, 101]);
    }
  });

  it('to any other path get 404', async () => {
    await using gateway = await RawGateway.start();
    for (const target of ['/', '//', '//ws', '/nope', '/ws/', '/%zz']) {
      const { status, body } = await upgrade(gateway.url, target);
      expect([target, status]).toEqual([target, 404]);
      expect(JSON.parse(body)).toHaveProperty('error.message');
    }
  });

  it('that are not a WebSocket handshake are refused', async () => {
    await using gateway = await RawGateway.start();
    expect((await upgrade(gateway.url, '/ws', { 'Sec-WebSocket-Key': 'x' })).status).toBe(400);
    expect((await upgrade(gateway.url, '/ws', { 'Sec-WebSocket-Version': '99' })).status).toBe(400);
  });

  it('are what a plain request to that path is told to use', async () => {
    await using gateway = await RawGateway.start();
    const { status, headers } = await request(gateway.url, '/ws');
    expect([status, headers.get('upgrade')]).toEqual([426, 'websocket']);
  });

  it.each([
    [undefined, 101],
    ['http://localhost:5173', 101],
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost.evil.example', 403],
  ])('from a page of %j get %d before the handshake', async (origin, expected) => {
    await using gateway = await RawGateway.start();
    const { status, body } = await upgrade(gateway.url, '/ws', origin === undefined ? {} : { Origin: origin });
    expect(status).toBe(expected);
    if (expected === 403) expect(JSON.parse(body)).toMatchObject({ error: { code: 'FORBIDDEN' } });
  });

  it("from the server's own page are granted, and from configured pages if there are any", async () => {
    await using gateway = await RawGateway.start({ http: { allowedOrigins: ['https://good.example'] } });
    const statusFor = async (Origin: string) => (await upgrade(gateway.url, '/ws', { Origin })).status;
    expect(await statusFor(gateway.url)).toBe(101);
    expect(await statusFor('https://good.example')).toBe(101);
    expect(await statusFor('https://good.example.evil')).toBe(403);
    expect(await statusFor('https://good.example:8443')).toBe(403);
  });

  it('with the Origin in the header of the older handshake are checked in the same way', async () => {
    await using gateway = await RawGateway.start();
    const headers = { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'https://evil.example' };
    expect((await upgrade(gateway.url, '/ws', headers)).status).toBe(403);
  });

  it('over the limit of an address get 429, over that of the gateway 503, and closing one makes room', async () => {
    await using gateway = await RawGateway.start({ limits: { connections: 3, connectionsPerAddress: 2 } });
    await using first = await RawClient.connect(gateway.url);
    await using second = await RawClient.connect(gateway.url);
    const { status, body } = await upgrade(gateway.url, '/ws');
    expect(status).toBe(429);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'LIMIT_EXCEEDED' } });
    await first.close();
    await gateway.settles('connections', { protocol: 'raw' }, 1);
    expect((await upgrade(gateway.url, '/ws')).status).toBe(101);
    expect((await second.ask({ action: 'ping' }))['status']).toBe('pong');
  });

  it('in large numbers are refused over the limit, accepted clients notice nothing, and room returns', async () => {
    await using gateway = await RawGateway.start({ limits: { connections: 20 } });
    await using client = await RawClient.connect(gateway.url);
    const flood = Array.from({ length: 300 }, () => new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`));
    const outcomes = await Promise.all(
      flood.map(
        (socket) =>
          new Promise<string>((resolve) => {
            socket.once('open', () => {
              resolve('open');
            });
            socket.once('error', (error) => {
              resolve(error.message);
            });
          }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'open')).toHaveLength(19);
    expect(new Set(outcomes)).toEqual(new Set(['open', 'Unexpected server response: 503']));
    expect((await client.ask({ action: 'ping' }))['status']).toBe('pong');
    for (const socket of flood) socket.terminate();
    await gateway.settles('connections', { protocol: 'raw' }, 1);
    expect((await upgrade(gateway.url, '/ws')).status).toBe(101);
  });

  it('of one address are counted together, whatever its headers claim', async () => {
    await using gateway = await RawGateway.start({ limits: { connectionsPerAddress: 2 } });
    const claiming = (speaker: string) => ({ 'X-Forwarded-For': speaker, Forwarded: `for=${speaker}` });
    await using first = await RawClient.connect(gateway.url, { headers: claiming('192.0.2.1') });
    await using second = await RawClient.connect(gateway.url, { headers: claiming('192.0.2.2') });
    expect((await upgrade(gateway.url, '/ws', claiming('192.0.2.3'))).status).toBe(429);
    for (const client of [first, second]) expect((await client.ask({ action: 'ping' }))['status']).toBe('pong');
  });

  it('through a trusted proxy are counted for the address that it names, not the one that the client claims', async () => {
    const proxies = new TrustedProxies(['127.0.0.0/8']);
    await using gateway = await RawGateway.start({ limits: { connectionsPerAddress: 1 }, proxies });
    const from = (speaker: string) => ({ 'X-Forwarded-For': speaker });
    await using client = await RawClient.connect(gateway.url, { headers: from('192.0.2.1') });
    expect((await upgrade(gateway.url, '/ws', from('192.0.2.1'))).status).toBe(429);
    expect((await upgrade(gateway.url, '/ws', from('198.51.100.7, 192.0.2.1'))).status).toBe(429);
    expect((await upgrade(gateway.url, '/ws', from('192.0.2.1, 192.0.2.2'))).status).toBe(101);
    expect((await client.ask({ action: 'ping' }))['status']).toBe('pong');
  });

  it('and streams of events are counted in the same way, until they end', async () => {
    const connections = clientConnections({ limits: { ...LIMITS, connectionsPerAddress: 1 } });
    const stream: RequestHandler = (incoming, response) => {
      const place = connections.hold(incoming);
      response.once('close', () => {
        place[Symbol.dispose]();
      });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(':\n\n');
    };
    const upgradeHandlers = new Map([['/stream', { upgrade: () => undefined, close: () => Promise.resolve() }]]);
    await using server = await serve({ '/hello': hello, '/stream': stream }, { connections, upgradeHandlers });
    const open = new AbortController();
    const accept = 'application/json, Text/Event-Stream;q=0.9';
    const { status } = await fetch(`${server.url}/stream`, { headers: { accept }, signal: open.signal });
    expect(status).toBe(200);
    for (const Accept of [accept, 'text/*', '*/*']) {
      const refused = await request(server.url, '/stream', { Accept });
      expect([refused.status, JSON.parse(refused.body)]).toMatchObject([429, { error: { code: 'LIMIT_EXCEEDED' } }]);
    }
    expect((await request(server.url, '/stream')).status).toBe(429);
    expect((await upgrade(server.url, '/stream')).status).toBe(429);
    expect((await request(server.url, '/hello')).status).toBe(200);
    open.abort();
    const again = new AbortController();
    let room = 0;
    await waitFor(() => {
      void fetch(`${server.url}/stream`, { signal: again.signal }).then(
        (answer) => (room = answer.status === 200 ? 200 : room),
        () => undefined,
      );
      return room === 200;
    });
    again.abort();
  });

  it('that fail in the protocol are answered, and no longer count for the address', async () => {
    const upgradeHandler = {
      upgrade: () => {
        throw new Error('canary');
      },
      close: () => Promise.resolve(),
    };
    const connections = clientConnections({ limits: { ...LIMITS, connections: 1 } });
    await using server = await serve({}, { upgradeHandlers: new Map([['/ws', upgradeHandler]]), connections });
    for (let count = 0; count < 3; count += 1) {
      const { status, body } = await upgrade(server.url, '/ws');
      expect(status).toBe(500);
      expect(body).not.toContain('canary');
    }
  });
});

describe('closing the server', () => {
  it('lets a running request finish, and does not wait for idle connections', async () => {
    const gate = Promise.withResolvers<void>();
    const slow: RequestHandler = async (_request, response) => {
      await gate.promise;
      sendJson(response, 200, {});
    };
    const server = await serve({ '/slow': slow, '/hello': hello });
    using stack = new DisposableStack();
    const agent = stack.adopt(new Agent({ keepAlive: true }), (each) => {
      each.destroy();
    });
    const { hostname, port } = new URL(server.url);
    const ask = async (path: string): Promise<number | undefined> => {
      const [response] = (await once(get({ hostname, port, path, agent }), 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await ask('/hello')).toBe(200);
    const underWay = ask('/slow');
    await ask('/hello');
    const started = performance.now();
    const closing = server.close();
    expect(server.draining).toBe(true);
    expect(server.close()).toBe(closing);
    gate.resolve();
    expect(await underWay).toBe(200);
    await closing;
    expect(performance.now() - started).toBeLessThan(4_000);
    await expect(ask('/hello')).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for connections without a request', async () => {
    const clock = new FakeClock();
    const server = await serve({ '/hello': hello }, { clock });
    const { hostname, port } = new URL(server.url);
    const beforehand = connect(Number(port), hostname);
    await once(beforehand, 'connect');
    expect((await request(server.url, '/hello')).status).toBe(200);
    const gone = once(beforehand, 'close');
    await server.close();
    await gone;
    expect(clock.pending).toBe(0);
  });

  it('closes the clients of its protocols with 1001', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await gateway.http.close();
    expect((await client.waitForClose()).code).toBe(1001);
  });

  it('cuts off what is left after the timeout', async () => {
    const clock = new FakeClock();
    const never: RequestHandler = () => undefined;
    const server = await serve({ '/never': never }, { clock, shutdownTimeoutMs: 5_000 });
    const hanging = request(server.url, '/never');
    const { hostname, port } = new URL(server.url);
    const halfSent = connect(Number(port), hostname);
    halfSent.on('error', () => undefined);
    halfSent.write('GET /never HTTP/1.1\r\n');
    await waitFor(() => halfSent.bytesWritten > 0 && halfSent.readyState === 'open');
    let closed = false;
    const closing = server.close().then(() => (closed = true));
    await clock.advance(4_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect((await hanging).status).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('also cuts off WebSocket clients that do not answer', async () => {
    const clock = new FakeClock();
    const server = await serve(
      {},
      { clock, upgradeHandlers: new Map([['/ws', { upgrade: () => undefined, close: () => Promise.resolve() }]]) },
    );
    const hanging = upgrade(server.url, '/ws');
    await waitFor(() => server.upgradedConnections === 1);
    const closing = server.close();
    await clock.advance(5_000);
    await closing;
    expect((await hanging).status).toBe(0);
  });

  it('a port that is in use is reported to the caller, and a server that never listened can still be closed', async () => {
    await using taken = await serve({});
    await using gateway = await RawGateway.start();
    const clock = new FakeClock();
    const raw = new RawProtocol({
      services: { ...gateway.services, clock },
      heartbeatMs: 1_000,
      maxPayloadBytes: 100,
      compression: { enabled: false, thresholdBytes: 0 },
    });
    const server = new HttpServer({
      host: '127.0.0.1',
      port: Number(new URL(taken.url).port),
      requestHandlers: new Map(),
      upgradeHandlers: new Map([['/ws', raw]]),
      allowedOrigins: [],
      connections: clientConnections({ clock }),
      unreadTimeoutMs: 24_000,
      shutdownTimeoutMs: 5_000,
      keepAliveTimeoutMs: 75_000,
      clock,
      logger: silentLogger(),
    });
    await expect(server.listen()).rejects.toThrow('EADDRINUSE');
    await server.close();
    expect(clock.pending).toBe(0);
  });
});
