import { effect, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Candle, MarketDataRequest } from '../../client/index.ts';
import { synthetic } from '../data/brokers.ts';
import { mergeCandles } from '../data/candles.ts';
import { interval, view } from '../data/view.ts';
import { intervalName, intervalNames, INTERVALS } from '../data/viewLink.ts';
import type { Listed } from '../data/viewLink.ts';
import { clockTime } from '../data/words.ts';
import { CandleChart } from '../ui/CandleChart.ts';
import { NotServed } from '../ui/NotServed.tsx';
import { Num } from '../ui/Num.tsx';
import { Panel } from '../ui/Panel.tsx';
import { theme } from '../ui/theme.ts';
import { useFeed } from '../ui/useFeed.ts';

const HISTORY = 300;

interface ChartProps {
  readonly listed: Listed;
  readonly isServed: boolean;
}

/** Candles with their volume: history and live as one sequence. */
export function ChartPanel({ listed, isServed }: ChartProps): JSX.Element {
  if (isServed) return <Chart listed={listed} />;
  return <NotServed area="chart" title="Candles" broker={listed.broker} what="candles" />;
}

function Chart({ listed: { broker, symbol } }: { readonly listed: Listed }): JSX.Element {
  const request: MarketDataRequest = {
    broker,
    symbols: [symbol],
    types: ['CANDLE', 'STATUS'],
    options: { interval: interval.value, history: HISTORY },
  };
  const candles = useSignal<readonly Candle[]>([]);
  /** The candle under the pointer; null for the newest. */
  const pointed = useSignal<Candle | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const feed = useFeed(() => ({
    request,
    everyMs: 100,
    draw: (events) => {
      candles.value = mergeCandles(
        candles.peek(),
        events.filter((event) => event.__typename === 'Candle'),
      );
    },
  }));
  useEffect(() => {
    if (place.current === null) return undefined;
    const chart = new CandleChart(place.current, {
      onPoint: (openTime) => {
        pointed.value = candles.peek().find((candle) => candle.openTime === openTime) ?? null;
      },
    });
    const stop = effect(() => {
      chart.draw(candles.value);
    });
    const repaint = effect(() => {
      void theme.value;
      chart.applyTheme();
    });
    return () => {
      stop();
      repaint();
      chart[Symbol.dispose]();
    };
  }, []);
  const candle = pointed.value ?? candles.value.at(-1);
  return (
    <Panel
      area="chart"
      title="Candles"
      feed={feed}
      request={request}
      isSynthetic={synthetic.value.has(broker)}
      tools={<Intervals />}
    >
      <Legend candle={candle} />
      <div class="canvas">
        <div class="fill" ref={place} role="img" aria-label={`Candles of ${symbol}, ${intervalName(interval.value)}`} />
        {synthetic.value.has(broker) ? (
          <div class="watermark" aria-hidden="true">
            Synthetic data
          </div>
        ) : null}
      </div>
    </Panel>
  );
}

function Intervals(): JSX.Element {
  return (
    <div class="intervals" role="group" aria-label="Interval">
      {intervalNames().map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={interval.value === INTERVALS[name]}
          onClick={() => {
            view.value = { ...view.value, interval: INTERVALS[name] };
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

function Legend({ candle }: { readonly candle: Candle | undefined }): JSX.Element {
  const { open, high, low, close, volume, openTime } = candle ?? {};
  const figures = [
    ['Open', open],
    ['High', high],
    ['Low', low],
    ['Close', close],
    ['Volume', volume],
  ] as const;
  return (
    <dl class="legend">
      <div>
        <dt>From</dt>
        <dd>{openTime === undefined ? '–' : `${openTime.slice(0, 10)} ${clockTime(openTime)} UTC`}</dd>
      </div>
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value === undefined ? '–' : <Num value={value} />}</dd>
        </div>
      ))}
    </dl>
  );
}
