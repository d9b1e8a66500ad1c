import { assertNever } from '../src/shared/assertNever.ts';
import { BROKER, graphqlDocument, LEVELS, SYMBOL } from './documents.ts';
import type { DocumentName } from './documents.ts';

/** What is measured: ours twice, and three to hold it against. */
export const CASES = ['tcp', 'ws', 'gateway-raw', 'gateway', 'stock'] as const;
export type CaseName = (typeof CASES)[number];

/** How a client opens a connection and what it says, text by text. */
export interface Conversation {
  /** Null: a bare TCP connection, nothing is said. */
  readonly upgrade: { readonly path: string; readonly protocol: string | null } | null;
  /** `says[n]` is sent when n text frames have come. `{id}` becomes a new UUID. */
  readonly says: readonly string[];
  /** Text frames before the first that counts. */
  readonly preamble: number;
}

/** Of the client with this number, where the clients have `documents` different documents. */
export function conversationOf(name: CaseName, document: DocumentName, variant: number): Conversation {
  switch (name) {
    case 'tcp':
      return { upgrade: null, says: [], preamble: 0 };
    case 'ws':
      return { upgrade: { path: '/', protocol: null }, says: [], preamble: 0 };
    case 'gateway-raw':
      return { upgrade: { path: '/ws', protocol: null }, says: ['', rawSubscribe(document)], preamble: 2 };
    case 'gateway':
    case 'stock': {
      const subscribe = { id: '{id}', type: 'subscribe', payload: { query: graphqlDocument(document, variant) } };
      return {
        upgrade: { path: '/graphql', protocol: 'graphql-transport-ws' },
        says: [JSON.stringify({ type: 'connection_init' }), JSON.stringify(subscribe)],
        preamble: 1,
      };
    }
    default:
      return assertNever(name);
  }
}

function rawSubscribe(document: DocumentName): string {
  const types = [document === 'trade' ? 'trade' : 'orderbook'];
  return JSON.stringify({ action: 'subscribe', broker: BROKER, symbols: [SYMBOL], types, options: { depth: LEVELS } });
}
