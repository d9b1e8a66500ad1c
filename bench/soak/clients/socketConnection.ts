import { WebSocket } from 'ws';
import type { Connection, Listener, Resumption } from './Connection.ts';
import { PASSING } from './Connection.ts';
import { AUTHENTICATE, DEAUTHENTICATE, documentOf, variablesOf } from './documents.ts';
import { fromGraphql } from './events.ts';
import { endOnce, resetSocket } from './sockets.ts';
import type { Wish } from './wishes.ts';

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: {
    readonly data?: { readonly marketData?: Json; readonly marketDataBatch?: readonly Json[] } | null;
    readonly errors?: readonly GraphqlError[];
  } & readonly GraphqlError[];
}
interface GraphqlError {
  readonly message: string;
  readonly extensions?: { readonly code?: string };
}
type Json = Readonly<Record<string, unknown>>;

/** Subscribes over graphql-transport-ws, to single events or to batches. */
export function openSocket(port: number, wish: Wish, resumption: Resumption, listener: Listener): Connection {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', { perMessageDeflate: false });
  const send = (message: object): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  };
  const run = (id: string, query: string, variables: object): void => {
    send({ id, type: 'subscribe', payload: { query, variables } });
  };
  let isSubscribed = false;
  const subscribe = (): void => {
    isSubscribed = true;
    run('s', documentOf(wish), variablesOf(wish, resumption));
    listener.onOpen();
  };
  const setCredentials = (held: boolean): void => {
    const { broker, credentials } = wish;
    if (held) run('auth', AUTHENTICATE, { broker, credentials });
    else run('deauth', DEAUTHENTICATE, { broker });
  };
  const refused = (errors: readonly GraphqlError[]): void => {
    for (const { message, extensions } of errors) {
      const code = extensions?.code ?? 'none';
      if (!PASSING.includes(code)) listener.onFault(`error ${code}: ${message}`);
    }
    socket.close(1000);
  };
  socket.on('open', () => {
    send({ type: 'connection_init' });
  });
  socket.on('message', (data: Buffer) => {
    const { type, id, payload } = JSON.parse(data.toString()) as Message;
    if (type === 'connection_ack') {
      if (wish.credentials === null) subscribe();
      else setCredentials(true);
    } else if (type === 'ping') send({ type: 'pong' });
    else if (type === 'error') refused(payload ?? []);
    else if (type === 'next' && id === 's') {
      if (payload?.errors !== undefined) refused(payload.errors);
      const { marketData, marketDataBatch = [] } = payload?.data ?? {};
      for (const event of marketData === undefined ? marketDataBatch : [marketData])
        listener.onEvent(fromGraphql(event));
    } else if (type === 'next') {
      if (payload?.errors !== undefined) refused(payload.errors);
      else {
        listener.onCredentials(id === 'auth');
        if (!isSubscribed) subscribe();
      }
    } else if (type === 'complete' && id === 's') socket.close(1000);
  });
  endOnce(socket, listener);
  return {
    close: () => {
      socket.close(1000);
    },
    die: () => {
      resetSocket(socket);
    },
    setPaused: (paused) => {
      if (paused) socket.pause();
      else socket.resume();
    },
    setCredentials,
  };
}
