import { gql } from '@apollo/client';
import { useSubscription } from '@apollo/client/react';
import { useReducer } from 'react';
import { MARKET as TEXT } from './document.ts';
import { addEvents, EMPTY_MARKET } from './market.ts';
import type { Market, MarketEvent } from './market.ts';

const MARKET = gql(TEXT);

interface MarketData {
  readonly marketDataBatch: readonly MarketEvent[];
}

/** The market as the events of a subscription make it, and what is wrong with the subscription itself. */
export function useMarket(symbols: readonly string[]): { readonly market: Market; readonly problem: string | null } {
  const [market, add] = useReducer(addEvents, EMPTY_MARKET);
  const { error } = useSubscription<MarketData>(MARKET, {
    variables: { symbols },
    // An event is no entity that others read from the cache. Without this every one is written into it.
    fetchPolicy: 'no-cache',
    // `data` would be the latest list only, and React may skip one that it has not rendered yet. `onData` gets each of them.
    ignoreResults: true,
    onData: ({ data }) => {
      if (data.data) add(data.data.marketDataBatch);
    },
  });
  return { market, problem: error?.message ?? null };
}
