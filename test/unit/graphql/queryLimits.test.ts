import { buildSchema, getIntrospectionQuery, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { boundedParse, boundedValidate, refuseLength } from '../../../src/graphql/documents/queryLimits.ts';
import { GatewayError } from '../../../src/shared/errors.ts';

const schema = buildSchema('type Query { a: Query, b: Int }');
const limits = { queryDepth: 3, queryAliases: 2, queryTokens: 1_000_000 };

function faults(query: string, introspection = true): string[] {
  return boundedValidate(schema, introspection)(parse(query), limits).map(({ message }) => message);
}

describe('the limits of a query', () => {
  it.each([
    ['fields', '{ a { a { b } } }', '{ a { a { a { b } } } }'],
    ['inline fragments', '{ a { ... { a { b } } } }', '{ a { ... { a { a { b } } } } }'],
    [
      'fragments',
      '{ a { ...F } } fragment F on Query { a { b } }',
      '{ a { ...F } } fragment F on Query { a { a { b } } }',
    ],
    [
      'fragments in fragments',
      '{ ...F } fragment F on Query { ...G } fragment G on Query { a { a { b } } }',
      '{ ...F } fragment F on Query { ...G } fragment G on Query { a { a { a { b } } } }',
    ],
  ])('count the depth of %s', (_name, within, beyond) => {
    expect(faults(within)).toEqual([]);
    expect(faults(beyond)).toEqual(['The operation has 4 levels of fields; 3 are allowed.']);
  });

  it.each([
    ['fields', '{ x: b y: b }', '{ x: b y: b z: b }'],
    ['the schema itself', '{ x: __typename y: __typename }', '{ x: __typename y: __typename z: __typename }'],
    [
      'what describes the schema, whose answer each makes longer',
      '{ __schema { x: types { y: name } } }',
      '{ __schema { x: types { name } y: types { name } z: types { name } } }',
    ],
    [
      'fragments, each time they are spread',
      '{ ...F } fragment F on Query { x: b y: b }',
      '{ a { ...F } ...F } fragment F on Query { x: b y: b }',
    ],
  ])('count the aliases of %s', (_name, within, beyond) => {
    expect(faults(within)).toEqual([]);
    expect(faults(beyond)[0]).toMatch(/^The operation has \d aliases; 2 are allowed\.$/);
  });

  it.each([
    ['a field', `{ ${'x'.repeat(129)}: b }`],
    ['a field of a fragment that is spread', `{ ...F } fragment F on Query { ${'x'.repeat(129)}: b }`],
    ['what describes the schema', `{ __schema { ${'x'.repeat(129)}: types { name } } }`],
  ])('count the characters of the name of %s', (_name, beyond) => {
    expect(faults(beyond.replace('x', ''))).toEqual([]);
    const [error] = boundedValidate(schema, true)(parse(beyond), limits);
    expect(error?.originalError).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(error?.message).toContain('128');
  });

  it('hold for each operation of a document by itself', () => {
    expect(faults('query A { a { a { b } } } query B { a { a { b } } }')).toEqual([]);
  });

  it('come to an end for fragments that spread themselves, and for many that spread each other', () => {
    expect(faults('{ ...F } fragment F on Query { a { ...F } }').join()).toContain('itself');
    const doubling = Array.from({ length: 25 }, (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`).join(
      ' ',
    );
    const started = performance.now();
    expect(faults(`{ ...F0 } ${doubling} fragment F25 on Query { x: b }`)[0]).toContain('33554432 aliases');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('let the schema be asked for in full, where it may be asked for at all', () => {
    expect(faults(getIntrospectionQuery())).toEqual([]);
    expect(faults(getIntrospectionQuery(), false).join()).toContain('introspection');
  });

  it.each([7, 12])('count no level of the schema itself, asked for %i types deep', (depth) => {
    const types = 'ofType { kind name '.repeat(depth) + '}'.repeat(depth);
    expect(faults(`{ __type(name: "Query") { kind name ${types} } }`)).toEqual([]);
    expect(faults(`{ __schema { types { fields { type { kind ${types} } } } } }`)).toEqual([]);
    expect(faults(`{ __type(name: "Query") { ...T } } fragment T on __Type { name ${types} }`)).toEqual([]);
    expect(faults(`{ a { a { a { a { a { b } } } } } __type(name: "Query") { ${types} } }`).join()).toContain('levels');
  });

  it('hold for each client by its own, whoever sent the document before', () => {
    const validate = boundedValidate(schema, true);
    const document = parse('{ a { a { a { b } } } x: b y: b z: b }');
    const narrow = [
      'The operation has 4 levels of fields; 3 are allowed.',
      'The operation has 3 aliases; 2 are allowed.',
    ];
    const told = (queryDepth: number, queryAliases: number): string[] =>
      validate(document, { ...limits, queryDepth, queryAliases }).map(({ message }) => message);
    expect(told(3, 2)).toEqual(narrow);
    expect(told(4, 3)).toEqual([]);
    expect(told(3, 2)).toEqual(narrow);
  });

  it('refuse a document that names a field so often that comparing them all would take long', () => {
    const [error, ...others] = boundedValidate(schema, true)(parse(`{ ${'b '.repeat(1_500)} }`), limits);
    expect(error?.originalError).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(others).toEqual([]);
  });

  it('do not forgive what is wrong otherwise', () => {
    const validate = boundedValidate(schema, true);
    const document = parse('{ nonsense }');
    for (let time = 0; time < 2; time += 1) expect(validate(document, limits)).toHaveLength(1);
  });

  it('stop a document with too many tokens before it is parsed', () => {
    const tooLong = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });
    expect(() => boundedParse('{ a b c }', { ...limits, queryTokens: 4 })).toThrow(tooLong);
    const document = boundedParse('{ a b c }', { ...limits, queryTokens: 5 });
    expect(document.definitions).toHaveLength(1);
    expect(refuseLength(document, { ...limits, queryTokens: 4 })).toEqual(tooLong);
    expect(refuseLength(document, { ...limits, queryTokens: 5 })).toBeNull();
  });

  it.each([
    ['fields', '{a'.repeat(200_000)],
    ['lists', `{a(b:${'['.repeat(400_000)}`],
    ['types', `query($a:${'['.repeat(400_000)}`],
  ])('refuse what is nested deeper than the parser can follow: %s', (_name, text) => {
    let thrown: unknown;
    try {
      boundedParse(text, limits);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('refuse a condition on the field of a subscription, even if it is a variable', () => {
    const streaming = buildSchema('type Query { a: Int } type Subscription { a: Int }');
    const document = parse('subscription ($x: Boolean!) { a @include(if: $x) }');
    const [error, ...others] = boundedValidate(streaming, true)(document, limits);
    expect(error?.message).toContain('`@skip` or `@include`');
    expect(others).toEqual([]);
  });
});
