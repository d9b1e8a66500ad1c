import {
  GraphQLBoolean,
  GraphQLID,
  GraphQLInt,
  GraphQLString,
  Kind,
  OperationTypeNode,
  TypeNameMetaFieldDef,
  defaultFieldResolver,
  getArgumentValues,
  getNamedType,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isEnumType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type {
  DocumentNode,
  GraphQLEnumType,
  GraphQLField,
  GraphQLInterfaceType,
  GraphQLLeafType,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLScalarType,
  GraphQLSchema,
} from 'graphql';
import { eventOf, eventsOf, typeNameOf } from '../resolvers/marketData.ts';
import { decimalScalar, safeIntScalar, timestampScalar } from '../scalars.ts';
import { collectFields } from './collectFields.ts';
import type { FieldNodes, SelectionScope } from './collectFields.ts';
import type { MarketData, MarketDataType } from '../../market/marketData.ts';

/**
 * Compiled parts that selections of one schema share, so that code for many selections stays in the processor's cache.
 */
export type CompiledParts = Map<string, WriteMember>;

/** A subscription to market data that is to be compiled. */
export interface Selection {
  readonly schema: GraphQLSchema;
  /** Valid for the schema. */
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variableValues: Readonly<Record<string, unknown>> | null | undefined;
  /** The types of events that may come. */
  readonly types: readonly MarketDataType[];
}

/**
 * Returns the JSON text of the result for an event, alone or as a list of one; null if graphql-js has to produce it.
 */
export type WriteEvent = (event: MarketData) => string | null;

/** Appends one member of an object to JSON text. */
export type WriteMember = (text: string, source: Readonly<Record<string, unknown>>) => string;

/** Clients choose names, so only the parts that were used last are kept. */
const MAX_PARTS = 4_096;

interface Scope extends SelectionScope {
  readonly parts: CompiledParts;
}

/** A value in the answer: the nodes that select it, and the text before it. */
interface Place {
  readonly nodes: FieldNodes;
  readonly before: string;
}

/**
 * Compiles a subscription to market data into a function from an event to the text of its result: byte for byte what
 * graphql-js and JSON.stringify produce, for a fraction of the cost. It knows this gateway's resolvers and scalars, and
 * valid values. Everything else (errors, conversions) is left to graphql-js, which stays the reference. Returns null if
 * that is so for every event.
 */
export function compileSelection(selection: Selection, parts: CompiledParts = new Map()): WriteEvent | null {
  const write = orNull(() => compileOperation(selection, parts));
  return write && guarded(write);
}

/** Returns null for whatever can't be compiled, and graphql-js decides about it. */
function orNull<T>(compile: () => T): T | null {
  try {
    return compile();
  } catch {
    return null;
  }
}

function compileOperation(selection: Selection, parts: CompiledParts): WriteEvent {
  const { schema, document, operationName, variableValues, types } = selection;
  const operation = getOperationAST(document, operationName);
  const root = schema.getSubscriptionType();
  if (operation?.operation !== OperationTypeNode.SUBSCRIPTION || !root) throw new TypeError('not a subscription');
  const coerced = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {});
  if (coerced.errors !== undefined) throw new TypeError('not the variables of this operation');
  const scope = { schema, fragments: fragmentsOf(document), variableValues: coerced.variableValues, parts };
  const [member, ...others] = collectFields(scope, root, [operation.selectionSet]);
  if (member === undefined || others.length > 0) throw new TypeError('not one field');
  const [key, nodes] = member;
  const { type, resolve } = definitionOf(scope, root, nodes);
  const eventType = getNullableType(type);
  const start = `{"data":{${JSON.stringify(key)}:`;
  if (resolve === eventOf && isInterfaceType(eventType)) {
    return compileEvent(scope, eventType, { nodes, before: start, after: '}}', types });
  }
  const listed = isListType(eventType) ? getNullableType(eventType.ofType) : null;
  if (resolve === eventsOf && isInterfaceType(listed)) {
    return compileEvent(scope, listed, { nodes, before: `${start}[`, after: ']}}', types });
  }
  throw new TypeError('not a field that yields events');
}

function fragmentsOf({ definitions }: DocumentNode): SelectionScope['fragments'] {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
}

/** Each type of event has its own selection. The compiled function keeps nothing of the document. */
function compileEvent(
  scope: Scope,
  type: GraphQLInterfaceType,
  { after, types, ...place }: Place & { readonly after: string; readonly types: readonly MarketDataType[] },
): WriteEvent {
  if (type.resolveType !== typeNameOf) throw new TypeError('not resolved by the type of the event');
  const { schema } = scope;
  const writers = new Map<MarketDataType, WriteValue>();
  for (const each of types) {
    const concrete = schema.getType(typeNameOf({ type: each }));
    if (!isObjectType(concrete) || !schema.isSubType(type, concrete)) continue;
    const write = orNull(() => compileObject(scope, concrete, place));
    if (write !== null) writers.set(each, write);
  }
  return eventWriter(writers, after);
}

function compileObject(scope: Scope, type: GraphQLObjectType, { nodes, before }: Place): WriteValue {
  if (type.isTypeOf) throw new TypeError(`${type.name} has a test of its own`);
  const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  let lead = `${before}{`;
  const members = Array.from(collectFields(scope, type, sets), ([key, asking]) => {
    const member = compileMember(scope, type, { nodes: asking, before: `${lead}${JSON.stringify(key)}:` });
    lead = ',';
    return member;
  });
  const end = members.length === 0 ? `${lead}}` : '}';
  return objectWriter(members, end);
}

