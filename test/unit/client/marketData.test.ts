import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { GraphQLInputType, GraphQLOutputType } from 'graphql';
import { subscribeMarketData } from 'tickgraph/client';
import type { MarketData, MarketDataRequest, SubscribingClient } from 'tickgraph/client';
import ts from 'typescript';
import { describe, expect, it, vi } from 'vitest';
import { loadSchema } from '../../../src/graphql/schema.ts';

const schema = loadSchema();
const marketData = schema.getSubscriptionType()?.getFields()['marketData'];
const path = fileURLToPath(new URL('../../../client/index.ts', import.meta.url));
const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);

const SCALARS: Record<string, string> = {
  ID: 'string',
  String: 'string',
  Int: 'number',
  SafeInt: 'number',
  Boolean: 'boolean',
};

/** How the package writes a type of the schema. */
function written(type: GraphQLOutputType | GraphQLInputType): string {
  const bare = getNullableType(type);
  const name = isListType(bare) ? `readonly ${written(bare.ofType)}[]` : getNamedType(bare).name;
  return `${SCALARS[name] ?? name}${isNonNullType(type) ? '' : ' | null'}`;
}

/** The members of one of the package's interfaces, those that it extends included, with their types. */
function membersOf(name: string): Record<string, string> {
  const found = source.statements.filter(ts.isInterfaceDeclaration).find((each) => each.name.text === name);
  if (found === undefined) throw new Error(`There is no interface ${name}.`);
  const inherited = found.heritageClauses?.flatMap(({ types }) => types.map((each) => membersOf(each.getText()))) ?? [];
  const own = found.members.filter(ts.isPropertySignature);
  const entries = own.map((each) => [
    each.name.getText() + (each.questionToken ? '?' : ''),
    each.type?.getText() ?? '',
  ]);
  return Object.assign({}, ...inherited, Object.fromEntries(entries)) as Record<string, string>;
}

/** Inputs may leave out what is nullable or has a default. */
function inputs(args: readonly { name: string; type: GraphQLInputType; defaultValue?: unknown; default?: unknown }[]) {
  return Object.fromEntries(
    args.map((each) => {
      const isOptional = !isNonNullType(each.type) || each.defaultValue !== undefined || each.default !== undefined;
      return [each.name + (isOptional ? '?' : ''), written(each.type).replace(/ \| null$/, '')];
    }),
  );
}

describe('The types of tickgraph/client', () => {
  const events = schema.getPossibleTypes(schema.getType('MarketData') as never).map(({ name }) => name);

  it.each([...events, 'PriceLevel', 'FeedGap', 'FeedReplay'])('have %s exactly as the schema has it', (name) => {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`The schema has no type ${name}.`);
    const fields = Object.values(type.getFields()).map((field) => [field.name, written(field.type)]);
    const { __typename, ...members } = membersOf(name);
    expect(members).toEqual(Object.fromEntries(fields));
    expect(__typename).toBe(events.includes(name) ? `'${name}'` : undefined);
  });

  it('have a union of all events', () => {
    const union = source.statements.filter(ts.isTypeAliasDeclaration).find(({ name }) => name.text === 'MarketData');
    expect(union?.type.getText().split(' | ').toSorted()).toEqual(events.toSorted());
  });

  it.each(['MarketDataType', 'Side', 'CandleInterval', 'BookUpdateKind', 'FeedState'])(
    'have all values of %s',
    (name) => {
      const type = schema.getType(name);
      const alias = source.statements.filter(ts.isTypeAliasDeclaration).find((each) => each.name.text === name);
      const values = alias?.type.getText().match(/\w+/g);
      expect(values).toEqual(isEnumType(type) && type.getValues().map((value) => value.name));
    },
  );

  it('have the arguments and options of the subscription', () => {
    expect(membersOf('MarketDataRequest')).toEqual(inputs(marketData?.args ?? []));
    const options = schema.getType('MarketDataOptions');
    if (options === undefined || !('getFields' in options)) throw new Error('The schema has no options.');
    expect(membersOf('MarketDataOptions')).toEqual(inputs(Object.values(options.getFields()) as never));
  });
});

describe('subscribeMarketData', () => {
  /** What it subscribes with, and the sink that it gives the client. */
  function subscribed(request: MarketDataRequest) {
    const events: MarketData[] = [];
    const ends: unknown[] = [];
    const client = vi.fn<SubscribingClient['subscribe']>(() => () => ends.push('stopped'));
    const stop = subscribeMarketData({ subscribe: client }, request, {
      next: (event) => events.push(event),
      error: (problem) => ends.push(problem),
      complete: () => ends.push('complete'),
    });
    const [[{ query, variables }, sink] = expect.fail('It has not subscribed.')] = client.mock.calls;
    return { query, variables, sink, events, ends, stop };
  }

  it('selects every field of every event, by a valid document', () => {
    const document = parse(subscribed({ symbols: ['A'] }).query);
    expect(validate(schema, document)).toEqual([]);
    const missing = new Set<string>();
    const selected = new Set<string>();
    const info = new TypeInfo(schema);
    visit(
      document,
      visitWithTypeInfo(info, {
        Field: {
          enter(node) {
            selected.add(`${info.getParentType()?.name}.${node.name.value}`);
            const type = getNamedType(info.getType());
            if (isAbstractType(type)) for (const each of schema.getPossibleTypes(type)) missing.add(each.name);
            else if (isObjectType(type)) missing.add(type.name);
          },
        },
      }),
    );
    for (const name of missing) {
      const type = schema.getType(name);
      const fields = isObjectType(type) ? Object.keys(type.getFields()) : [];
      const absent = fields.filter(
        (field) => !selected.has(`${name}.${field}`) && !selected.has(`MarketData.${field}`),
      );
      expect([name, absent]).toEqual([name, []]);
    }
    expect(selected).toContain('MarketData.__typename');
  });

  it('passes its request on, and to the sink events, errors and the end', () => {
    const request: MarketDataRequest = {
      broker: 'mock',
      symbols: ['A'],
      types: ['TRADE'],
      options: { history: 5 },
      resume: ['c'],
    };
    const { variables, sink, events, ends, stop } = subscribed(request);
    expect(variables).toEqual(request);
    sink.next({ data: { marketData: { __typename: 'Trade' } } });
    sink.next({ data: null, errors: ['broken'] });
    sink.error('closed');
    sink.complete();
    stop();
    expect(events).toEqual([{ __typename: 'Trade' }]);
    expect(ends).toEqual([['broken'], 'closed', 'complete', 'stopped']);
  });
});
