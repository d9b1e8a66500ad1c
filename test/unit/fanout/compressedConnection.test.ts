import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { DeflateChain } from '../../../src/fanout/frames/DeflateChain.ts';
import { DeflateClient } from '../../support/DeflateClient.ts';
import { books, trades } from '../../support/marketPayloads.ts';
import { waitFor } from '../../support/waitFor.ts';

let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

interface Accepted {
  readonly socket: ws.WebSocket;
  /** The stream that the socket writes to. */
  readonly stream: Duplex;
  /** The extensions in the answer to the handshake. */
  readonly extensions: string | undefined;
  readonly received: string[];
}

/** A server that compresses nothing itself, and accepts compressed messages from its clients. */
async function serve(): Promise<{ url: string; accepted: Accepted[] }> {
  const http = createServer();
  const server = new ws.WebSocketServer({ noServer: true, perMessageDeflate: { clientNoContextTakeover: true } });
  const accepted: Accepted[] = [];
  http.on('upgrade', (request, stream, head) => {
    let extensions: string | undefined;
    server.once('headers', (headers) => {
      extensions = headers.find((header) => header.startsWith('Sec-WebSocket-Extensions'));
    });
    server.handleUpgrade(request, stream, head, (socket) => {
      const received: string[] = [];
      socket.on('message', (data) => received.push((data as Buffer).toString('utf8')));
      accepted.push({ socket, stream, extensions, received });
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  open.defer(async () => {
    for (const { socket } of accepted) socket.terminate();
    http.close();
    await once(http, 'close');
  });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, accepted };
}

interface Peer {
  readonly read: string[];
  /** The reasons why connections ended. */
  readonly ends: string[];
  send(text: string): void;
}

async function connectWs(url: string): Promise<Peer> {
  const socket = new ws.WebSocket(url);
  const [read, ends]: [string[], string[]] = [[], []];
  socket.on('message', (data) => read.push((data as Buffer).toString('utf8')));
  socket.on('error', (error) => ends.push(error.message));
  socket.on('close', (code) => ends.push(`closed ${code}`));
  await once(socket, 'open');
  return {
    read,
    ends,
    send: (text) => {
      socket.send(text);
    },
  };
}

async function connectWeb(url: string): Promise<Peer> {
  const socket = new globalThis.WebSocket(url);
  const [read, ends]: [string[], string[]] = [[], []];
  socket.addEventListener('message', ({ data }) => read.push(String(data)));
  socket.addEventListener('error', () => ends.push('error'));
  socket.addEventListener('close', ({ code }) => ends.push(`closed ${code}`));
  await once(socket, 'open');
  return {
    read,
    ends,
    send: (text) => {
      socket.send(text);
    },
  };
}

describe('a real client', () => {
  it.each([
    { name: 'of ws', connect: connectWs },
    { name: 'of Node', connect: connectWeb },
  ])('$name reads linked, fresh and plain messages of two groups, and the answers in between', async (client) => {
    const { url, accepted } = await serve();
    const peer = await client.connect(url);
    const { socket, stream, extensions, received } = await waitFor(() => accepted[0]);
    expect(extensions).toBe('Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover');
    const [tradeChain, bookChain, state] = [new DeflateChain(), new DeflateChain(), new DeflateClient()];
    const bookTexts = books(300);
    const expected: string[] = [];
    for (const [at, payload] of trades(300).entries()) {
      const message = tradeChain.next(Buffer.from(payload));
      if (at % 7 === 3) stream.write(state.plain(payload, '"a"'));
      else if (at % 11 !== 5) stream.write(state.compressed(message, '"a"', payload));
      const book = bookTexts[at] ?? '';
      const bookMessage = bookChain.next(Buffer.from(book));
      if (at % 5 === 0) stream.write(state.compressed(bookMessage, null, book));
      expected.push(...state.sent.splice(0));
      if (at % 13 !== 0) continue;
      socket.ping();
      socket.send(`answer ${at}`, { compress: false });
      expected.push(`answer ${at}`);
    }
    expect(state.linked).toBeGreaterThan(100);
    peer.send('x'.repeat(5_000));
    peer.send('y'.repeat(5_000));
    await waitFor(() => peer.ends.length > 0 || (peer.read.length >= expected.length && received.length === 2));
    expect(peer.ends).toEqual([]);
    expect(peer.read).toEqual(expected);
    expect(received).toEqual(['x'.repeat(5_000), 'y'.repeat(5_000)]);
  });
});
