import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBatches, toControlFrame } from '../../../../src/brokers/binance/controlFrames.ts';

const names = fc.array(
  fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constant('btcusdt@kline_15m'),
  ),
  { maxLength: 400 },
);

describe('control frames', () => {
  it('hold at most 100 names and 3500 bytes, and lose or reorder no name', () => {
    fc.assert(
      fc.property(names, (wanted) => {
        const batches = toBatches(wanted);
        expect(batches.flat()).toEqual(wanted);
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(100);
          const frame = toControlFrame('UNSUBSCRIBE', batch, Number.MAX_SAFE_INTEGER);
          expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(3_500);
        }
      }),
    );
  });

  it('are as few as the bounds allow', () => {
    expect(toBatches(Array.from({ length: 250 }, (_, index) => `s${index}@trade`)).map(({ length }) => length)).toEqual(
      [100, 100, 50],
    );
  });

  it('have a whole number for an id', () => {
    expect(toControlFrame('SUBSCRIBE', ['btcusdt@trade'], 7)).toBe(
      '{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":7}',
    );
  });

  it('refuse a name that fits no frame', () => {
    expect(() => toBatches(['x'.repeat(3_500)])).toThrow(RangeError);
  });
});
