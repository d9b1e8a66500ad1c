import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { startGateway } from '../support/startGateway.ts';

function open({ urls }: MarketDataServer): Socket {
  const { hostname, port } = new URL(urls.http);
  return connect(Number(port), hostname);
}

async function ask(socket: Socket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

it.each([
  ['as long as is configured', { keepAliveTimeoutMs: 301_000 }, 301],
  ['for longer than the minute of most load balancers', {}, 75],
])('an idle connection to the gateway is kept %s, whatever else is cut off earlier', async (_name, server, seconds) => {
  await using gateway = await startGateway({ config: { server, heartbeat: { graphqlMs: 50 } } });
  const socket = open(gateway);
  for (const path of ['/health', '/graphql?query={__typename}']) {
    expect(await ask(socket, path)).toMatch(new RegExp(`^keep-alive: timeout=${seconds}\r$`, 'im'));
  }
  // A connection without a request goes, though it has been idle for less time.
  await once(open(gateway).resume(), 'close');
  expect(await ask(socket, '/health')).toContain('200 OK');
  socket.destroy();
});
