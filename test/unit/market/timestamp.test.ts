import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromEpochMs, parseTimestamp, toEpochMs } from '../../../src/market/timestamp.ts';
import { DIGITS } from './arbitraries.ts';

const FIRST_MS = Date.parse('0000-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

function pad(part: number): string {
  return String(part).padStart(2, '0');
}

describe('parseTimestamp', () => {
  it.each([
    ['2026-11-23T07:30:04Z', '2026-11-23T07:30:04Z'],
    ['2026-11-23T07:30:04.5Z', '2026-11-23T07:30:04.5Z'],
    ['2026-11-23T07:30:04.000000000Z', '2026-11-23T07:30:04.000000000Z'],
    ['2023-12-29t15:27:26.635352820z', '2023-12-29T15:27:26.635352820Z'],
    ['2026-11-23T07:30:04.123456789+05:30', '2026-11-23T02:00:04.123456789Z'],
    ['2026-12-31T23:30:00.1-01:00', '2027-01-01T00:30:00.1Z'],
    ['2024-03-01T00:15:00+00:30', '2024-02-29T23:45:00Z'],
    ['2026-11-23T07:30:04-00:00', '2026-11-23T07:30:04Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ])('%s is %s', (text, expected) => {
    expect(parseTimestamp(text)).toBe(expected);
  });

  it.each([
    '',
    '2026-11-23',
    '2026-11-23T07:30:04',
    '2026-11-23 07:30:04Z',
    '2026-11-23T07:30Z',
    '2026-11-23T07:30:04.Z',
    '2026-11-23T07:30:04.1234567890Z',
    '2026-11-23T07:30:04+0530',
    '2026-11-23T07:30:04Z\n',
    '2026-02-29T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+01:60',
    '0000-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+002026-01-01T00:00:00Z',
  ])('rejects %j', (text) => {
    expect(() => parseTimestamp(text)).toThrow(RangeError);
  });

  it('gives the same instant in UTC for every offset, and keeps the fraction', () => {
    const offset = fc.tuple(
      fc.constantFrom('+', '-'),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
    );
    const fraction = fc.string({ unit: fc.constantFrom(...DIGITS), minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(
        fc.integer({ min: FIRST_MS / 1000 + 90_000, max: Math.floor(LAST_MS / 1000) - 90_000 }),
        offset,
        fraction,
        (seconds, [sign, hours, minutes], digits) => {
          const shiftMs = (sign === '+' ? 1 : -1) * (hours * 60 + minutes) * 60_000;
          const local = fromEpochMs(seconds * 1000 + shiftMs).slice(0, 19);
          const parsed = parseTimestamp(`${local}.${digits}${sign}${pad(hours)}:${pad(minutes)}`);
          expect(parsed).toBe(`${fromEpochMs(seconds * 1000).slice(0, 19)}.${digits}Z`);
        },
      ),
    );
  });
});

describe('epochs', () => {
  it('milliseconds survive the conversion in both directions', () => {
    fc.assert(
      fc.property(fc.integer({ min: FIRST_MS, max: LAST_MS }), (ms) => {
        const text = fromEpochMs(ms);
        expect(parseTimestamp(text)).toBe(text);
        expect(toEpochMs(text)).toBe(ms);
      }),
    );
  });

  it('a fraction of a millisecond is rounded down, before 1970 too', () => {
    expect(fromEpochMs(1.9)).toBe('1970-01-01T00:00:00.001Z');
    expect(fromEpochMs(-0.5)).toBe('1969-12-31T23:59:59.999Z');
  });

  it.each([
    '2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05.1Z',
    '2026-01-02T03:04:05.123999999Z',
    '1969-12-31T23:59:59.9999Z',
  ])('toEpochMs cuts %s off at the millisecond', (text) => {
    const [seconds = '', fraction = ''] = text.slice(0, -1).split('.');
    const expected = Date.parse(`${seconds}Z`) + Number(fraction.padEnd(3, '0').slice(0, 3));
    expect(toEpochMs(parseTimestamp(text))).toBe(expected);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, LAST_MS + 1, FIRST_MS - 1, 1e18])('rejects %d ms', (ms) => {
    expect(() => fromEpochMs(ms)).toThrow(RangeError);
  });
});
