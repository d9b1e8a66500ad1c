import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import type { ValueNode } from 'graphql';
import { decimal } from '../market/decimal.ts';
import type { Decimal } from '../market/decimal.ts';
import type { Timestamp } from '../market/timestamp.ts';

/** Date, time and up to nine digits of a second in UTC: the only spelling of an instant that this API sends. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;
/** The same in every spelling of UTC that RFC 3339 allows. */
const INSTANT_TAKEN = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d{1,9})?(?:Z|[+-]00:00)$/i;

/** `Decimal`: an exact decimal number as a string. */
export const decimalScalar = textScalar<Decimal>({
  name: 'Decimal',
  expected: 'a plain decimal number as a string, like "43250.10"',
  parse: toDecimal,
  isValidOutput: (text) => toDecimal(text) !== undefined,
});

/** `Timestamp`: an instant in UTC as a string. */
export const timestampScalar = textScalar<Timestamp>({
  name: 'Timestamp',
  expected: 'an instant in UTC as a string, like "2026-11-23T07:30:04.123Z"',
  parse: toTimestamp,
  // Our own timestamps come from a parser: checking the spelling is enough, without asking the calendar for every
  // event.
  isValidOutput: (text) => INSTANT.test(text),
});

/** `SafeInt`: a whole number from 0 to 2^53-1. */
export const safeIntScalar = new GraphQLScalarType<number, number>({
  name: 'SafeInt',
  serialize(value) {
    if (!isSafeInt(value)) throw new TypeError('SafeInt: the value to be sent is not a whole number from 0 to 2^53-1');
    return value;
  },
  parseValue(value) {
    if (!isSafeInt(value)) throw refusal('SafeInt', 'a whole number from 0 to 2^53-1', value);
    return value;
  },
  parseLiteral(node) {
    const value = node.kind === Kind.INT ? Number(node.value) : undefined;
    if (!isSafeInt(value)) throw refusal('SafeInt', 'a whole number from 0 to 2^53-1', written(node), node);
    return value;
  },
});

interface TextScalar<Text extends string> {
  readonly name: string;
  readonly expected: string;
  /** Returns undefined for text that is refused. */
  readonly parse: (text: string) => Text | undefined;
  readonly isValidOutput: (text: string) => boolean;
}

/** A scalar that is a string in JSON, as input and as output. */
function textScalar<Text extends string>({
  name,
  expected,
  parse,
  isValidOutput,
}: TextScalar<Text>): GraphQLScalarType<Text, string> {
  const parseValue = (value: unknown, node?: ValueNode): Text => {
    const parsed = typeof value === 'string' ? parse(value) : undefined;
    if (parsed === undefined) throw refusal(name, expected, value, node);
    return parsed;
  };
  return new GraphQLScalarType<Text, string>({
    name,
    serialize(value) {
      if (typeof value !== 'string' || !isValidOutput(value)) {
        throw new TypeError(`${name}: the value to be sent is not ${expected}`);
      }
      return value;
    },
    parseValue: (value) => parseValue(value),
    parseLiteral(node) {
      if (node.kind !== Kind.STRING) throw refusal(name, expected, written(node), node);
      return parseValue(node.value, node);
    },
  });
}

function toDecimal(text: string): Decimal | undefined {
  try {
    return decimal(text);
  } catch {
    return undefined;
  }
}

/** Returns the instant in the spelling that this API sends. */
function toTimestamp(text: string): Timestamp | undefined {
  const match = INSTANT_TAKEN.exec(text);
  if (match === null) return undefined;
  const [, date = '', time = '', fraction = ''] = match;
  const toSeconds = `${date}T${time}`;
  const epochMs = Date.parse(`${toSeconds}Z`);
  // Date would turn the 30th of February into a day in March, so the result is compared with the input.
  if (Number.isNaN(epochMs) || !new Date(epochMs).toISOString().startsWith(toSeconds)) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is the proof of the brand
  return `${toSeconds}${fraction}Z` as Timestamp;
}

function isSafeInt(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

// oxlint-disable-next-line max-params
function refusal(name: string, expected: string, found: unknown, node?: ValueNode): GraphQLError {
  const shown = (JSON.stringify(found) ?? 'nothing').slice(0, 60);
  return new GraphQLError(`${name}: expected ${expected}, found ${shown}.`, node === undefined ? {} : { nodes: node });
}

/** A literal as it looked in the document, close enough for a message. */
function written(node: ValueNode): unknown {
  if (node.kind === Kind.INT || node.kind === Kind.FLOAT) return Number(node.value);
  return 'value' in node ? node.value : node.kind;
}
