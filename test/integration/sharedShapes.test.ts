import { execute, parse, validate } from 'graphql';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientErrors } from '../../src/graphql/ClientErrors.ts';
import { loadSchema } from '../../src/graphql/schema.ts';
import { SharedShapes } from '../../src/graphql/SharedShapes.ts';
import type { MarketData } from '../../src/market/marketData.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { book, tick, trade } from '../support/events.ts';
import { waitFor } from '../support/waitFor.ts';

const schema = loadSchema();
const errors = new ClientErrors({ logger: silentLogger(), metrics: new Metrics(), suggestions: true });

const FIELDS = ['broker', 'symbol', 'type', 'time', 'receivedAt', 'sequence', 'cursor', '__typename'];
const OWN: Record<string, readonly string[]> = {
  Tick: ['bid', 'bidSize', 'ask', 'askSize', 'last', 'mid', 'spread'],
  Trade: ['id', 'price', 'size', 'side'],
  OrderBook: ['kind', 'bids { price }', 'asks { size price }'],
};

const directive = fc.constantFrom(
  '',
  ' @include(if: true)',
  ' @skip(if: true)',
  ' @include(if: $on)',
  ' @skip(if: $on)',
);
const field = (names: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom('', 'a', 'b'), directive)
    // An alias is made of the field's name: two fields of one name would conflict.
    .map(
      ([name, alias, when]) =>
        `${alias === '' ? '' : `${alias}_${name.split(' ')[0] ?? ''}: `}${name.replace(/ \{/, `${when} {`)}${name.includes('{') ? '' : when}`,
    );
const selection = fc
  .record({
    common: fc.array(field(FIELDS), { minLength: 1, maxLength: 6 }),
    tick: fc.array(field(OWN['Tick'] ?? []), { maxLength: 5 }),
    trade: fc.array(field(OWN['Trade'] ?? []), { maxLength: 4 }),
    book: fc.array(field(OWN['OrderBook'] ?? []), { maxLength: 3 }),
    spread: fc.boolean(),
  })
  .map(({ common, tick: ofTick, trade: ofTrade, book: ofBook, spread }) => {
    const on = (type: string, fields: string[]): string =>
      fields.length === 0 ? '' : `... on ${type} { ${fields.join(' ')} }`;
    const rest = [on('Tick', ofTick), on('Trade', ofTrade), on('OrderBook', ofBook)].join(' ');
    return spread
      ? { body: `...F ${rest}`, fragment: `fragment F on MarketData { ${common.join(' ')} }` }
      : { body: `${common.join(' ')} ${rest}`, fragment: '' };
  });

const events: readonly MarketData[] = [
  tick(1),
  trade(2),
  book(3, 'snapshot', { bids: [['1.10', '5']], asks: [['1.20', '7.000']] }),
  book(4, 'delta', {}),
];

describe('an event told in a shared shape', () => {
  it('is byte for byte what graphql-js and JSON.stringify give, whatever the document', () => {
    let valid = 0;
    fc.assert(
      fc.property(selection, fc.boolean(), fc.constantFrom('', 'm: '), ({ body, fragment }, on, alias) => {
        const text = `subscription S($symbols: [String!]!, $on: Boolean = ${on}) { ${alias}marketData(symbols: $symbols) { ${body} } } ${fragment}`;
        const document = parse(text);
        const unused = text.includes('$on)') ? [] : ['Variable "$on" is never used in operation "S".'];
        const found = validate(schema, document).map(({ message }) => message);
        if (found.some((message) => !unused.includes(message))) return;
        valid += 1;
        const variableValues = { symbols: ['BTCUSDT'] };
        using shape = new SharedShapes({ schema, errors }).use({ document, operationName: 'S', variableValues });
        for (const event of events) {
          const stock = execute({ schema, document, operationName: 'S', variableValues, rootValue: { event } });
          expect(shape.encoder.encode(event).toString()).toBe(JSON.stringify(stock));
        }
      }),
    );
    expect(valid).toBeGreaterThan(20);
  });
});

describe('subscriptions', () => {
  const document = (text: string) => ({ document: parse(text), operationName: undefined });

  it('share a shape whatever their symbols, and no other variable', () => {
    const shapes = new SharedShapes({ schema, errors });
    const text =
      'subscription ($s: [String!]!, $b: ID, $d: Int!) { marketData(broker: $b, symbols: $s, options: { depth: $d }) { symbol } }';
    using one = shapes.use({ ...document(text), variableValues: { s: ['A'], b: 'x', d: 5 } });
    using two = shapes.use({ ...document(text.replace('(', '( ')), variableValues: { d: 5, s: ['B', 'C'] } });
    using three = shapes.use({ ...document(text), variableValues: { s: ['A'], b: 'x', d: 6 } });
    expect(one.encoder).toBe(two.encoder);
    expect(one.encoder).not.toBe(three.encoder);
  });

  it('do not share by a variable that also shapes the answer', () => {
    const shapes = new SharedShapes({ schema, errors });
    const text =
      'subscription ($s: [String!]!, $b: Boolean!) { marketData(symbols: $s) { symbol @include(if: $b) cursor } }';
    using one = shapes.use({ ...document(text), variableValues: { s: ['A'], b: true } });
    using two = shapes.use({ ...document(text), variableValues: { s: ['A'], b: false } });
    expect(one.encoder).not.toBe(two.encoder);
  });

  it('leave no shape behind', () => {
    const shapes = new SharedShapes({ schema, errors });
    const request = { ...document('subscription { marketData(symbols: ["A"]) { symbol } }'), variableValues: {} };
    const one = shapes.use(request);
    const two = shapes.use(request);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(shapes.size).toBe(1);
    two[Symbol.dispose]();
    expect(shapes.size).toBe(0);
  });

  it('of many clients under ids of all lengths each get every event once, in order, with their own id', async () => {
    await using gateway = await GraphqlGateway.start();
    await using stack = new AsyncDisposableStack();
    const query =
      'subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { id } } }';
    const clients = await Promise.all(
      ['a', 'bb', 'cc', '"quoted"', 'é'].map(async (id) => {
        const client = stack.use(await TransportWsClient.connect(gateway.wsUrl));
        client.subscribe(id, query);
        client.subscribe(`${id}2`, query);
        return { client, id };
      }),
    );
    await gateway.wanted('trade BTCUSDT');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 10);
    for (let id = 1; id <= 500; id += 1) gateway.trade(id);
    const expected = Array.from({ length: 500 }, (_, index) => `{"data":{"marketData":{"id":"${index + 1}"}}}`);
    for (const { client, id } of clients) {
      for (const each of [id, `${id}2`]) {
        await waitFor(() => client.of(each).length === 500, `500 trades for ${each}`);
        expect(client.of(each).map(({ payload }) => JSON.stringify(payload))).toEqual(expected);
      }
    }
  });
});
