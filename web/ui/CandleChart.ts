import { CandlestickSeries, ColorType, createChart, HistogramSeries } from 'lightweight-charts';
import type { IChartApi, ISeriesApi, UTCTimestamp } from 'lightweight-charts';
import type { Candle } from '../../client/index.ts';
import { decimalsOf } from '../data/decimals.ts';
import { colour } from './theme.ts';

export interface CandleChartOptions {
  /** Told the start of the candle under the pointer; null when there is none. */
  readonly onPoint: (openTime: string | null) => void;
}

/** The candles and their volume on a canvas. Positions are approximations; exact numbers stand beside it. */
export class CandleChart implements Disposable {
  readonly #chart: IChartApi;
  readonly #prices: ISeriesApi<'Candlestick'>;
  readonly #volumes: ISeriesApi<'Histogram'>;
  #drawn: readonly Candle[] = [];
  #decimals = -1;

  constructor(place: HTMLElement, { onPoint }: CandleChartOptions) {
    this.#chart = createChart(place, {
      autoSize: true,
      // The logo brings a style of its own, which the page's policy forbids. The page's foot has the notice and the link.
      layout: { attributionLogo: false, fontSize: 11 },
      rightPriceScale: { scaleMargins: { top: 0.06, bottom: 0.22 } },
      timeScale: { timeVisible: true, secondsVisible: true, rightOffset: 3 },
    });
    this.#prices = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: 'volume',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#chart.subscribeCrosshairMove(({ time }) => {
      const found = this.#drawn.find((candle) => startOf(candle) === time);
      onPoint(found?.openTime ?? null);
    });
    this.applyTheme();
  }

  /** Draws what has changed since the last time. */
  draw(candles: readonly Candle[]): void {
    const last = this.#drawn.at(-1);
    const from = last === undefined ? -1 : candles.findLastIndex(({ openTime }) => openTime === last.openTime);
    const isContinued = from >= 0 && candles.at(from - 1)?.cursor === this.#drawn.at(-2)?.cursor;
    this.#drawn = candles;
    this.#fitDigits(candles);
    if (isContinued) {
      for (const candle of candles.slice(from)) {
        this.#prices.update(toBar(candle));
        this.#volumes.update(toVolume(candle));
      }
    } else {
      this.#prices.setData(candles.map(toBar));
      this.#volumes.setData(candles.map(toVolume));
    }
  }

  /** Takes the colours of the page's theme. */
  applyTheme(): void {
    const [up, down, line] = [colour('up'), colour('down'), colour('grid')];
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: colour('panel') },
        textColor: colour('dim'),
        fontFamily: colour('font'),
      },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: colour('edge') },
      timeScale: { borderColor: colour('edge') },
    });
    this.#prices.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#volumes.setData(this.#drawn.map(toVolume));
  }

  [Symbol.dispose](): void {
    this.#chart.remove();
  }

  #fitDigits(candles: readonly Candle[]): void {
    const decimals = Math.max(0, ...candles.slice(-20).map(({ close }) => decimalsOf(close)));
    if (decimals === this.#decimals) return;
    this.#decimals = decimals;
    this.#prices.applyOptions({
      priceFormat: { type: 'price', precision: decimals, minMove: Number((10 ** -decimals).toFixed(decimals)) },
    });
  }
}

interface Bar {
  readonly time: UTCTimestamp;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

function toBar(candle: Candle): Bar {
  const { open, high, low, close } = candle;
  return { time: startOf(candle), open: Number(open), high: Number(high), low: Number(low), close: Number(close) };
}

function toVolume(candle: Candle): { readonly time: UTCTimestamp; readonly value: number; readonly color: string } {
  const isRising = Number(candle.close) >= Number(candle.open);
  return { time: startOf(candle), value: Number(candle.volume), color: colour(isRising ? 'up-soft' : 'down-soft') };
}

function startOf({ openTime }: Candle): UTCTimestamp {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The library's brand for seconds since 1970.
  return (Date.parse(openTime) / 1_000) as UTCTimestamp;
}
