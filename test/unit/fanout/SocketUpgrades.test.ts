import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SocketUpgrades } from '../../../src/fanout/client/SocketUpgrades.ts';
import { waitFor } from '../../support/waitFor.ts';

/** The part of the library's extension object that its types leave out. */
interface Inside {
  readonly _extensions: { readonly 'permessage-deflate'?: { readonly _inflate: unknown } };
}

it('an upgraded socket keeps no decompressor if the client sends compressed messages, whole or in fragments', async () => {
  await using owned = new AsyncDisposableStack();
  const upgrades = new SocketUpgrades({
    maxPayloadBytes: 10_000,
    compression: { enabled: true, thresholdBytes: 0 },
    handleProtocols: () => false,
  });
  const accepted: WebSocket[] = [];
  const received: string[] = [];
  const server = createServer().on('upgrade', (request, socket, head) => {
    upgrades.upgrade({ request, socket, head }, (webSocket) => {
      accepted.push(webSocket);
      webSocket.on('message', (data: Buffer) => received.push(data.toString('utf8')));
    });
  });
  owned.use(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: { threshold: 0 } });
  owned.defer(() => {
    client.terminate();
  });
  await once(client, 'open');

  const [one, two] = ['x'.repeat(3_000), 'y'.repeat(3_000)];
  client.send(one);
  client.send(two);
  client.send(one, { fin: false });
  client.send(two, { fin: true });
  await waitFor(() => received.length === 3);
  expect(received).toEqual([one, two, one + two]);
  const extensions = accepted.map((socket) => (socket as unknown as Inside)._extensions['permessage-deflate']);
  expect(extensions).toEqual([expect.objectContaining({ _inflate: null })]);
});
