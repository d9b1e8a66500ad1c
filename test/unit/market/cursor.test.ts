import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cursorPrefix, EPOCH_LENGTH, formatCursor, parseCursor, streamMark } from '../../../src/market/cursor.ts';
import type { VenuePlace } from '../../../src/market/cursor.ts';
import { CANDLE_INTERVALS, MARKET_DATA_TYPES } from '../../../src/market/marketData.ts';
import type { CandleInterval } from '../../../src/market/marketData.ts';

const END_OF_TIME_MS = 253_402_300_800_000;
const MOST = 999_999_999_999_999;

const epoch = fc.stringMatching(new RegExp(`^[\\w-]{${EPOCH_LENGTH}}$`));
const stream = fc.stringMatching(/^[\w-]{8}$/);
const number = fc.integer({ min: 0, max: MOST });
const timeMs = fc.oneof(
  fc.integer({ min: 0, max: END_OF_TIME_MS - 1 }),
  fc.integer({ min: 0, max: 2_000 }),
  fc.constantFrom(999, 1_000, 1_001, END_OF_TIME_MS - 1),
);
const place: fc.Arbitrary<VenuePlace | null> = fc.option(fc.record({ timeMs, tradeId: fc.option(number.map(String)) }));

it('a cursor means what it was made from', () => {
  fc.assert(
    fc.property(stream, epoch, number, place, (mark, life, sequence, at) => {
      const text = formatCursor(cursorPrefix(mark, life), sequence, at);
      expect(text).toMatch(/^[\w-]+$/);
      expect(parseCursor(text)).toEqual({ text, stream: mark, epoch: life, sequence, place: at });
    }),
  );
});

it('no other text is a cursor: what is read would be written the same', () => {
  const nearly = fc
    .tuple(
      stream,
      epoch,
      number,
      place,
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 2, unit: 'grapheme' }),
      fc.nat(2),
    )
    .map(([mark, life, sequence, at, where, what, removed]) => {
      const text = formatCursor(cursorPrefix(mark, life), sequence, at);
      const index = where % (text.length + 1);
      return text.slice(0, index) + what + text.slice(index + removed);
    });
  const digits = fc.stringMatching(/^1[\w-]{20}[0-9-]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(nearly, digits, fc.string()), (text) => {
      const cursor = parseCursor(text);
      if (cursor === null) return;
      expect(formatCursor(cursorPrefix(cursor.stream, cursor.epoch), cursor.sequence, cursor.place)).toBe(text);
      expect(Number.isSafeInteger(cursor.sequence)).toBe(true);
      if (cursor.place === null) return;
      expect(cursor.place.timeMs).toBeLessThan(END_OF_TIME_MS);
      expect(Number.isSafeInteger(Number(cursor.place.tradeId ?? 0))).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

describe('a text is no cursor', () => {
  const prefix = '1abcdefghABCDEFGHIJKL';
  it.each([
    ['that is empty', ''],
    ['of another version', '2abcdefghABCDEFGHIJKL7'],
    ['without a number', prefix],
    ['with a leading zero', `${prefix}07`],
    ['with a sign', `${prefix}+7`],
    ['with a number that is not exact', `${prefix}${'9'.repeat(16)}`],
    ['with a time beyond all timestamps', `${prefix}7-${END_OF_TIME_MS}-1`],
    ['with a fourth number', `${prefix}7-1000-42-1`],
    ['with a line end', `${prefix}7\n`],
    ['with digits of another script', `${prefix}٧`],
  ])('%s', (_name, text) => {
    expect(parseCursor(text)).toBeNull();
  });
});

it('streams have different marks, and one stream has the same for whoever’s credentials it flows with', () => {
  const marks = new Set<string>();
  let streams = 0;
  for (const broker of ['a', 'ab', 'a","b']) {
    for (const symbol of ['b', 'bc', 'c']) {
      for (const type of MARKET_DATA_TYPES) {
        const intervals = type === 'candle' ? (Object.keys(CANDLE_INTERVALS) as CandleInterval[]) : [null];
        for (const interval of intervals) {
          const mark = streamMark({ broker, symbol, type, interval });
          const address = { scope: 'mine', broker, symbol, type, interval };
          expect(streamMark(address)).toBe(mark);
          marks.add(mark);
          streams += 1;
        }
      }
    }
  }
  expect(marks.size).toBe(streams);
});
