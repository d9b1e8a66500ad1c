import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { upgrade } from '../support/httpExchange.ts';
import { RawGateway } from '../support/RawGateway.ts';

describe('a sub-protocol that a raw client offers', () => {
  it.each([
    [['json'], 'json'],
    [['graphql-transport-ws', 'json'], 'graphql-transport-ws'],
  ])(
    'the first sub-protocol of %j is taken, because a browser ends the connection otherwise, and means nothing',
    async (protocols, taken) => {
      await using gateway = await RawGateway.start();
      const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`, protocols);
      const [greeting] = (await once(socket, 'message')) as [Buffer];
      expect(socket.protocol).toBe(taken);
      expect(JSON.parse(greeting.toString())).toMatchObject({ status: 'connected' });
      socket.terminate();
    },
  );

  it.each([
    ['"quoted", v1', 'v1'],
    ['base64url=, v1.token', 'v1.token'],
    ['v1, v1', 'v1'],
    ['a b', undefined],
    ['', undefined],
  ])('an offer that is no token is passed over: %j', async (offered, taken) => {
    await using gateway = await RawGateway.start();
    const { status, headers } = await upgrade(gateway.url, '/ws', { 'Sec-WebSocket-Protocol': offered });
    expect([status, headers.get('sec-websocket-protocol')]).toEqual([101, taken]);
  });
});
