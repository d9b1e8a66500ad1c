import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { memo } from 'preact/compat';
import type { MarketDataRequest } from '../../client/index.ts';
import { synthetic } from '../data/brokers.ts';
import { decimalsOf } from '../data/decimals.ts';
import { mergeTape } from '../data/tape.ts';
import type { TapeRow } from '../data/tape.ts';
import type { Listed } from '../data/viewLink.ts';
import { clockTime } from '../data/words.ts';
import { NotServed } from '../ui/NotServed.tsx';
import { Num } from '../ui/Num.tsx';
import { Panel } from '../ui/Panel.tsx';
import { useFeed } from '../ui/useFeed.ts';

const HISTORY = 60;

interface TapeProps {
  readonly listed: Listed;
  readonly isServed: boolean;
}

/** The trades as they come, newest first. */
export function TapePanel({ listed, isServed }: TapeProps): JSX.Element {
  if (isServed) return <Tape listed={listed} />;
  return <NotServed area="tape" title="Trades" broker={listed.broker} what="trades" />;
}

function Tape({ listed: { broker, symbol } }: { readonly listed: Listed }): JSX.Element {
  const request: MarketDataRequest = {
    broker,
    symbols: [symbol],
    types: ['TRADE', 'STATUS'],
    options: { history: HISTORY },
  };
  const rows = useSignal<readonly TapeRow[]>([]);
  const feed = useFeed(() => ({
    request,
    everyMs: 50,
    draw: (events) => {
      const ours = events.filter((event) => event.__typename === 'Trade' || event.__typename === 'FeedStatus');
      rows.value = mergeTape(rows.peek(), ours);
    },
  }));
  const trades = rows.value.flatMap((row) => (row.kind === 'trade' ? [row.trade] : []));
  const price = Math.max(0, ...trades.map((trade) => decimalsOf(trade.price)));
  const size = Math.max(0, ...trades.map((trade) => decimalsOf(trade.size)));
  return (
    <Panel area="tape" title="Trades" feed={feed} request={request} isSynthetic={synthetic.value.has(broker)}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- What scrolls has to be reachable by keys. */}
      <div class="scroll" tabIndex={0} role="region" aria-label={`Trades of ${symbol}, newest first`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Time (UTC)</th>
              <th scope="col">Taker</th>
              <th scope="col">Price</th>
              <th scope="col">Size</th>
            </tr>
          </thead>
          <tbody>
            {rows.value.map((row) => (
              <Row key={row.key} row={row} price={price} size={size} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

/** A line never changes, so each is drawn once. */
const Row = memo(({ row, price, size }: { readonly row: TapeRow; readonly price: number; readonly size: number }) => {
  if (row.kind === 'gap') {
    const { from, to } = row.gap;
    const span = `${from === null ? '…' : clockTime(from)} – ${to === null ? '…' : clockTime(to)}`;
    return (
      <tr class="gap" title={row.reason ?? undefined}>
        <td colSpan={4}>trades are missing here: {span}</td>
      </tr>
    );
  }
  const { time, side, price: paid, size: amount, tradeId } = row.trade;
  return (
    <tr class={side === 'BUY' ? 'buy' : 'sell'} data-trade={tradeId}>
      <td class="time">{clockTime(time, 3)}</td>
      <td class="side">{side === 'BUY' ? '▲ buy' : '▼ sell'}</td>
      <td class="price">
        <Num value={paid} decimals={price} />
      </td>
      <td>
        <Num value={amount} decimals={size} />
      </td>
    </tr>
  );
});
