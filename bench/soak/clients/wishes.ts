import type { Random } from '../../../src/shared/random.ts';
import { MOCK_BROKERS } from '../config.ts';
import type { FeedType } from './events.ts';

export const PROTOCOLS = ['raw', 'graphql-ws', 'batch', 'sse', 'multipart', 'resumable'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A client keeps the same wish for all its life, over however many connections. */
export interface Wish {
  readonly protocol: Protocol;
  readonly broker: string;
  readonly symbols: readonly string[];
  readonly types: readonly FeedType[];
  /** The client asks for STATUS; in the raw protocol it always gets it. */
  readonly status: boolean;
  readonly interval: '1s' | '5s';
  readonly depth: number;
  readonly book: 'snapshot' | 'delta';
  readonly throttleMs: number;
  readonly history: number;
  readonly resume: boolean;
  /** Its own, for a broker that needs them. */
  readonly credentials: { readonly accountId: string; readonly token: string } | null;
}

/** The parts of a wish that a client leaves as they are. */
export const PLAIN_WISH = {
  status: true,
  interval: '1s',
  depth: 10,
  book: 'snapshot',
  throttleMs: 0,
  history: 0,
  resume: true,
  credentials: null,
} as const satisfies Partial<Wish>;

export interface Choices {
  readonly binanceSymbols: readonly string[];
  readonly mockSymbols: readonly string[];
  readonly oandaSymbols: readonly string[];
  readonly accounts: readonly { readonly id: string; readonly token: string }[];
}

const TYPES: readonly FeedType[] = ['trade', 'candle', 'orderbook', 'tick'];

/** Draws what the n-th client wants. Protocols take turns, so that all of them are there. */
export function wishOf(n: number, random: Random, choices: Choices): Wish {
  const protocol = PROTOCOLS[n % PROTOCOLS.length] ?? 'raw';
  // A session goes with a socket.
  const takesCredentials = protocol === 'raw' || protocol === 'graphql-ws';
  const isOanda = takesCredentials && random() < 0.35;
  const broker = isOanda ? 'oanda' : random() < 0.5 ? 'binance' : mockBroker(random);
  const offered =
    broker === 'oanda' ? choices.oandaSymbols : broker === 'binance' ? choices.binanceSymbols : choices.mockSymbols;
  const account = isOanda ? choices.accounts[n % choices.accounts.length] : undefined;
  const types = TYPES.filter((type) => (type !== 'trade' || !isOanda) && random() < 0.6);
  const resume = protocol === 'resumable' || random() < 0.6;
  return {
    protocol,
    broker,
    symbols: some(offered, random),
    types: types.length > 0 ? types : [isOanda ? 'tick' : 'trade'],
    status: protocol === 'raw' || random() < 0.8,
    interval: isOanda ? '5s' : '1s',
    depth: random() < 0.5 ? 10 : 20,
    book: random() < 0.5 ? 'delta' : 'snapshot',
    throttleMs: random() < 0.15 ? 250 : 0,
    history: random() < 0.3 ? 30 : 0,
    resume,
    credentials: account === undefined ? null : { accountId: account.id, token: account.token },
  };
}

function mockBroker(random: Random): string {
  return MOCK_BROKERS[Math.floor(random() * MOCK_BROKERS.length)] ?? 'mock-binance';
}

function some(symbols: readonly string[], random: Random): readonly string[] {
  const chosen = symbols.filter(() => random() < 0.6);
  return chosen.length > 0 ? chosen : symbols.slice(0, 1);
}
