import { GraphQLBoolean, GraphQLID, GraphQLString, isEnumType } from 'graphql';
import type { GraphQLEnumType, GraphQLLeafType, GraphQLScalarType } from 'graphql';
import { decimalScalar, safeIntScalar, timestampScalar } from '../scalars.ts';

/** Appends a value's JSON text. Throws for a value that graphql-js would refuse, or would have to convert first. */
export type WriteValue = (text: string, value: unknown) => string;

/** What stands in JSON as it is: ASCII without controls, quotes and backslashes. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/**
 * Scalars by the function that makes them external, which is what they are, whatever they are called. Of a decimal or a
 * timestamp no more than digits, signs, points, colons, T and Z comes through: nothing that JSON would escape.
 */
const SCALARS = new Map<unknown, (before: string) => WriteValue>([
  [decimalScalar.serialize, (before) => digitsWriter(decimalScalar, before)],
  [timestampScalar.serialize, (before) => digitsWriter(timestampScalar, before)],
  [safeIntScalar.serialize, (before) => (text, value) => text + before + safeIntScalar.serialize(value)],
  [GraphQLString.serialize, textWriter],
  [GraphQLID.serialize, textWriter],
  [GraphQLBoolean.serialize, booleanWriter],
]);

/** `before` is written before the value. Throws for a scalar that it does not know. */
export function leafWriter(type: GraphQLLeafType, before: string): WriteValue {
  if (isEnumType(type)) return enumWriter(type, before);
  const writer = SCALARS.get(type.serialize);
  if (writer === undefined) throw new TypeError(`the scalar ${type.name} is not known`);
  return writer(before);
}

function enumWriter(type: GraphQLEnumType, before: string): WriteValue {
  const written = new Map<unknown, string>(
    type.getValues().map(({ value }) => [value, before + JSON.stringify(type.serialize(value))]),
  );
  return (text, value) => {
    const name = written.get(value);
    if (name === undefined) throw new TypeError(`${type.name} has no such value`);
    return text + name;
  };
}

function digitsWriter({ serialize }: GraphQLScalarType<string, string>, before: string): WriteValue {
  return remembering((value) => `${before}"${serialize(value)}"`);
}

function textWriter(before: string): WriteValue {
  return remembering((value) => {
    if (typeof value !== 'string') throw new TypeError('not a string');
    return PLAIN_TEXT.test(value) ? `${before}"${value}"` : before + JSON.stringify(value);
  });
}

/** One event is told in many selections, one right after the other: what was written of a value last is mostly asked for again. */
function remembering(write: (value: unknown) => string): WriteValue {
  let last: unknown;
  let written = '';
  return (text, value) => {
    if (value === last && value !== undefined) return text + written;
    written = write(value);
    last = value;
    return text + written;
  };
}

function booleanWriter(before: string): WriteValue {
  return (text, value) => {
    if (typeof value !== 'boolean') throw new TypeError('not a boolean');
    return text + before + (value ? 'true' : 'false');
  };
}
