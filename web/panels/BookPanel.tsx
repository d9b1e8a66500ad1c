import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { MarketDataRequest } from '../../client/index.ts';
import { synthetic } from '../data/brokers.ts';
import { ladderOf } from '../data/ladder.ts';
import type { Ladder, LadderRow } from '../data/ladder.ts';
import type { Listed } from '../data/viewLink.ts';
import { Num } from '../ui/Num.tsx';
import { Panel } from '../ui/Panel.tsx';
import { NotServed } from '../ui/NotServed.tsx';
import { useFeed } from '../ui/useFeed.ts';

const DEPTH = 20;

interface BookProps {
  readonly listed: Listed;
  readonly isServed: boolean;
}

/** The order book as a ladder: asks above, bids below, the spread between them. */
export function BookPanel({ listed, isServed }: BookProps): JSX.Element {
  if (isServed) return <Book listed={listed} />;
  return <NotServed area="book" title="Order book" broker={listed.broker} what="order books" />;
}

function Book({ listed: { broker, symbol } }: { readonly listed: Listed }): JSX.Element {
  const request: MarketDataRequest = {
    broker,
    symbols: [symbol],
    types: ['ORDERBOOK', 'STATUS'],
    options: { depth: DEPTH },
  };
  const ladder = useSignal<Ladder | null>(null);
  const feed = useFeed(() => ({
    request,
    everyMs: 50,
    draw: (events) => {
      const book = events.findLast((event) => event.__typename === 'OrderBook');
      const status = events.findLast((event) => event.__typename === 'FeedStatus');
      // The gateway does not send a book that it doubts, and one from before is worse than none.
      if (book !== undefined) ladder.value = ladderOf(book);
      else if (status?.state === 'RECOVERING') ladder.value = null;
    },
  }));
  return (
    <Panel area="book" title="Order book" feed={feed} request={request} isSynthetic={synthetic.value.has(broker)}>
      <div class="ladder" role="table" aria-label={`Order book of ${symbol}`}>
        <div role="rowgroup">
          <div class="row names" role="row">
            <span role="columnheader">Price</span>
            <span role="columnheader">Size</span>
            <span role="columnheader">Total</span>
          </div>
        </div>
        {ladder.value === null ? (
          <p class="waiting">The book is awaited.</p>
        ) : (
          <Sides ladder={ladder.value} symbol={symbol} />
        )}
      </div>
    </Panel>
  );
}

function Sides({ ladder, symbol }: { readonly ladder: Ladder; readonly symbol: string }): JSX.Element {
  const { asks, bids, spread, decimals } = ladder;
  return (
    <>
      <div class="asks" role="rowgroup" aria-label={`Asks of ${symbol}, best first`}>
        <Levels rows={asks} decimals={decimals} />
      </div>
      <div role="rowgroup">
        <div class="spread" role="row">
          <span role="cell" aria-colspan={3}>
            spread {spread === null ? '–' : <Num value={spread} />}
          </span>
        </div>
      </div>
      <div class="bids" role="rowgroup" aria-label={`Bids of ${symbol}, best first`}>
        <Levels rows={bids} decimals={decimals} />
      </div>
    </>
  );
}

/** As many whole rows as there is room for, the best ones first. */
function Levels(props: { readonly rows: readonly LadderRow[]; readonly decimals: Ladder['decimals'] }): JSX.Element {
  return (
    <div class="levels" role="presentation">
      {props.rows.map((row, i) => (
        <Level key={i} row={row} decimals={props.decimals} />
      ))}
    </div>
  );
}

function Level({ row, decimals }: { readonly row: LadderRow; readonly decimals: Ladder['decimals'] }): JSX.Element {
  const { price, size, total, share } = row;
  return (
    <div class="row level" role="row" style={{ '--share': share.toFixed(3) }}>
      <span role="cell" class="price">
        <Num value={price} decimals={decimals.price} />
      </span>
      <span role="cell">
        <Num value={size} decimals={decimals.size} />
      </span>
      <span role="cell">
        <Num value={total} decimals={decimals.size} />
      </span>
    </div>
  );
}
