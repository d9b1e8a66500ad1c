import { createClient } from 'graphql-ws';
import { useSyncExternalStore } from 'react';
import { resumable } from 'tickgraph/client';

let isConnected = false;
const listeners = new Set<() => void>();

/** The socket reconnects without an end, and its subscriptions go on where they were: no trade is lost or repeated. */
export const socket = createClient({
  url: import.meta.env.VITE_GATEWAY_URL ?? 'ws://127.0.0.1:4000/graphql',
  ...resumable(),
  on: {
    connected: () => setConnected(true),
    closed: () => setConnected(false),
  },
});

/** Whether the page itself has a connection. The gateway can't tell it. */
export function useIsConnected(): boolean {
  return useSyncExternalStore(subscribe, () => isConnected);
}

function setConnected(now: boolean): void {
  isConnected = now;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
