import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { resumable } from 'tickgraph/client';

/**
 * A client that reconnects without an end, and whose subscriptions go on where they were: without a trade lost or repeated.
 * What it says about the connection goes to standard error, so that standard output has market data alone.
 */
export function connectToGateway(): Client {
  return createClient({
    url: process.argv[2] ?? 'ws://127.0.0.1:4000/graphql',
    ...resumable(),
    on: {
      connected: () => console.error('connected'),
      closed: () => console.error('the connection is closed'),
    },
  });
}