function compileMember(scope: Scope, type: GraphQLObjectType, place: Place): WriteMember {
  const definition = definitionOf(scope, type, place.nodes);
  if (definition === TypeNameMetaFieldDef) return constantWriter(place.before + JSON.stringify(type.name));
  const { name, resolve = defaultFieldResolver } = definition;
  if (resolve !== defaultFieldResolver) throw new TypeError(`${type.name}.${name} has a resolver of its own`);
  const compile = (): WriteMember => memberWriter(name, compileValue(scope, definition.type, place));
  return isLeafType(getNamedType(definition.type))
    ? shared(scope, `${type.name}.${name} ${place.before}`, compile)
    : compile();
}

function shared({ parts }: Scope, name: string, compile: () => WriteMember): WriteMember {
  const part = parts.get(name) ?? compile();
  parts.delete(name);
  parts.set(name, part);
  for (const [oldest] of parts) {
    if (parts.size <= MAX_PARTS) break;
    parts.delete(oldest);
  }
  return part;
}

function compileValue(scope: Scope, type: GraphQLOutputType, place: Place): WriteValue {
  if (isNonNullType(type)) return compilePresent(scope, type.ofType, place);
  const write = compilePresent(scope, type, place);
  const none = `${place.before}null`;
  return (text, value) => (value === null || value === undefined ? text + none : write(text, value));
}

/** The returned function throws for null and undefined, and for any other value that the type does not have. */
function compilePresent(scope: Scope, type: GraphQLOutputType, place: Place): WriteValue {
  if (isLeafType(type)) return leafWriter(type, place.before);
  if (isListType(type)) return compileList(scope, type.ofType, place);
  if (isObjectType(type)) return compileObject(scope, type, place);
  throw new TypeError(`what ${type.toString()} is may differ`);
}

function compileList(scope: Scope, itemType: GraphQLOutputType, { nodes, before }: Place): WriteValue {
  const write = compileValue(scope, itemType, { nodes, before: '' });
  const start = `${before}[`;
  return (text, value) => {
    if (!Array.isArray(value)) throw new TypeError('not an array');
    let written = text + start;
    let isFirst = true;
    for (const item of value) {
      written = write(isFirst ? written : `${written},`, item);
      isFirst = false;
    }
    return `${written}]`;
  };
}

// These are made outside of the compiling functions, so that a selection in use keeps nothing of its document in
// memory.

function guarded(write: WriteEvent): WriteEvent {
  return (event) => {
    try {
      return write(event);
    } catch {
      return null;
    }
  };
}

function eventWriter(writers: ReadonlyMap<MarketDataType, WriteValue>, after: string): WriteEvent {
  return (event) => {
    const write = writers.get(event.type);
    return write === undefined ? null : write('', event) + after;
  };
}

function objectWriter(members: readonly WriteMember[], end: string): WriteValue {
  return (text, value) => {
    if (!isPlainObject(value)) throw new TypeError('not a plain object');
    let written = text;
    for (const member of members) written = member(written, value);
    return written + end;
  };
}

function memberWriter(name: string, write: WriteValue): WriteMember {
  return (text, source) => write(text, source[name]);
}

function constantWriter(constant: string): WriteMember {
  return (text) => text + constant;
}

/** Throws if the field's arguments are invalid. */
function definitionOf(
  { variableValues }: SelectionScope,
  type: GraphQLObjectType,
  [node]: FieldNodes,
): GraphQLField<unknown, unknown> {
  const name = node.name.value;
  const definition = name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : type.getFields()[name];
  if (definition === undefined) throw new TypeError(`${type.name} has no ${name}`);
  getArgumentValues(definition, node, variableValues);
  return definition;
}

/** True for an object literal: no promise, error, list or instance of a class. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Appends the JSON text of a value. Throws for a value that graphql-js would refuse or would have to convert. */
export type WriteValue = (text: string, value: unknown) => string;

/** Text that JSON does not escape: ASCII without controls, quotes and backslashes. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/**
 * Scalars by their serialising function, because that determines what a scalar is, whatever its name. Decimals and
 * timestamps contain only digits, signs, points, colons, T and Z, so JSON escapes nothing in them.
 */
const SCALARS = new Map<unknown, (before: string) => WriteValue>([
  [decimalScalar.serialize, (before) => digitsWriter(decimalScalar, before)],
  [timestampScalar.serialize, (before) => digitsWriter(timestampScalar, before)],
  [safeIntScalar.serialize, (before) => (text, value) => text + before + safeIntScalar.serialize(value)],
  [GraphQLString.serialize, textWriter],
  [GraphQLID.serialize, textWriter],
  [GraphQLBoolean.serialize, booleanWriter],
  [GraphQLInt.serialize, intWriter],
]);

/** The writer for a scalar or enum; `before` is written before the value. Throws for a scalar that it does not know. */
function leafWriter(type: GraphQLLeafType, before: string): WriteValue {
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

/** Remembers the last value, because one event is written in many selections one right after the other. */
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

function intWriter(before: string): WriteValue {
  return (text, value) => {
    // Int has 32 bits, and so do JavaScript's bitwise operations.
    if (typeof value !== 'number' || (value | 0) !== value) throw new TypeError('not a whole number of 32 bits');
    return `${text}${before}${value}`;
  };
}
