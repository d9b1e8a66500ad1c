import { connect } from 'node:net';
import { it } from 'vitest';
import { expectHarmlessFlood } from '../support/badLogins.ts';
import type { LogIn } from '../support/badLogins.ts';

const UPGRADE = {
  Host: 'localhost',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'graphql-transport-ws',
};

/**
 * Speaks graphql-transport-ws in bytes, which is fast, and returns the close code, or 1000 if the login is
 * acknowledged.
 */
const bySocket: LogIn = async ({ urls }, apiKey, headers) => {
  const { hostname, port } = new URL(urls.http);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({ ...UPGRADE, ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.write(['GET /graphql HTTP/1.1', ...lines, '\r\n'].join('\r\n'));
  const init = Buffer.from(JSON.stringify({ type: 'connection_init', payload: { apiKey } }));
  // This is a final text frame, masked with zeros.
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | init.length, 0, 0, 0, 0]), init]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf('\r\n\r\n');
    if (end !== -1 && received.length >= end + 8) break;
  }
  const frame = received.subarray(received.indexOf('\r\n\r\n') + 4);
  return frame[0] === 0x88 ? frame.readUInt16BE(2) : 1000;
};

it('ten thousand bad logins over graphql-transport-ws are checked ten times, leave nothing behind, and delay nobody else', async () => {
  await expectHarmlessFlood(bySocket, { good: 1000, bad: 4403, limited: 1013 });
}, 180_000);
