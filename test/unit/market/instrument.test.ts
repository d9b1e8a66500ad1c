import { describe, expect, it } from 'vitest';
import { InstrumentCatalog } from '../../../src/market/instrument.ts';
import type { Instrument } from '../../../src/market/instrument.ts';

function instrument(symbol: string, overrides: Partial<Instrument> = {}): Instrument {
  return {
    symbol,
    displayName: symbol,
    base: null,
    quote: null,
    tickSize: null,
    lotSize: null,
    tradable: true,
    ...overrides,
  };
}

const catalog = new InstrumentCatalog([
  instrument('ETHUSDT', { base: 'ETH', quote: 'USDT', displayName: 'Ether' }),
  instrument('BTCUSDT', { base: 'BTC', quote: 'USDT' }),
  instrument('EUR_USD', { base: 'EUR', quote: 'USD', displayName: 'EUR/USD' }),
]);

describe('InstrumentCatalog', () => {
  it('lists each symbol once, in ascending order; of two the last one counts', () => {
    const twice = new InstrumentCatalog([instrument('B'), instrument('A'), instrument('B', { tradable: false })]);
    expect(twice.instruments.map(({ symbol, tradable }) => [symbol, tradable])).toEqual([
      ['A', true],
      ['B', false],
    ]);
    expect(twice.get('B')?.tradable).toBe(false);
  });

  it('finds only the exact symbol', () => {
    expect(catalog.get('BTCUSDT')?.base).toBe('BTC');
    expect(catalog.get('btcusdt')).toBeUndefined();
    expect(catalog.get('__proto__')).toBeUndefined();
  });

  it.each([
    ['', ['BTCUSDT', 'ETHUSDT', 'EUR_USD']],
    ['  ', ['BTCUSDT', 'ETHUSDT', 'EUR_USD']],
    ['usdt', ['BTCUSDT', 'ETHUSDT']],
    ['ether', ['ETHUSDT']],
    ['eur/usd', ['EUR_USD']],
    ['nothing', []],
  ])('search for %j finds %j', (text, symbols) => {
    expect(catalog.search(text).map(({ symbol }) => symbol)).toEqual(symbols);
  });

  it.each([
    ['btc/usdt', 'BTCUSDT'],
    ['BTC-USDT', 'BTCUSDT'],
    ['EURUSD', 'EUR_USD'],
    ['BTCUSD', 'BTCUSDT'],
    ['ETHUSTD', 'ETHUSDT'],
    ['DOGEXYZ', undefined],
    ['', undefined],
    ['///', undefined],
    ['B'.repeat(51), undefined],
  ])('suggests for %j: %s', (typed, suggestion) => {
    expect(catalog.suggest(typed)).toBe(suggestion);
  });

  it('suggests nothing if nothing is listed', () => {
    expect(new InstrumentCatalog([]).suggest('BTCUSDT')).toBeUndefined();
  });
});
