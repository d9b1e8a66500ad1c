import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instrumentOf, marketSpec } from '../../../../src/brokers/mock/marketSpec.ts';
import type { MarketSpec, MockKind } from '../../../../src/brokers/mock/marketSpec.ts';
import { earlierTrades, FIRST_TRADE_ID, MockMarket } from '../../../../src/brokers/mock/MockMarket.ts';
import type { MarketStep } from '../../../../src/brokers/mock/MockMarket.ts';
import { decimal } from '../../../../src/market/decimal.ts';

const SYMBOLS: readonly [MockKind, string, string][] = [
  ['mock-binance', 'BTCUSDT', '43250.1'],
  ['mock-binance', 'PEPEUSDT', '0.00001234'],
  ['mock-binance', 'ONEUSDT', '1'],
  ['mock-binance', 'BTCIDR', '1700000000'],
  ['mock-oanda', 'EUR_USD', '1.08452'],
  ['mock-oanda', 'USD_JPY', '149.832'],
];

function specOf(kind: MockKind, symbol: string, price: string, seed = 1): MarketSpec {
  return marketSpec({ kind, symbol, price: decimal(price), seed, stepsPerSecond: 10 });
}

function steps(spec: MarketSpec, count: number): readonly MarketStep[] {
  const market = new MockMarket(spec);
  return Array.from({ length: count }, () => market.step());
}

describe('a made-up market', () => {
  it('is the same for the same seed and symbol, step by step, and another for any other', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const once = steps(specOf('mock-binance', 'BTCUSDT', '43250.1', seed), 50);
        expect(steps(specOf('mock-binance', 'BTCUSDT', '43250.1', seed), 50)).toEqual(once);
        expect(steps(specOf('mock-binance', 'BTCUSDT', '43250.1', seed + 1), 50)).not.toEqual(once);
        expect(steps(specOf('mock-binance', 'BTCUSDC', '43250.1', seed), 50)).not.toEqual(once);
      }),
      { numRuns: 20 },
    );
  });

  it.each(SYMBOLS)(
    '%s %s: quote, book and trades agree at every step, and the book is never crossed',
    (...[kind, symbol, price]) => {
      const spec = specOf(kind, symbol, price);
      const market = new MockMarket(spec);
      const bids = new Map(market.bids.map((level) => [level.price, level.size]));
      const asks = new Map(market.asks.map((level) => [level.price, level.size]));
      for (let count = 0; count < 1_000; count += 1) {
        const step = market.step();
        const { bid, ask } = step.quote;
        for (const [side, changes] of [
          [bids, step.bids],
          [asks, step.asks],
        ] as const) {
          for (const change of changes) {
            if (change.size === 0) expect(side.delete(change.price)).toBe(true);
            else side.set(change.price, change.size);
          }
        }
        const inBook = (side: ReadonlyMap<number, number>): [number, number][] =>
          [...side].toSorted(([a], [b]) => a - b);
        expect(inBook(bids)).toEqual(market.bids.map((level) => [level.price, level.size]).toReversed());
        expect(inBook(asks)).toEqual(market.asks.map((level) => [level.price, level.size]));
        expect(market.bids[0]).toEqual(bid);
        expect(market.asks[0]).toEqual(ask);
        expect(bid.price).toBeLessThan(ask.price);
        expect(ask.price - bid.price).toBeLessThanOrEqual(4);
        expect(Math.min(market.bids.length, market.asks.length)).toBeGreaterThanOrEqual(50);
        expect(Math.max(market.bids.length, market.asks.length)).toBeLessThanOrEqual(70);
        expect(market.bids.at(-1)?.price).toBeGreaterThan(0);
        expect([...bids.values(), ...asks.values()].every((size) => Number.isSafeInteger(size) && size > 0)).toBe(true);
        for (const trade of step.trades) {
          expect(trade.price).toBe(trade.side === 'buy' ? ask.price : bid.price);
          expect(trade.size).toBeGreaterThan(0);
          expect(trade.size).toBeLessThanOrEqual(trade.side === 'buy' ? ask.size : bid.size);
        }
        expect(step.trades.length > 0).toBe(spec.hasTrades);
      }
    },
  );

  it('stays near its start for ever, yet moves', () => {
    const spec = specOf('mock-binance', 'BTCUSDT', '43250.1');
    const prices = steps(spec, 20_000).map((step) => step.quote.bid.price);
    expect(Math.max(...prices)).toBeLessThan(spec.startPrice * 1.02);
    expect(Math.min(...prices)).toBeGreaterThan(spec.startPrice * 0.98);
    expect(new Set(prices).size).toBeGreaterThan(1_000);
  });

  it('numbers its trades by one; those from before the start come right before, and lead up to its price', () => {
    const spec = specOf('mock-binance', 'BTCUSDT', '43250.1');
    const ids = [...earlierTrades(spec, 100), ...steps(spec, 100).flatMap((step) => step.trades)].map(({ id }) => id);
    expect(ids).toEqual(Array.from(ids, (_, index) => FIRST_TRADE_ID - 100 + index));
    expect(earlierTrades(spec, 100).at(-1)?.price).toBe(spec.startPrice);
    expect(earlierTrades(spec, 10)).toEqual(earlierTrades(spec, 100).slice(-10));
  });
});

describe('the instrument', () => {
  it.each([
    ['mock-binance', 'BTCUSDT', '43250.1', ['BTC/USDT', 'BTC', 'USDT', '0.01', '0.00001']],
    ['mock-binance', 'ETHBTC', '0.05213', ['ETH/BTC', 'ETH', 'BTC', '0.000001', '0.00001']],
    ['mock-binance', 'USDT', '1', ['USDT', null, null, '0.0001', '0.00001']],
    ['mock-oanda', 'EUR_USD', '1.08452', ['EUR/USD', 'EUR', 'USD', '0.00001', '1']],
    ['mock-oanda', 'USD_JPY', '149.832', ['USD/JPY', 'USD', 'JPY', '0.001', '1']],
    ['mock-oanda', 'USD_JPY', '149.83215', ['USD/JPY', 'USD', 'JPY', '0.00001', '1']],
    ['mock-oanda', 'DE30', '12345.5', ['DE30', null, null, '0.00001', '1']],
  ] as const)('%s %s at %s', (kind, symbol, price, expected) => {
    const { displayName, base, quote, tickSize, lotSize } = instrumentOf(specOf(kind, symbol, price));
    expect([displayName, base, quote, tickSize, lotSize]).toEqual(expected);
  });

  it.each(['0', '-1', '0.00', '99999999999999'])('no market starts at %s', (price) => {
    expect(() => specOf('mock-binance', 'BTCUSDT', price)).toThrow(RangeError);
  });
});
