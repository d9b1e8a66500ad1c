import type { Quote } from './market.ts';

interface PriceTableProps {
  readonly quotes: ReadonlyMap<string, Quote>;
  readonly isConnected: boolean;
}

export function PriceTable({ quotes, isConnected }: PriceTableProps) {
  return (
    <table>
      <caption>Prices</caption>
      <thead>
        <tr>
          <th scope="col">Symbol</th>
          <th scope="col">Bid</th>
          <th scope="col">Ask</th>
          <th scope="col">Spread</th>
          <th scope="col">Feed</th>
        </tr>
      </thead>
      <tbody>
        {[...quotes].map(([symbol, { tick, status }]) => (
          <tr key={symbol} className={isConnected && (status?.state ?? 'LIVE') === 'LIVE' ? '' : 'doubtful'}>
            <th scope="row">{symbol}</th>
            {/* Prices are exact decimals as text. They are shown as they came. */}
            <td>{tick?.bid ?? '–'}</td>
            <td>{tick?.ask ?? '–'}</td>
            <td>{tick?.spread ?? '–'}</td>
            <td>{isConnected ? describeFeed(status) : 'no connection'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function describeFeed(status: Quote['status']): string {
  if (status === null) return '…';
  const { state, reason, since } = status;
  return state === 'LIVE' ? state : `${state} since ${since.slice(11, 19)} UTC: ${reason ?? 'unknown reason'}`;
}
