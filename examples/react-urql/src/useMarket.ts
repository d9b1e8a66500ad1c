import { useSubscription } from 'urql';
import { MARKET } from './document.ts';
import { addEvents, EMPTY_MARKET } from './market.ts';
import type { Market, MarketEvent } from './market.ts';

interface MarketData {
  readonly marketDataBatch: readonly MarketEvent[];
}

/** The market as the events of a subscription make it, and what is wrong with the subscription itself. */
export function useMarket(symbols: readonly string[]): { readonly market: Market; readonly problem: string | null } {
  // The second argument gets every list of events. Without it, `data` would be the latest one only.
  const [{ data: market = EMPTY_MARKET, error }] = useSubscription<MarketData, Market>(
    { query: MARKET, variables: { symbols } },
    (before = EMPTY_MARKET, { marketDataBatch }) => addEvents(before, marketDataBatch),
  );
  return { market, problem: error?.message ?? null };
}
