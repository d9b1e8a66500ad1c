import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  buildSchema,
  introspectionFromSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedDirective,
  isSpecifiedScalarType,
} from 'graphql';
import type { GraphQLSchema, IntrospectionSchema, IntrospectionType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../src/graphql/schema.ts';
import { MARKET_DATA_TYPES } from '../../../src/market/marketData.ts';

const publishedFile = fileURLToPath(new URL('../../../../shared/contract.graphql', import.meta.url));
const isPublishedHere = existsSync(publishedFile);
if (!isPublishedHere)
  console.warn('skipped: the comparison with the published schema, because ../shared/contract.graphql does not exist');

function introspect(schema: GraphQLSchema): IntrospectionSchema {
  return introspectionFromSchema(schema, { inputValueDeprecation: true }).__schema;
}

/**
 * Everything that a schema says about a type, as a flat list of paths and values. For a description only its presence
 * counts.
 */
function facts(value: unknown, path = ''): string[] {
  if (Array.isArray(value))
    return value.flatMap((item: unknown, index) => facts(item, `${path}/${nameOf(item) ?? index}`));
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, member]) => {
      if (key === 'description') return member === null ? [] : [`${path}.description`];
      return facts(member, `${path}.${key}`);
    });
  }
  return [`${path} = ${JSON.stringify(value)}`];
}

function nameOf(item: unknown): string | undefined {
  return typeof item === 'object' && item !== null && 'name' in item && typeof item.name === 'string'
    ? item.name
    : undefined;
}

const isRootType = (name: string): boolean => ['Query', 'Mutation', 'Subscription'].includes(name);

function undescribedIn(
  owner: string,
  parts: readonly { readonly name: string; readonly description?: string | null | undefined }[],
): string[] {
  return parts.filter(({ description }) => !description).map(({ name }) => `${owner}.${name}`);
}

describe('the schema', () => {
  const ours = loadSchema();

  it.skipIf(!isPublishedHere)(
    'has every type, field, argument and default that is published, with the published descriptions',
    () => {
      const published = introspect(buildSchema(readFileSync(publishedFile, 'utf8')));
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
      expect([...new Set(missing)]).toEqual([]);
    },
  );

  it.skipIf(!isPublishedHere)(
    'requires no argument and no input field that is not required in the published schema',
    () => {
      const published = buildSchema(readFileSync(publishedFile, 'utf8'));
      const known = new Set(facts(introspect(published)).map((fact) => fact.split('.name = ', 1)[0]));
      const required = (schema: GraphQLSchema): string[] =>
        facts(introspect(schema)).filter((fact) => {
          const [, owner = ''] = /^(.*)\.(?:args|inputFields)\/\w+\.type\.kind = "NON_NULL"/.exec(fact) ?? [];
          return known.has(owner);
        });
      expect(required(published).length).toBeGreaterThan(10);
      expect(required(ours).toSorted()).toEqual(required(published).toSorted());
    },
  );

  it('describes every directive and its arguments', () => {
    const own = ours.getDirectives().filter((directive) => !isSpecifiedDirective(directive));
    expect(own.length).toBeGreaterThan(0);
    expect(own.flatMap((each) => [...undescribedIn('', [each]), ...undescribedIn(each.name, each.args)])).toEqual([]);
  });

  it('describes every type, field, argument and enum value', () => {
    const undescribed = Object.values(ours.getTypeMap()).flatMap((type) => {
      if (type.name.startsWith('__') || isSpecifiedScalarType(type)) return [];
      const own = isRootType(type.name) ? [] : undescribedIn('', [type]);
      if (isEnumType(type)) return [...own, ...undescribedIn(type.name, type.getValues())];
      if (isInputObjectType(type)) return [...own, ...undescribedIn(type.name, Object.values(type.getFields()))];
      if (!isObjectType(type) && !isInterfaceType(type)) return own;
      const fields = Object.values(type.getFields());
      const ofArguments = fields.flatMap(({ name, args }) => undescribedIn(`${type.name}.${name}`, args));
      return [...own, ...undescribedIn(type.name, fields), ...ofArguments];
    });
    expect(undescribed).toEqual([]);
  });

  it('maps every enum value to a different value of the domain', () => {
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
