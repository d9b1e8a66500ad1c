import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Decimal, MarketDataRequest, Tick } from '../../client/index.ts';
import { synthetic } from '../data/brokers.ts';
import { isWatched, unwatch, watch } from '../data/view.ts';
import type { Listed } from '../data/viewLink.ts';
import { Num } from '../ui/Num.tsx';
import { Panel } from '../ui/Panel.tsx';
import { useFeed } from '../ui/useFeed.ts';

/** The symbol that is shown, with its newest quote. */
export function QuotePanel({ listed }: { readonly listed: Listed }): JSX.Element {
  const { broker, symbol } = listed;
  const request: MarketDataRequest = { broker, symbols: [symbol], types: ['TICK', 'STATUS'] };
  const tick = useSignal<Tick | null>(null);
  const feed = useFeed(() => ({
    request,
    everyMs: 100,
    draw: (events) => {
      tick.value = events.findLast((event) => event.__typename === 'Tick') ?? tick.peek();
    },
  }));
  const isOnList = isWatched(listed);
  const star = (
    <button
      type="button"
      class="tool star"
      aria-pressed={isOnList}
      onClick={() => {
        if (isOnList) unwatch(listed);
        else watch(listed);
      }}
    >
      {isOnList ? '★' : '☆'} <span>Watch{isOnList ? 'ed' : ''}</span>
    </button>
  );
  const title = (
    <>
      <span class="symbol">{symbol}</span> <span class="of">{broker}</span>
    </>
  );
  return (
    <Panel
      area="quote"
      title={title}
      feed={feed}
      request={request}
      isSynthetic={synthetic.value.has(broker)}
      tools={star}
    >
      <dl class="quotes">
        <Figure name="Bid" value={tick.value?.bid} size={tick.value?.bidSize} kind="bid" />
        <Figure name="Ask" value={tick.value?.ask} size={tick.value?.askSize} kind="ask" />
        <Figure name="Spread" value={tick.value?.spread} />
        <Figure name="Last" value={tick.value?.last} />
      </dl>
    </Panel>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: Decimal | null | undefined;
  readonly size?: Decimal | null | undefined;
  readonly kind?: 'bid' | 'ask';
}

function Figure({ name, value = null, size = null, kind }: FigureProps): JSX.Element {
  return (
    <div class={kind ?? ''}>
      <dt>{name}</dt>
      <dd>
        {value === null ? '–' : <Num value={value} />}
        {size === null ? null : (
          <small>
            {' × '}
            <Num value={size} />
          </small>
        )}
      </dd>
    </div>
  );
}
