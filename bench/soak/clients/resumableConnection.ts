import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { resumable } from '../../../client/index.ts';
import type { Connection, Listener } from './Connection.ts';
import { PASSING } from './Connection.ts';
import { documentOf, variablesOf } from './documents.ts';
import { fromGraphql } from './events.ts';
import { resetSocket } from './sockets.ts';
import type { Wish } from './wishes.ts';

type Json = Readonly<Record<string, unknown>>;

export interface ResumableListener extends Listener {
  /** The connection has ended, and the client will make another one by itself. */
  onDrop(why: string): void;
  /** It does so, and goes on from the cursors that it kept. */
  onAgain(): void;
}

class PlainSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { perMessageDeflate: false });
  }
}

/** Subscribes with a stock graphql-ws client and the options of the client package: it connects again by itself. */
export function openResumable(port: number, wish: Wish, listener: ResumableListener): Connection {
  let socket: WebSocket | null = null;
  let connects = 0;
  let isEnded = false;
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    webSocketImpl: PlainSocket,
    lazy: true,
    ...resumable({ retryWait: () => new Promise((resolve) => setTimeout(resolve, 100 + 700 * Math.random())) }),
  });
  client.on('opened', (opened) => {
    socket = opened as WebSocket;
  });
  client.on('connected', () => {
    connects += 1;
    if (connects > 1) listener.onAgain();
    listener.onOpen();
  });
  client.on('closed', (event) => {
    const { code, reason } = event as { readonly code: number; readonly reason: string };
    socket = null;
    if (!isEnded && connects > 0) listener.onDrop(`${code} ${reason}`);
  });
  const end = (why: string): void => {
    if (isEnded) return;
    isEnded = true;
    listener.onEnd(why);
    void client.dispose();
  };
  const payload = { query: documentOf(wish), variables: { ...variablesOf(wish, { cursors: [], lastEventId: null }) } };
  client.subscribe<{ readonly marketData: Json }>(payload, {
    next: ({ data, errors = [] }) => {
      for (const { message, extensions } of errors) {
        const code = String(extensions?.['code']);
        if (!PASSING.includes(code)) listener.onFault(`error ${code}: ${message}`);
      }
      if (data !== null && data !== undefined) listener.onEvent(fromGraphql(data.marketData));
    },
    error: (error) => {
      const codes = Array.isArray(error)
        ? error.map(({ extensions }) => String(extensions?.['code']))
        : [String(error)];
      if (codes.some((code) => !PASSING.includes(code))) listener.onFault(`the client gave up: ${codes.join(', ')}`);
      end('error');
    },
    complete: () => {
      end('complete');
    },
  });
  return {
    close: () => {
      end('left');
    },
    die: () => {
      if (socket !== null) resetSocket(socket);
    },
    setPaused: (paused) => {
      if (paused) socket?.pause();
      else socket?.resume();
    },
    setCredentials: () => undefined,
  };
}
