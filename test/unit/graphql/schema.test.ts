import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSchema, introspectionFromSchema, isEnumType } from 'graphql';
import type { GraphQLSchema, IntrospectionSchema, IntrospectionType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../src/graphql/schema.ts';
import { MARKET_DATA_TYPES } from '../../../src/market/marketData.ts';

const contract = fileURLToPath(new URL('../../../../shared/contract.graphql', import.meta.url));
const hasContract = existsSync(contract);
if (!hasContract) console.warn('skipped: the comparison with the contract, for there is no ../shared/contract.graphql');

function introspect(schema: GraphQLSchema): IntrospectionSchema {
  return introspectionFromSchema(schema, { inputValueDeprecation: true }).__schema;
}

/** Everything that the contract says of a type: a flat list of facts, each a path and a value. */
function facts(value: unknown, path = ''): string[] {
  if (Array.isArray(value))
    return value.flatMap((item: unknown, index) => facts(item, `${path}/${nameOf(item) ?? index}`));
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, member]) => facts(member, `${path}.${key}`));
  }
  return [`${path} = ${JSON.stringify(value)}`];
}

function nameOf(item: unknown): string | undefined {
  return typeof item === 'object' && item !== null && 'name' in item && typeof item.name === 'string'
    ? item.name
    : undefined;
}

/** What the contract has and the schema has not yet: resume, history and gaps, and the trade's new name for its id. */
const NOT_YET: readonly string[] = [
  'Candle.fields/backfilled',
  'FeedGap',
  'FeedReplay',
  'FeedStatus',
  'FeedStatus.fields/gap',
  'FeedStatus.fields/replay',
  'FeedStatus.fields/since',
  'MarketDataOptions.inputFields/history',
  'Subscription.fields/marketData.args/resume',
  'Subscription.fields/marketDataBatch.args/resume',
  'Trade.fields/backfilled',
  'Trade.fields/tradeId',
];

describe('the schema', () => {
  const ours = loadSchema();

  it.skipIf(!hasContract)(
    'has all of the contract: every type, field, argument, default and description, none loosened',
    () => {
      const published = introspect(buildSchema(readFileSync(contract, 'utf8')));
      const types = new Map(introspect(ours).types.map((type) => [type.name, type]));
      const missing = (published.types as IntrospectionType[]).flatMap((type) => {
        const own = types.get(type.name);
        if (own === undefined) return type.name;
        const has = new Set(facts(own));
        const lacking = facts(type).filter((fact) => !has.has(fact));
        return lacking.map(
          (fact) =>
            type.name +
            fact.replace(/\.(?:type|name|description|deprecationReason|isDeprecated|defaultValue)\b.*/s, ''),
        );
      });
      expect([...new Set(missing)].toSorted()).toEqual(NOT_YET.toSorted());
    },
  );

  it.skipIf(!hasContract)(
    'asks for nothing more than the contract: no argument or input field of what it has is required and new',
    () => {
      const published = buildSchema(readFileSync(contract, 'utf8'));
      const known = new Set(facts(introspect(published)).map((fact) => fact.split('.name = ', 1)[0]));
      const required = (schema: GraphQLSchema): string[] =>
        facts(introspect(schema)).filter((fact) => {
          const [, owner = ''] = /^(.*)\.(?:args|inputFields)\/\w+\.type\.kind = "NON_NULL"/.exec(fact) ?? [];
          return known.has(owner);
        });
      expect(required(published).length).toBeGreaterThan(10);
      const isThere = (fact: string): boolean => !fact.includes('MarketDataOptions.inputFields/history.');
      expect(required(ours).toSorted()).toEqual(required(published).filter(isThere).toSorted());
    },
  );

  it('gives every enum value a value of the domain, each its own', () => {
    for (const type of Object.values(ours.getTypeMap())) {
      if (!isEnumType(type) || type.name.startsWith('__')) continue;
      const values = type.getValues().map(({ name, value }) => [name, value as unknown]);
      expect(new Set(values.map(([, value]) => value)).size).toBe(values.length);
      for (const [name, value] of values) expect(value, `${type.name}.${String(name)}`).not.toBe(name);
    }
    const types = ours.getType('MarketDataType');
    expect(isEnumType(types) && types.getValues().map(({ value }) => String(value))).toEqual([...MARKET_DATA_TYPES]);
  });
});
