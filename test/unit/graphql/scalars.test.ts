import fc from 'fast-check';
import { GraphQLError, parseValue } from 'graphql';
import type { GraphQLScalarType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { decimalScalar, safeIntScalar, timestampScalar } from '../../../src/graphql/scalars.ts';

const scalars: Record<string, GraphQLScalarType> = {
  Decimal: decimalScalar,
  Timestamp: timestampScalar,
  SafeInt: safeIntScalar,
};

const GOOD: [string, unknown, string][] = [
  ['Decimal', '43250.10', '"43250.10"'],
  ['Decimal', '-0.000', '"-0.000"'],
  ['Decimal', '0.00000001', '"0.00000001"'],
  ['Timestamp', '2026-11-23T07:30:04Z', '"2026-11-23T07:30:04Z"'],
  ['Timestamp', '2026-11-23T07:30:04.123456789Z', '"2026-11-23T07:30:04.123456789Z"'],
  ['Timestamp', '2024-02-29T23:59:59.9Z', '"2024-02-29T23:59:59.9Z"'],
  ['SafeInt', 0, '0'],
  ['SafeInt', 9_007_199_254_740_991, '9007199254740991'],
];

const BAD: [string, unknown, string][] = [
  ['Decimal', '1e5', '"1e5"'],
  ['Decimal', 'NaN', '"NaN"'],
  ['Decimal', '', '""'],
  ['Decimal', '.5', '".5"'],
  ['Decimal', '1'.repeat(41), `"${'1'.repeat(41)}"`],
  ['Decimal', 1.5, '1.5'],
  ['Decimal', true, 'true'],
  ['Decimal', {}, '{}'],
  ['Timestamp', '2026-02-30T00:00:00Z', '"2026-02-30T00:00:00Z"'],
  ['Timestamp', '2026-02-28T24:00:00Z', '"2026-02-28T24:00:00Z"'],
  ['Timestamp', '2026-11-23T07:30:60Z', '"2026-11-23T07:30:60Z"'],
  ['Timestamp', '2026-11-23T07:30:04+02:00', '"2026-11-23T07:30:04+02:00"'],
  ['Timestamp', '2026-11-23T07:30:04-00:01', '"2026-11-23T07:30:04-00:01"'],
  ['Timestamp', '2026-11-23T07:30:04+0000', '"2026-11-23T07:30:04+0000"'],
  ['Timestamp', '2026-02-30T00:00:00+00:00', '"2026-02-30T00:00:00+00:00"'],
  ['Timestamp', '2026-11-23T07:30:04', '"2026-11-23T07:30:04"'],
  ['Timestamp', '2026-11-23 07:30:04Z', '"2026-11-23 07:30:04Z"'],
  ['Timestamp', '2026-11-23T07:30:04.Z', '"2026-11-23T07:30:04.Z"'],
  ['Timestamp', '2026-11-23T07:30:04.1234567890Z', '"2026-11-23T07:30:04.1234567890Z"'],
  ['Timestamp', 1_795_000_000, '1795000000'],
  ['SafeInt', -1, '-1'],
  ['SafeInt', 1.5, '1.5'],
  ['SafeInt', 9_007_199_254_740_992, '9007199254740992'],
  ['SafeInt', Number.NaN, 'NAN'],
  ['SafeInt', '1', '"1"'],
];

const scalar = (name: string): GraphQLScalarType => {
  const found = scalars[name];
  if (found === undefined) throw new Error(name);
  return found;
};

describe('scalars', () => {
  it.each(GOOD)('%s takes and tells %j as it is', (name, value, literal) => {
    expect(scalar(name).parseValue(value)).toBe(value);
    expect(scalar(name).parseLiteral(parseValue(literal), undefined)).toBe(value);
    expect(scalar(name).serialize(value)).toBe(value);
  });

  it.each(BAD)('%s refuses %j, as a variable and in a document, and says what it expected', (name, value, literal) => {
    expect(() => scalar(name).parseValue(value)).toThrow(GraphQLError);
    expect(() => scalar(name).parseValue(value)).toThrow(`${name}: expected`);
    expect(() => scalar(name).parseLiteral(parseValue(literal), undefined)).toThrow(`${name}: expected`);
  });

  it.each([
    ['Decimal', 1.5],
    ['Decimal', '1e5'],
    ['Decimal', undefined],
    ['Timestamp', new Date(0)],
    ['Timestamp', 'now'],
    ['SafeInt', 1.5],
    ['SafeInt', '1'],
  ])('%s never tells %j: that is a fault of ours', (name, value) => {
    expect(() => scalar(name).serialize(value)).toThrow(TypeError);
  });

  it.each([
    ['2026-11-30T00:00:00+00:00', '2026-11-30T00:00:00Z'],
    ['2026-11-30T00:00:00.123456-00:00', '2026-11-30T00:00:00.123456Z'],
    ['2026-11-30t00:00:00.5z', '2026-11-30T00:00:00.5Z'],
    ['2026-11-30T00:00:00z', '2026-11-30T00:00:00Z'],
    ['2026-11-30t00:00:00+00:00', '2026-11-30T00:00:00Z'],
  ])('Timestamp takes UTC however RFC 3339 lets it be written, and sends it with T and Z: %s', (written, sent) => {
    expect(timestampScalar.parseValue(written)).toBe(sent);
    expect(timestampScalar.parseLiteral(parseValue(`"${written}"`), undefined)).toBe(sent);
    expect(() => timestampScalar.serialize(written)).toThrow(TypeError);
  });

  it('Timestamp takes every instant that there is', () => {
    const instants = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
    fc.assert(
      fc.property(instants, (instant) => {
        expect(timestampScalar.parseValue(instant.toISOString())).toBe(instant.toISOString());
      }),
    );
  });
});
