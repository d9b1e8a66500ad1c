import type { Resumption } from './Connection.ts';
import type { Wish } from './wishes.ts';

const EVENT = `__typename broker symbol type time receivedAt sequence cursor
  ... on Tick { bid bidSize ask askSize last }
  ... on Trade { tradeId price size side backfilled }
  ... on Candle { interval openTime closeTime open high low close volume tradeCount closed backfilled }
  ... on OrderBook { kind bids { price size } asks { price size } }
  ... on FeedStatus { state reason since gap { type from to } replay { recovered events complete } }`;
const VARIABLES =
  '$broker: ID, $symbols: [String!]!, $types: [MarketDataType!]!, $options: MarketDataOptions, $resume: [String!]';
const ARGUMENTS = 'broker: $broker, symbols: $symbols, types: $types, options: $options, resume: $resume';

/** The names of intervals in GraphQL. */
const INTERVALS = { '1s': 'ONE_SECOND', '5s': 'FIVE_SECONDS' } as const;

export function documentOf({ protocol }: Wish): string {
  if (protocol === 'batch')
    return `subscription (${VARIABLES}) { marketDataBatch(${ARGUMENTS}, everyMs: 50) { ${EVENT} } }`;
  return `subscription (${VARIABLES}) { marketData(${ARGUMENTS}) { ${EVENT} } }`;
}

export function variablesOf(wish: Wish, { cursors }: Resumption): Readonly<Record<string, unknown>> {
  const { broker, symbols, types, status, interval, depth, book, throttleMs, history } = wish;
  return {
    broker,
    symbols,
    types: [...types, ...(status ? ['status'] : [])].map((type) => type.toUpperCase()),
    options: { interval: INTERVALS[interval], depth, book: book.toUpperCase(), throttleMs, history },
    ...(cursors.length === 0 ? {} : { resume: cursors }),
  };
}

export const AUTHENTICATE = `mutation ($broker: ID!, $credentials: BrokerCredentials!) {
  authenticateBroker(broker: $broker, credentials: $credentials) { broker { id } }
}`;
export const DEAUTHENTICATE = 'mutation ($broker: ID!) { deauthenticateBroker(broker: $broker) }';
