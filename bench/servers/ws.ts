import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { rawData } from '../documents.ts';
import { listen } from './listen.ts';
import type { StartServer } from './ServerUnderTest.ts';

/** The obvious implementation: each event is turned into text once, and `send` is called for every client. */
export const startWs: StartServer = async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
  });
  const port = await listen(server);
  let sequence = 0;
  return {
    port,
    publish(events) {
      for (const event of events) {
        sequence += 1;
        const text = rawData(event, sequence);
        for (const socket of sockets.clients) socket.send(text);
      }
    },
    [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      return Promise.resolve();
    },
  };
};
