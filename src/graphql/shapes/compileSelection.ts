import {
  Kind,
  OperationTypeNode,
  TypeNameMetaFieldDef,
  defaultFieldResolver,
  getArgumentValues,
  getNamedType,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type {
  DocumentNode,
  GraphQLField,
  GraphQLInterfaceType,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLSchema,
} from 'graphql';
import type { MarketData, MarketDataType } from '../../market/marketData.ts';
import { collectFields } from './collectFields.ts';
import type { FieldNodes, SelectionScope } from './collectFields.ts';
import { leafWriter } from './leafWriter.ts';
import type { WriteValue } from './leafWriter.ts';
import { eventOf, eventsOf, typeNameOf } from '../resolvers/marketData.ts';

/** Parts that selections have in common, of one schema: what many run through stays in the processor's cache. */
export type CompiledParts = Map<string, WriteMember>;

export interface Selection {
  readonly schema: GraphQLSchema;
  /** Valid by the schema. */
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variableValues: Readonly<Record<string, unknown>> | null | undefined;
  /** The types of events that may come. */
  readonly types: readonly MarketDataType[];
}

/** Gives the JSON text of the result with an event, alone or as the one in a list; null where graphql-js has to. */
export type WriteEvent = (event: MarketData) => string | null;

export type WriteMember = (text: string, source: Readonly<Record<string, unknown>>) => string;

/** Names are the clients' own: of more of them those that were asked for longest ago are forgotten. */
const MAX_PARTS = 4_096;

interface Scope extends SelectionScope {
  readonly parts: CompiledParts;
}

/** Of a value in the answer: what asks for it, and what stands before it. */
interface Place {
  readonly nodes: FieldNodes;
  readonly before: string;
}

/**
 * A subscription to market data as a function from an event to the text of its result: byte for byte what graphql-js and
 * JSON.stringify give, for a fraction of the cost. It knows this gateway's resolvers and scalars, and values that are as
 * they should be; all else (what would be an error, what would be converted) is left to graphql-js, which stays the
 * reference. Null where that is so of every event.
 */
export function compileSelection(selection: Selection, parts: CompiledParts = new Map()): WriteEvent | null {
  const write = orNull(() => compileOperation(selection, parts));
  return write && guarded(write);
}

/** Whatever can't be compiled: graphql-js says what becomes of it. */
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
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {});
  if (coerced === undefined) throw new TypeError('not the variables of this operation');
  const scope = { schema, fragments: fragmentsOf(document), variableValues: coerced, parts };
  const [member, ...others] = collectFields(scope, root, [operation.selectionSet]);
  if (member === undefined || others.length > 0) throw new TypeError('not one field');
  const [key, nodes] = member;
  const { type, resolve } = definitionOf(scope, root, nodes);
  const told = getNullableType(type);
  const start = `{"data":{${JSON.stringify(key)}:`;
  if (resolve === eventOf && isInterfaceType(told)) {
    return compileEvent(scope, told, { nodes, before: start, after: '}}', types });
  }
  const listed = isListType(told) ? getNullableType(told.ofType) : null;
  if (resolve === eventsOf && isInterfaceType(listed)) {
    return compileEvent(scope, listed, { nodes, before: `${start}[`, after: ']}}', types });
  }
  throw new TypeError('not a field that tells events');
}

function fragmentsOf({ definitions }: DocumentNode): SelectionScope['fragments'] {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
}

/** Each type of event has its own selection. What is compiled holds on to nothing of the document. */
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

/** What it gives throws for null and undefined, as it does for any other value that the type has not. */
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

// Made apart from what compiles, so that a selection that is in use keeps nothing of its document in memory.

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

/** Throws where its arguments are not what they should be. */
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

/** No promise, no error, no list, nothing with ways of its own. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
