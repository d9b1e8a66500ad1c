import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { FeedState, FeedStatus, MarketDataRequest, Tick } from '../../client/index.ts';
import { synthetic } from '../data/brokers.ts';
import { decimalsOf } from '../data/decimals.ts';
import { sample } from '../data/sparkline.ts';
import type { Samples } from '../data/sparkline.ts';
import { show, shown, unwatch } from '../data/view.ts';
import { keyOf } from '../data/viewLink.ts';
import { pageClock } from '../ui/clock.ts';
import { CopyMenu } from '../ui/CopyMenu.tsx';
import { FeedFigures, FeedMark } from '../ui/FeedMark.tsx';
import { Num } from '../ui/Num.tsx';
import { Sparkline } from '../ui/Sparkline.tsx';
import { useFeed } from '../ui/useFeed.ts';
import { useFlash } from '../ui/useFlash.ts';

interface Watched {
  readonly tick: Tick | null;
  readonly status: FeedStatus | null;
  readonly samples: Samples;
}

/** A row has room for a sign only; what it means is read aloud, and the reason is shown on it. */
const TROUBLE_MARKS: Readonly<Record<FeedState, string>> = { LIVE: '', STALE: '!', RECOVERING: '◐', CLOSED: '■' };
const NOTHING: Watched = { tick: null, status: null, samples: [] };

/** The watched symbols of one broker, which are one subscription. */
export function WatchGroup({
  broker,
  symbols,
}: {
  readonly broker: string;
  readonly symbols: readonly string[];
}): JSX.Element {
  const request: MarketDataRequest = { broker, symbols, types: ['TICK', 'STATUS'] };
  const known = useSignal<ReadonlyMap<string, Watched>>(new Map());
  const feed = useFeed(() => ({
    request,
    everyMs: 100,
    draw: (events) => {
      const next = new Map(known.peek());
      const atMs = pageClock.monotonic();
      for (const event of events) {
        const before = next.get(event.symbol) ?? NOTHING;
        if (event.__typename === 'Tick') {
          next.set(event.symbol, { ...before, tick: event, samples: sample(before.samples, event.mid, atMs) });
        } else if (event.__typename === 'FeedStatus') next.set(event.symbol, { ...before, status: event });
      }
      known.value = next;
    },
  }));
  return (
    <div class="group">
      <div class="group-head">
        <h3>{broker}</h3>
        {synthetic.value.has(broker) ? <span class="synthetic small">Synthetic</span> : null}
        <span class="room" />
        <FeedMark feed={feed} />
        <CopyMenu request={request} />
      </div>
      <table>
        <caption class="unseen">Watched symbols of {broker}</caption>
        <thead class="unseen">
          <tr>
            <th scope="col">Symbol</th>
            <th scope="col">Course of the last minute</th>
            <th scope="col">Bid</th>
            <th scope="col">Ask</th>
            <th scope="col">Remove</th>
          </tr>
        </thead>
        <tbody>
          {symbols.map((symbol) => (
            <Row key={symbol} broker={broker} symbol={symbol} watched={known.value.get(symbol) ?? NOTHING} />
          ))}
        </tbody>
      </table>
      <FeedFigures feed={feed} />
    </div>
  );
}

interface RowProps {
  readonly broker: string;
  readonly symbol: string;
  readonly watched: Watched;
}

function Row({ broker, symbol, watched: { tick, status, samples } }: RowProps): JSX.Element {
  const bid = useFlash(tick?.bid ?? null);
  const ask = useFlash(tick?.ask ?? null);
  const listed = { broker, symbol };
  const isShown = shown.value !== null && keyOf(shown.value) === keyOf(listed);
  const decimals = Math.max(decimalsOf(tick?.bid ?? ''), decimalsOf(tick?.ask ?? ''));
  const trouble = status !== null && status.state !== 'LIVE' ? status : null;
  return (
    <tr class={`${isShown ? 'shown' : ''} ${trouble === null ? '' : 'doubtful'}`}>
      <th scope="row">
        <button
          type="button"
          aria-current={isShown ? 'true' : undefined}
          onClick={() => {
            show(listed);
          }}
        >
          {symbol}
        </button>
        {trouble === null ? null : (
          <span class="trouble" title={trouble.reason ?? undefined}>
            <span aria-hidden="true">{TROUBLE_MARKS[trouble.state]}</span>
            <span class="unseen">{trouble.state.toLowerCase()}</span>
          </span>
        )}
      </th>
      <td class="spark">
        <Sparkline samples={samples} />
      </td>
      <td ref={bid}>{tick === null ? '–' : <Num value={tick.bid} decimals={decimals} />}</td>
      <td ref={ask}>{tick === null ? '–' : <Num value={tick.ask} decimals={decimals} />}</td>
      <td class="remove">
        <button
          type="button"
          aria-label={`Remove ${symbol} from the watch list`}
          onClick={() => {
            unwatch(listed);
          }}
        >
          ×
        </button>
      </td>
    </tr>
  );
}
