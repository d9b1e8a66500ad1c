import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { graphqlNext, makeEvents } from '../documents.ts';
import { serverTextFrame } from '../frames.ts';
import { listen } from './listen.ts';
import type { StartServer } from './ServerUnderTest.ts';

/**
 * The lower bound: bytes that were prepared beforehand, as long as those of a GraphQL client, written to each socket.
 * The events of one turn are one write, and no work at all is done for an event itself.
 */
export const startTcp: StartServer = async ({ document }) => {
  const [event] = makeEvents(document);
  if (event === undefined) throw new Error('no events');
  const frame = serverTextFrame(graphqlNext(event, 10_000));
  const prepared = new Map<number, Buffer>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  const port = await listen(server);
  return {
    port,
    publish({ length }) {
      const bytes = prepared.get(length) ?? Buffer.concat(Array.from({ length }, () => frame));
      prepared.set(length, bytes);
      for (const socket of sockets) socket.write(bytes);
    },
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      return Promise.resolve();
    },
  };
};
