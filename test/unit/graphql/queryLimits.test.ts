import { buildSchema, getIntrospectionQuery, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { boundedParse, boundedValidate } from '../../../src/graphql/queryLimits.ts';
import { GatewayError } from '../../../src/shared/errors.ts';

const schema = buildSchema('type Query { a: Query, b: Int }');
const limits = { queryDepth: 3, queryAliases: 2, queryTokens: 1_000_000 };

function faults(query: string, introspection = true): string[] {
  return boundedValidate(limits, introspection)(schema, parse(query)).map(({ message }) => message);
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
      'fragments, each time they are spread',
      '{ ...F } fragment F on Query { x: b y: b }',
      '{ a { ...F } ...F } fragment F on Query { x: b y: b }',
    ],
  ])('count the aliases of %s', (_name, within, beyond) => {
    expect(faults(within)).toEqual([]);
    expect(faults(beyond)[0]).toMatch(/^The operation has \d aliases; 2 are allowed\.$/);
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

  it('stop a document with too many tokens before it is parsed', () => {
    expect(() => boundedParse({ ...limits, queryTokens: 4 })('{ a b c }')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    expect(boundedParse({ ...limits, queryTokens: 5 })('{ a b c }').definitions).toHaveLength(1);
  });

  it.each([
    ['fields', '{a'.repeat(200_000)],
    ['lists', `{a(b:${'['.repeat(400_000)}`],
    ['types', `query($a:${'['.repeat(400_000)}`],
  ])('refuse what is nested deeper than the parser can follow: %s', (_name, text) => {
    let thrown: unknown;
    try {
      boundedParse(limits)(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ code: 'BAD_REQUEST' });
  });
});
