import { isInterfaceType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_OPTIONS } from '../../../src/core/subscription.ts';
import { loadSchema } from '../../../src/graphql/schema.ts';
import { ERROR_CODES } from '../../../src/shared/errors.ts';
import { textOf } from '../../support/docPages.ts';
import { load, valid } from '../config/support.ts';

const schema = loadSchema();

/** The cells of the lines of a page's tables that begin with code, each cell without its marks. */
function rowsOf(page: string, heading: string): readonly (readonly string[])[] {
  const [, section = ''] = textOf(page).split(`\n## ${heading}\n`);
  return (section.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map((cells) => cells.slice(1, -1));
}

describe('the GraphQL guide', () => {
  it('has a line for every error code, with its HTTP status and whether to try again', () => {
    const told = rowsOf('docs/graphql.md', 'Errors').filter(([code = '']) => /^[A-Z_]+$/.test(code));
    const codes = Object.entries(ERROR_CODES).map(([code, { httpStatus, retryable }]) => [
      code,
      String(httpStatus),
      retryable ? 'yes' : 'no',
    ]);
    expect(told.map((cells) => cells.slice(0, 3))).toEqual(codes);
  });

  it('has a line for every option, with its default', () => {
    const told = rowsOf('docs/graphql.md', 'Options').map(([name, , standard]) => [name, standard]);
    const options = Object.entries({ ...DEFAULT_OPTIONS, interval: 'ONE_MINUTE', book: 'SNAPSHOT' });
    expect(told).toEqual(options.map(([name, value]) => [name, String(value)]));
  });

  it('has every type of event with its own fields, and says to caches which types there are', () => {
    const marketData = schema.getType('MarketData');
    if (!isInterfaceType(marketData)) throw new TypeError('MarketData is no interface');
    const shared = Object.keys(marketData.getFields());
    const types = schema.getPossibleTypes(marketData).map(({ name }) => name);
    const told = rowsOf('docs/graphql.md', 'Events').filter(([name = '']) => /^[A-Z]/.test(name));
    expect(told.map(([name = '']) => name).toSorted()).toEqual(types.toSorted());
    for (const [name = '', fields = ''] of told) {
      const type = schema.getType(name);
      const own = isObjectType(type) ? Object.keys(type.getFields()).filter((field) => !shared.includes(field)) : [];
      expect(fields.replace(" (the taker's)", '').split(', ')).toEqual(own);
    }
    const [, list = ''] = /possibleTypes: \{ MarketData: \[([^\]]*)\] \}/.exec(textOf('docs/graphql.md')) ?? [];
    expect(list.match(/\w+/g)?.toSorted()).toEqual(types.toSorted());
  });

  it('names every query, mutation and subscription', () => {
    const told = textOf('docs/graphql.md');
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    for (const name of roots.flatMap((root) => Object.keys(root?.getFields() ?? {}))) {
      expect(told).toMatch(new RegExp(`\`${name}[(\`]`));
    }
  });

  it('says to graphcache of every type without an id that it is no entity', () => {
    const entities = Object.values(schema.getTypeMap()).filter(isObjectType);
    const without = entities.filter((type) => !type.name.startsWith('__') && type.getFields()['id'] === undefined);
    const roots = ['Query', 'Mutation', 'Subscription', 'PageInfo', 'BrokerAuthentication', 'LoginRenewal'];
    const names = without.map(({ name }) => name).filter((name) => !roots.includes(name));
    const told = [...textOf('docs/graphql.md').matchAll(/^ +(\w+): \(\) => null,$/gm)].map(([, name = '']) => name);
    expect(told.toSorted()).toEqual(names.toSorted());
  });

  it('names the settings of limits with their defaults', () => {
    const { limits } = valid(load());
    const [, section = ''] = textOf('docs/graphql.md').split('\n## Limits and cost\n');
    const named = section
      .split('\n')
      .filter((line) => line.includes('| `limits.'))
      .flatMap((line) => {
        const [settings = '', defaults = ''] = line
          .split('|')
          .slice(2)
          .map((cell) => cell.trim());
        const values = defaults.split(', ');
        return [...settings.matchAll(/limits\.(\w+)/g)].map(([, name = ''], at) => [name, Number(values[at])] as const);
      });
    expect(named.length).toBeGreaterThan(5);
    for (const [name, value] of named) expect(limits).toMatchObject({ [name]: value });
  });
});

describe('the README', () => {
  it('has ten settings, with their defaults', () => {
    const told = rowsOf('README.md', 'Configure');
    expect(told).toHaveLength(10);
    const config: unknown = valid(load());
    for (const [path = '', standard = ''] of told) {
      const value = path.split('.').reduce<unknown>((map, key) => Reflect.get(Object(map), key), config);
      expect(standard, path).toBe(typeof value === 'string' ? value : JSON.stringify(value));
    }
  });
});

describe('the page on operating', () => {
  it('names every alert of deploy/, and no other', () => {
    const { groups } = parse(textOf('deploy/alerts.yaml')) as {
      readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
    };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    const told = [...textOf('docs/operating.md').matchAll(/`(Tickgraph\w+)`/g)].map(([, name = '']) => name);
    expect([...new Set(told)].toSorted()).toEqual(alerts.toSorted());
  });
});
