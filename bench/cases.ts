import { assertNever } from '../src/shared/errors.ts';
import { graphqlPayload, rawSubscribe } from './documents.ts';
import type { Wish } from './documents.ts';

type PlainCase = 'tcp' | 'ws' | 'gateway-raw' | 'gateway' | 'gateway-sse' | 'stock';

/** Maps each case with compression to the same case without it. */
const PLAIN = {
  'gateway-raw-deflate': 'gateway-raw',
  'gateway-deflate': 'gateway',
  'stock-deflate': 'stock',
} as const satisfies Record<string, PlainCase>;

/**
 * The measured cases: the gateway over its three protocols, and three servers for comparison; some also with
 * compression.
 */
export const CASES = [
  'tcp',
  'ws',
  'gateway-raw',
  'gateway-raw-deflate',
  'gateway',
  'gateway-deflate',
  'gateway-sse',
  'stock',
  'stock-deflate',
] as const satisfies (PlainCase | keyof typeof PLAIN)[];
export type CaseName = (typeof CASES)[number];

export function isCompressed(name: CaseName): name is keyof typeof PLAIN {
  return name in PLAIN;
}

/** Returns the same case without compression. */
export function plainOf(name: CaseName): PlainCase {
  return isCompressed(name) ? PLAIN[name] : name;
}

interface Upgrade {
  readonly path: string;
  readonly protocol: string | null;
  /** If true, permessage-deflate is offered, and a server that does not accept it fails. */
  readonly compressed: boolean;
}

/** How a client opens a connection and what it sends. */
export type Conversation =
  /** A bare TCP connection that carries frames; the client sends nothing. */
  | { readonly kind: 'tcp' }
  | {
      readonly kind: 'websocket';
      readonly upgrade: Upgrade;
      /** `says[n]` is sent after n text frames have come. `{id}` becomes a new UUID. */
      readonly says: readonly string[];
      /** This many text frames come before the first that counts. */
      readonly preamble: number;
    }
  /** A POST that is answered with server-sent events. */
  | { readonly kind: 'event-stream'; readonly path: string; readonly body: string };

export function conversationOf(name: CaseName, wish: Wish): Conversation {
  const compressed = isCompressed(name);
  const plain = plainOf(name);
  switch (plain) {
    case 'tcp':
      return { kind: 'tcp' };
    case 'ws':
      return { kind: 'websocket', upgrade: { path: '/', protocol: null, compressed }, says: [], preamble: 0 };
    case 'gateway-raw':
      return {
        kind: 'websocket',
        upgrade: { path: '/ws', protocol: null, compressed },
        says: ['', JSON.stringify(rawSubscribe(wish))],
        preamble: 2,
      };
    case 'gateway':
    case 'stock': {
      const subscribe = { id: '{id}', type: 'subscribe', payload: graphqlPayload(wish) };
      return {
        kind: 'websocket',
        upgrade: { path: '/graphql', protocol: 'graphql-transport-ws', compressed },
        says: [JSON.stringify({ type: 'connection_init' }), JSON.stringify(subscribe)],
        preamble: 1,
      };
    }
    case 'gateway-sse':
      return { kind: 'event-stream', path: '/graphql', body: JSON.stringify(graphqlPayload(wish)) };
    default:
      return assertNever(plain);
  }
}
