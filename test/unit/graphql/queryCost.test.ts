import { buildSchema, getIntrospectionQuery, isListType, getNullableType, isObjectType, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { queryCost } from '../../../src/graphql/documents/queryCost.ts';
import { countCost } from '../../../src/graphql/documents/queryLimits.ts';
import { loadSchema } from '../../../src/graphql/schema.ts';
import { GatewayError } from '../../../src/shared/errors.ts';

const schema = loadSchema();
const cost = (query: string, variableValues: Record<string, unknown> = {}): number =>
  queryCost({ schema, document: parse(query), variableValues }).values;
const candles = (limit: string, fields: string): string => `candles(broker: "b", symbol: "s"${limit}) { ${fields} }`;
const subscription = (options: string, fields: string): string =>
  `subscription { marketData(symbols: ["A", "B"]${options}) { ${fields} } }`;
const BOOK = '... on OrderBook { bids { price size } asks { price } }';

describe('the cost of an operation', () => {
  it.each([
    ['fields', '{ broker(id: "b") { id kind } }', 2],
    ['the items of a list, as its argument says', `{ ${candles(', limit: 7', 'open close')} }`, 14],
    ['the items of a list by the default of its argument', `{ ${candles('', 'open close')} }`, 1_000],
    ['no more items than there can be, whatever is asked for', `{ ${candles(', limit: 900000', 'open')} }`, 5_000],
    ['nothing for a limit that makes no sense', `{ ${candles(', limit: -5', 'open')} }`, 0],
    ['every alias', `{ a: ${candles(', limit: 2', 'open')} b: ${candles(', limit: 3', 'open x: open')} }`, 8],
    [
      'a field that is named twice only once',
      `{ ${candles(', limit: 2', 'open open')} ${candles(', limit: 2', 'open')} }`,
      2,
    ],
    [
      'fragments wherever they are spread',
      `{ ${candles(', limit: 2', '...F')} } fragment F on Candle { open ...G } fragment G on Candle { close }`,
      4,
    ],
    [
      'lists inside the value of a field',
      '{ instruments(broker: "b", first: 10) { edges { node { symbol base } } totalCount } }',
      21,
    ],
    [
      'both sides of a book',
      '{ orderBook(broker: "b", symbol: "s", depth: 3) { bids { price } asks { price size } } }',
      9,
    ],
    ['lists of plain values', '{ broker(id: "b") { supportedTypes } }', 5],
    ['no field that a condition leaves out', `{ ${candles(', limit: 2', 'open close @skip(if: true)')} }`, 2],
    [
      'an event as its most expensive type',
      subscription(', options: { depth: 4 }', `symbol ... on Tick { bid } ${BOOK}`),
      13,
    ],
    ['a book without a given depth by the default depth', subscription('', BOOK), 60],
    [
      'a list of events as one event for each symbol',
      subscription(', options: { depth: 4 }', BOOK).replace('marketData', 'marketDataBatch'),
      24,
    ],
    [
      'a value under a name of more than 32 characters as several',
      `{ ${candles(', limit: 2', `${'n'.repeat(100)}: open`)} }`,
      8,
    ],
  ])('counts %s', (_what, query, values) => {
    expect(cost(query)).toBe(values);
  });

  it('follows the variables', () => {
    const query =
      'query ($n: Int!, $no: Boolean!) { candles(broker: "b", symbol: "s", limit: $n) { open close @skip(if: $no) } }';
    expect(cost(query, { n: 5, no: false })).toBe(10);
    expect(cost(query, { n: 5, no: true })).toBe(5);
    expect(cost(query, { n: 'five' })).toBe(0);
  });

  it('counts introspection fields as they are', () => {
    const types = Object.values(schema.getTypeMap());
    expect(cost('{ __schema { types { name } } }')).toBe(types.length + 1);
    expect(cost('{ __type(name: "Broker") { fields { name } } }')).toBe(11);
    expect(cost('{ __type(name: "Nothing") { fields { name } } }')).toBe(0);
  });

  it('is counted in an instant even if fragments multiply one another', () => {
    const doubling = Array.from(
      { length: 20 },
      (_, n) => `fragment F${n} on __Type { a: ofType { ...F${n + 1} } b: ofType { ...F${n + 1} } }`,
    );
    const query = `{ __schema { types { ...F0 } } } ${doubling.join(' ')} fragment F20 on __Type { name }`;
    expect(Number.isFinite(queryCost({ schema, document: parse(query) }, 100_000).values)).toBe(true);
  });
});

describe('the default bound', () => {
  const within = (query: string, variableValues = {}): boolean =>
    typeof countCost({ schema, document: parse(query), variableValues }, { queryCost: 100_000 }) === 'number';
  const fieldsOf = (name: string): string => {
    const type = schema.getType(name);
    return isObjectType(type) ? Object.keys(type.getFields()).join(' ') : '';
  };

  it('allows 5,000 candles with all their fields, and the introspection query of GraphiQL', () => {
    expect(within(`{ ${candles(', limit: 5000', `${fieldsOf('Candle')} __typename`)} }`)).toBe(true);
    expect(within(getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, oneOf: true }))).toBe(true);
  });

  it('refuses thirty times as many candles, and reports the cost, the bound, and what to ask for instead', () => {
    const query = `{ ${Array.from({ length: 30 }, (_, n) => `a${n}: ${candles(', limit: 5000', 'open')}`).join(' ')} }`;
    const refusal = countCost({ schema, document: parse(query) }, { queryCost: 100_000 });
    expect(refusal).toBeInstanceOf(GatewayError);
    expect(refusal).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringMatching(/150000 values; 100000 are allowed.*5000 of them.*a0.*limit/),
    });
  });
});

it('every list of the schema declares how long it may be', () => {
  const sized = new Set<string>();
  const lists: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      const directives = field.astNode?.directives?.filter(({ name }) => name.value === 'listSize') ?? [];
      const text = directives.map(({ arguments: given }) =>
        JSON.stringify(given?.map(({ name, value }) => [name.value, value])),
      );
      for (const [, name = ''] of text.join().matchAll(/"kind":"StringValue","value":"(\w+)"/g)) sized.add(name);
      if (isListType(getNullableType(field.type)) && directives.length === 0) lists.push(field.name);
    }
  }
  expect(lists.filter((name) => !sized.has(name))).toEqual([]);
  expect(lists).toContain('bids');
});

it('a list of unknown size counts as long', () => {
  const unknown = buildSchema('type Query { numbers: [Int!]! }');
  expect(queryCost({ schema: unknown, document: parse('{ numbers }') }).values).toBe(100);
});
