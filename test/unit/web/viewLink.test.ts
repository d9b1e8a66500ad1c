import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHash, INTERVALS, MAX_WATCHED, toHash, unique } from '../../../web/data/viewLink.ts';
import type { View } from '../../../web/data/viewLink.ts';

const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
const listed = fc.record({ broker: name, symbol: name });
const view: fc.Arbitrary<View> = fc.record({
  shown: fc.option(listed),
  interval: fc.constantFrom(...Object.values(INTERVALS)),
  watched: fc.option(fc.array(listed, { maxLength: MAX_WATCHED }).map(unique)),
});

describe('a link to a view', () => {
  it('carries any view, whatever the names of brokers and symbols', () => {
    fc.assert(
      fc.property(view, (carried) => {
        expect(fromHash(`#${toHash(carried)}`)).toEqual(carried);
      }),
    );
  });

  it('can be read by people', () => {
    const shown = { broker: 'mock-binance', symbol: 'BTCUSDT' };
    const watched = [shown, { broker: 'mock-oanda', symbol: 'EUR_USD' }];
    expect(toHash({ shown, interval: 'FIVE_MINUTES', watched })).toBe(
      'broker=mock-binance&symbol=BTCUSDT&interval=5m&watch=mock-binance:BTCUSDT,mock-oanda:EUR_USD',
    );
    expect(toHash({ shown: null, interval: 'ONE_MINUTE', watched: null })).toBe('');
  });

  it('of any text is a view, and what is not understood is left out', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(fromHash(text)).toMatchObject({ interval: expect.any(String) });
      }),
    );
    const nothing = { shown: null, interval: 'ONE_MINUTE', watched: null };
    expect(fromHash('#symbol=BTCUSDT&interval=2m')).toEqual(nothing);
    expect(fromHash('#broker=%E0%A4%A&symbol=A')).toEqual(nothing);
    expect(fromHash('#watch=a:b,nonsense,:c,a:b').watched).toEqual([{ broker: 'a', symbol: 'b' }]);
  });

  it('has room for a bounded watch list', () => {
    const many = Array.from({ length: 500 }, (_, i) => `a:${i}`).join();
    expect(fromHash(`#watch=${many}`).watched).toHaveLength(MAX_WATCHED);
  });
});
