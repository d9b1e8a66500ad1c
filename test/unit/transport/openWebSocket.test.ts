import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { openWebSocket } from '../../../src/transport/WebSocketFeed.ts';
import type { SocketEnd } from '../../../src/transport/WebSocketFeed.ts';
import { waitFor } from '../../support/waitFor.ts';

type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

let servers = new DisposableStack();
const uncaught: unknown[] = [];
process.on('uncaughtExceptionMonitor', (error) => void uncaught.push(error));
afterEach(() => {
  servers.dispose();
  servers = new DisposableStack();
  expect(uncaught).toEqual([]);
});

async function serve(onUpgrade: OnUpgrade): Promise<string> {
  const server = createServer();
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('upgrade', onUpgrade);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveWebSocket(onSocket: (socket: WebSocket, request: IncomingMessage) => void): Promise<string> {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  return serve((request, socket, head) => {
    server.handleUpgrade(request, socket, head, onSocket);
  });
}

function connect(url: string) {
  const told: string[] = [];
  const ends: SocketEnd[] = [];
  const socket = openWebSocket(url, {
    onOpen: () => void told.push('open'),
    onText: (text) => void told.push(`text ${text.length > 50 ? text.length : text}`),
    onUnreadable: () => void told.push('unreadable'),
    onHeartbeat: () => void told.push('heartbeat'),
    onEnd: (end) => void ends.push(end),
  });
  return { socket, told, ends };
}

describe('openWebSocket', () => {
  it('carries text both ways, answers pings, and offers no compression', async () => {
    const heard: string[] = [];
    let extensions: string | undefined = 'unknown';
    const url = await serveWebSocket((socket, request) => {
      extensions = request.headers['sec-websocket-extensions'];
      socket.on('message', (data) => {
        heard.push((data as Buffer).toString());
        socket.ping('1770123456789');
      });
      socket.on('pong', (payload) => void heard.push(`pong ${payload.toString()}`));
      socket.send('grüße');
    });
    const { socket, told } = connect(url);
    await waitFor(() => told.includes('text grüße'));
    socket.send('hello');
    await waitFor(() => heard.includes('pong 1770123456789'));
    expect(told).toEqual(['open', 'text grüße', 'heartbeat']);
    expect(extensions).toBeUndefined();
    socket.terminate();
  });

  it('goes on after a binary frame and after text that is not UTF-8', async () => {
    const url = await serveWebSocket((socket) => {
      socket.send(Buffer.from([1, 2, 3]));
      socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
      socket.send('still here');
    });
    const { socket, told } = connect(url);
    await waitFor(() => told.includes('text still here'));
    expect(told).toEqual(['open', 'unreadable', 'unreadable', 'text still here']);
    socket.terminate();
  });

  it('ends on a frame over 4 MiB, and takes one just under', async () => {
    const url = await serveWebSocket((socket) => {
      socket.on('error', () => {});
      socket.send('x'.repeat(4 * 1024 * 1024));
      socket.send('x'.repeat(4 * 1024 * 1024 + 1));
    });
    const { told, ends } = connect(url);
    await waitFor(() => ends.length > 0);
    expect(told).toEqual(['open', `text ${4 * 1024 * 1024}`]);
  });

  it('ends at once on a frame that is too large, though the other side goes on sending it and never closes', async () => {
    const url = await serveWebSocket((webSocket, { socket }) => {
      webSocket.pause();
      // The header of a text frame of a TiB, and as much of it as is taken.
      socket.write(Buffer.from([0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0]));
      const fill = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on('drain', fill);
      fill();
    });
    const { told, ends } = connect(url);
    await waitFor(() => ends.length > 0, 'the end', 2_000);
    expect(told).toEqual(['open']);
    expect(ends).toEqual([{ reason: 'The connection failed (WS_ERR_UNSUPPORTED_MESSAGE_LENGTH).', retryAfterMs: 0 }]);
  });

  it.each([
    ['resets at once', (_: IncomingMessage, socket: Duplex) => void (socket as Socket).resetAndDestroy()],
    ['ends at once', (_: IncomingMessage, socket: Duplex) => void socket.end()],
    ['answers nonsense', (_: IncomingMessage, socket: Duplex) => void socket.end('nonsense\r\n\r\n')],
    ['answers 404', (_: IncomingMessage, socket: Duplex) => void socket.end('HTTP/1.1 404 Not Found\r\n\r\n')],
    [
      'redirects',
      (_: IncomingMessage, socket: Duplex) =>
        void socket.end('HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:1/\r\n\r\n'),
    ],
  ])('reports one end and throws nothing when the other side %s', async (_, onUpgrade) => {
    const { told, ends } = connect(await serve(onUpgrade));
    await waitFor(() => ends.length > 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ends).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it('reports how long a refused handshake asks to wait', async () => {
    const url = await serve((_, socket) => {
      socket.end('HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n');
    });
    const { ends } = connect(url);
    await waitFor(() => ends.length > 0);
    expect(ends).toEqual([{ reason: 'The handshake was answered with HTTP 429.', retryAfterMs: 7_000 }]);
  });

  it('reports one end when nobody listens', async () => {
    const { ends } = connect('ws://127.0.0.1:1/stream');
    await waitFor(() => ends.length > 0);
    expect(ends[0]?.reason).toContain('ECONNREFUSED');
  });

  it('can be terminated in the midst of its handshake', async () => {
    const asked = Promise.withResolvers<void>();
    const url = await serve(() => {
      asked.resolve();
    });
    const { socket, told, ends } = connect(url);
    await asked.promise;
    socket.terminate();
    socket.terminate();
    await waitFor(() => ends.length > 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ends).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it('can be terminated in the moment of its making', async () => {
    const { socket, ends } = connect('ws://127.0.0.1:1/stream');
    socket.terminate();
    await waitFor(() => ends.length > 0);
  });

  it('is gone at once when it is terminated, whatever the other side does', async () => {
    const url = await serveWebSocket((socket) => {
      socket.pause();
    });
    const { socket, told, ends } = connect(url);
    await waitFor(() => told.includes('open'));
    socket.terminate();
    await waitFor(() => ends.length > 0, 'the end', 1_000);
  });
});
