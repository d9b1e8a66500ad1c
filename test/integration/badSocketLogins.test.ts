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

/** Speaks graphql-transport-ws in bytes, which is quick, and gives the close code, or 1000 if the login is acknowledged. */
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

it('ten thousand bad logins by sockets of graphql-transport-ws are heard ten times, leave nothing behind, and hold up nobody else', async () => {
  await expectHarmlessFlood(bySocket, { good: 1000, bad: 4403, limited: 1013 });
}, 180_000);
