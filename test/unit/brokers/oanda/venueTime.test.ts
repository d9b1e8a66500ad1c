import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseVenueTime } from '../../../../src/brokers/oanda/venueTime.ts';

describe('times of the venue', () => {
  it.each([
    ['2016-10-27T08:38:43.094548890Z', '2016-10-27T08:38:43.094548890Z', 1477557523094548890n, 1477557523094],
    ['1477557523.094548890', '2016-10-27T08:38:43.094548890Z', 1477557523094548890n, 1477557523094],
    ['2017-06-28T10:00:00Z', '2017-06-28T10:00:00Z', 1498644000000000000n, 1498644000000],
    ['1498644000', '2017-06-28T10:00:00Z', 1498644000000000000n, 1498644000000],
    ['2017-06-28T10:00:00.5Z', '2017-06-28T10:00:00.5Z', 1498644000500000000n, 1498644000500],
    ['0.000000001', '1970-01-01T00:00:00.000000001Z', 1n, 0],
    ['2017-06-28T12:00:00.25+02:00', '2017-06-28T10:00:00.25Z', 1498644000250000000n, 1498644000250],
  ])('takes %s, and keeps its digits', (text, timestamp, ns, ms) => {
    expect(parseVenueTime(text)).toEqual({ text: timestamp, ns, ms });
  });

  it.each([
    '',
    'now',
    '2017-06-28',
    '2017-06-28T10:00:00',
    '2017-02-30T10:00:00Z',
    '2017-06-28T10:00:00.1234567890Z',
    '-1.5',
    '1e9',
    '9999999999999',
    '999999999999',
    '1477557523.0945488901',
  ])('refuses %j', (text) => {
    expect(parseVenueTime(text)).toBeUndefined();
  });

  it('takes both forms of an instant for the same, with 0 to 9 digits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_102_444_800 }),
        fc.integer({ min: 0, max: 9 }),
        fc.nat(999_999_999),
        (s, digits, nanos) => {
          const fraction = digits === 0 ? '' : `.${String(nanos).padStart(9, '0').slice(0, digits)}`;
          const words = `${new Date(s * 1_000).toISOString().slice(0, 19)}${fraction}Z`;
          expect(parseVenueTime(`${s}${fraction}`)).toEqual(parseVenueTime(words));
          expect(parseVenueTime(words)?.text).toBe(words);
        },
      ),
    );
  });
});
