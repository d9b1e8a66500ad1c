import type { FeedStatus, Tick, Trade } from 'tickgraph/client';

/** The events of the subscription, with the fields that it selects. */
export type MarketEvent =
  | Pick<Tick, '__typename' | 'symbol' | 'time' | 'cursor' | 'bid' | 'ask' | 'spread'>
  | Pick<Trade, '__typename' | 'symbol' | 'time' | 'cursor' | 'tradeId' | 'price' | 'size' | 'side'>
  | Pick<FeedStatus, '__typename' | 'symbol' | 'cursor' | 'state' | 'reason' | 'since' | 'gap' | 'replay'>;
type EventOf<Name extends MarketEvent['__typename']> = Extract<MarketEvent, { readonly __typename: Name }>;

export interface Quote {
  readonly tick: EventOf<'Tick'> | null;
  readonly status: EventOf<'FeedStatus'> | null;
}
/** A trade, or the place where trades are missing. */
export type TapeEntry = EventOf<'Trade'> | EventOf<'FeedStatus'>;

export interface Market {
  /** By symbol. */
  readonly quotes: ReadonlyMap<string, Quote>;
  /** The newest comes first. */
  readonly tape: readonly TapeEntry[];
}

export const EMPTY_MARKET: Market = { quotes: new Map(), tape: [] };
const TAPE_LENGTH = 100;
const NO_QUOTE: Quote = { tick: null, status: null };

/** The market after some more events. */
export function addEvents(market: Market, events: readonly MarketEvent[]): Market {
  const quotes = new Map(market.quotes);
  const entries: TapeEntry[] = [];
  for (const event of events) {
    const quote = quotes.get(event.symbol) ?? NO_QUOTE;
    switch (event.__typename) {
      case 'Tick':
        quotes.set(event.symbol, { ...quote, tick: event });
        break;
      case 'Trade':
        entries.push(event);
        break;
      case 'FeedStatus':
        quotes.set(event.symbol, { ...quote, status: event });
        // A gap is told once. It stays in the tape, at its place among the trades.
        if (event.gap?.type === 'TRADE' || event.replay?.complete === false) entries.push(event);
        break;
    }
  }
  return { quotes, tape: [...entries.toReversed(), ...market.tape].slice(0, TAPE_LENGTH) };
}
