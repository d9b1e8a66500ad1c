import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { Neighbours } from '../support/Neighbours.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const CONTINUATION = 0x0;
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
const RSV1 = 0x40;
const MASK = Buffer.from([1, 2, 3, 4]);

/** A frame of a client; it is masked unless a test says otherwise. */
function frame(first: number, payload: Buffer | string = '', isMasked = true): Buffer {
  const bytes = Buffer.from(payload);
  const header =
    bytes.length < 126
      ? Buffer.from([first, bytes.length])
      : Buffer.from([first, 126, bytes.length >> 8, bytes.length & 0xff]);
  if (!isMasked) return Buffer.concat([header, bytes]);
  header.writeUInt8(header.readUInt8(1) | 0x80, 1);
  return Buffer.concat([header, MASK, bytes.map((byte, at) => byte ^ (MASK[at % 4] ?? 0))]);
}

const closeFrame = (code: number, reason: Buffer | string = ''): Buffer =>
  frame(FIN | CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));

/** What a server sent: each frame as its opcode and its text, a close frame as its code. */
function readFrames(bytes: Buffer): string[] {
  const frames: string[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const opcode = bytes.readUInt8(at) & 0xf;
    const short = bytes.readUInt8(at + 1) & 0x7f;
    const from = at + (short < 126 ? 2 : 4);
    const payload = bytes.subarray(from, from + (short < 126 ? short : bytes.readUInt16BE(at + 2)));
    if (opcode === CLOSE) frames.push(`close ${payload.length < 2 ? 'without a code' : payload.readUInt16BE(0)}`);
    else frames.push(`${opcode === PING ? 'ping' : opcode === PONG ? 'pong' : 'text'} ${payload.toString()}`);
    at = from + payload.length;
  }
  return frames;
}

interface Protocol {
  readonly path: string;
  readonly headers: readonly string[];
  /** A message, and what the answer to it contains. */
  readonly message: string;
  readonly answer: string;
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  graphql: {
    path: '/graphql',
    headers: ['Sec-WebSocket-Protocol: graphql-transport-ws'],
    message: '{"type":"ping","payload":{"grüße":1}}',
    answer: '"type":"pong"',
  },
  raw: { path: '/ws', headers: [], message: '{"action":"ping","id":"grüße"}', answer: '"status":"pong"' },
};

/**
 * Sends these bytes over a new WebSocket, each in a packet of its own, the last after the answer, if there is one; resolves
 * with all that came until the end.
 */
async function exchange(
  { urls }: MarketDataServer,
  { path, headers }: Protocol,
  { sent, answer }: { readonly sent: readonly Buffer[]; readonly answer: string | null },
): Promise<string[]> {
  const { hostname, port } = new URL(urls.http);
  const socket = connect(Number(port), hostname).setNoDelay();
  socket.on('error', () => undefined);
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  for (const [at, bytes] of sent.entries()) {
    const isLast = at === sent.length - 1;
    if (isLast && answer !== null) await waitFor(() => Buffer.concat(chunks).includes(answer), 'the answer');
    socket.write(bytes);
    await new Promise(setImmediate);
  }
  if (!socket.destroyed) await once(socket, 'close');
  const all = Buffer.concat(chunks);
  return readFrames(all.subarray(all.indexOf('\r\n\r\n') + 4));
}

const BYE = closeFrame(1000);
const bytewise = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));
const parts = (text: string): Buffer[] => {
  const bytes = Buffer.from(text);
  const inUmlaut = bytes.indexOf(0xc3) + 1;
  return [bytes.subarray(0, 5), bytes.subarray(5, inUmlaut), bytes.subarray(inUmlaut)];
};
const fragments = (text: string, between: readonly Buffer[] = []): Buffer[] => {
  const [first = Buffer.alloc(0), second, third] = parts(text);
  return [frame(TEXT, first), ...between, frame(CONTINUATION, second), ...between, frame(FIN | CONTINUATION, third)];
};

/** What is sent, by the message of the protocol; what comes last; and what has to come before the last is sent. */
const CASES: readonly (readonly [
  string,
  (message: string) => readonly Buffer[],
  string,
  'answered' | 'pinged' | null,
])[] = [
  ['a message in one frame', (text) => [frame(FIN | TEXT, text), BYE], 'close 1000', 'answered'],
  ['a message in fragments, cut within a character', (text) => [...fragments(text), BYE], 'close 1000', 'answered'],
  ['a message byte by byte', (text) => [...bytewise(frame(FIN | TEXT, text)), BYE], 'close 1000', 'answered'],
  [
    'a message and the close in one packet',
    (text) => [Buffer.concat([frame(FIN | TEXT, text), BYE])],
    'close 1000',
    null,
  ],
  ['pings between fragments', (text) => [...fragments(text, [frame(FIN | PING, 'x')]), BYE], 'close 1000', 'answered'],
  ['a ping', () => [frame(FIN | PING, 'pinged'), BYE], 'close 1000', 'pinged'],
  [
    'a pong that nobody asked for',
    (text) => [frame(FIN | PONG, 'x'), frame(FIN | TEXT, text), BYE],
    'close 1000',
    'answered',
  ],
  ['an empty fragment', (text) => [frame(TEXT), frame(FIN | CONTINUATION, text), BYE], 'close 1000', 'answered'],
  ['a close without a code', () => [frame(FIN | CLOSE)], 'close without a code', null],
  ['a close with a code of its own', () => [closeFrame(4000, 'bye')], 'close 4000', null],
  ['a close with a code that is not allowed', () => [closeFrame(1005)], 'close 1002', null],
  ['a close with half a code', () => [frame(FIN | CLOSE, 'x')], 'close 1002', null],
  ['a close whose reason is not UTF-8', () => [closeFrame(1000, Buffer.from([0xff]))], 'close 1007', null],
  ['a frame that is not masked', (text) => [frame(FIN | TEXT, text, false)], 'close 1002', null],
  [
    'a compressed frame, though compression was not agreed',
    (text) => [frame(FIN | RSV1 | TEXT, text)],
    'close 1002',
    null,
  ],
  ['an opcode that does not exist', () => [frame(FIN | 0x3)], 'close 1002', null],
  ['a control opcode that does not exist', () => [frame(FIN | 0xb)], 'close 1002', null],
  ['a continuation of nothing', () => [frame(FIN | CONTINUATION, 'x')], 'close 1002', null],
  ['a message within another one', () => [frame(TEXT, 'x'), frame(FIN | TEXT, 'y')], 'close 1002', null],
  ['a ping in fragments', () => [frame(PING, 'x')], 'close 1002', null],
  ['a ping of more than 125 bytes', () => [frame(FIN | PING, 'x'.repeat(126))], 'close 1002', null],
  ['a text that is not UTF-8', () => [frame(FIN | TEXT, Buffer.from([0xff]))], 'close 1007', null],
];

describe.each(Object.entries(PROTOCOLS))(
  'over %s, a client gets what RFC 6455 promises, and others notice nothing:',
  (_name, protocol) => {
    it.each(CASES)('%s', async (_case, send, last, expected) => {
      await using gateway = await startGateway({
        config: { brokers: { mock: { kind: 'mock-binance', ticksPerSecond: 100 } } },
      });
      await using neighbours = await Neighbours.of(gateway);
      const answer = expected === 'answered' ? protocol.answer : expected;
      const frames = await exchange(gateway, protocol, { sent: send(protocol.message), answer });
      expect(frames.at(-1)).toBe(last);
      expect(frames.filter((each) => each.startsWith('close'))).toHaveLength(1);
      await neighbours.receive();
    });
  },
);
