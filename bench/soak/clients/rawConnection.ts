import { WebSocket } from 'ws';
import type { Connection, Listener, Resumption } from './Connection.ts';
import { PASSING } from './Connection.ts';
import { fromRaw } from './events.ts';
import { endOnce, resetSocket } from './sockets.ts';
import type { Wish } from './wishes.ts';

/** Subscribes over the raw protocol. */
export function openRaw(port: number, wish: Wish, { cursors }: Resumption, listener: Listener): Connection {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false });
  const send = (message: object): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  };
  const subscribe = (): void => {
    const { broker, symbols, types, interval, depth, book, throttleMs, history } = wish;
    const options = { interval, depth, book, throttleMs, history };
    const resume = cursors.length === 0 ? {} : { resume: cursors };
    send({ action: 'subscribe', id: 's', broker, symbols, types, options, ...resume });
  };
  const authenticate = (): void => {
    send({ action: 'authenticate', id: 'a', broker: wish.broker, credentials: wish.credentials });
  };
  socket.on('open', () => {
    if (wish.credentials === null) subscribe();
    else authenticate();
  });
  let subscribed = false;
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Readonly<Record<string, unknown>>;
    const event = fromRaw(message);
    if (event !== null) listener.onEvent(event);
    else if (message['type'] === 'error') refused(message);
    else if (message['status'] === 'subscribed') {
      subscribed = true;
      listener.onOpen();
    } else if (message['status'] === 'authenticated') {
      listener.onCredentials(true);
      if (!subscribed) subscribe();
    }
  });
  const refused = ({ code, message }: Readonly<Record<string, unknown>>): void => {
    if (!PASSING.includes(String(code))) listener.onFault(`error ${String(code)}: ${String(message)}`);
    socket.close();
  };
  endOnce(socket, listener);
  return {
    close: () => {
      socket.close();
    },
    die: () => {
      resetSocket(socket);
    },
    setPaused: (paused) => {
      if (paused) socket.pause();
      else socket.resume();
    },
    // The raw protocol has no message for it.
    setCredentials: () => undefined,
  };
}
