import type { TapeEntry } from './market.ts';

export function Tape({ entries }: { readonly entries: readonly TapeEntry[] }) {
  return (
    <table>
      <caption>Trades</caption>
      <thead>
        <tr>
          <th scope="col">Time (UTC)</th>
          <th scope="col">Symbol</th>
          <th scope="col">Price</th>
          <th scope="col">Size</th>
        </tr>
      </thead>
      {/* A cursor is of one event only, while two symbols may have trades with the same id. */}
      <tbody>
        {entries.map((entry) => (
          <TapeRow key={entry.cursor} entry={entry} />
        ))}
      </tbody>
    </table>
  );
}

function TapeRow({ entry }: { readonly entry: TapeEntry }) {
  if (entry.__typename === 'FeedStatus') {
    return (
      <tr className="gap">
        <td colSpan={4}>{describeGap(entry)}</td>
      </tr>
    );
  }
  return (
    <tr className={entry.side === 'BUY' ? 'buy' : 'sell'} data-trade={`${entry.symbol} ${entry.tradeId}`}>
      <td>{timeOfDay(entry.time)}</td>
      <td>{entry.symbol}</td>
      <td>{entry.price}</td>
      <td>{entry.size}</td>
    </tr>
  );
}

function describeGap({ symbol, gap }: Extract<TapeEntry, { readonly __typename: 'FeedStatus' }>): string {
  if (gap === null) return `${symbol}: earlier trades could not be had`;
  return `${symbol}: trades are missing from ${timeOfDay(gap.from)} to ${timeOfDay(gap.to)}`;
}

function timeOfDay(time: string | null): string {
  return time?.slice(11, 23) ?? '?';
}
