import { execute, parse, validate } from 'graphql';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedEvent } from '../../src/fanout/frames/SharedEvent.ts';
import { ClientErrors } from '../../src/graphql/ClientErrors.ts';
import { SharedShapes, joinLists } from '../../src/graphql/shapes/SharedShapes.ts';
import { loadSchema } from '../../src/graphql/schema.ts';
import type { MarketData } from '../../src/market/marketData.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { key, tick } from '../support/events.ts';
import { oddEvents, randomEvents } from '../support/randomEvents.ts';
import { randomSubscriptions } from '../support/randomSubscriptions.ts';
import { waitFor } from '../support/waitFor.ts';
import { MARKET_DATA_TYPES } from '../../src/market/marketData.ts';

const schema = loadSchema();
const errors = new ClientErrors({ logger: silentLogger(), metrics: new Metrics(), suggestions: true });

const sharedEventsOf = (events: readonly MarketData[]): SharedEvent[] =>
  events.map((event) => new SharedEvent(key('tick'), event));

/** Removes the id of a fault, which differs each time that the fault happens. */
const masked = (text: string): string => text.replaceAll(/logged as [\w-]+/g, 'logged');

const SINGLE = { yields: 'single', types: MARKET_DATA_TYPES } as const;

describe('an event that is encoded in a shared shape', () => {
  it('is byte for byte the result of graphql-js and JSON.stringify, whatever the document and the event', () => {
    let valid = 0;
    const shapes = new SharedShapes({ schema, errors });
    fc.assert(
      fc.property(randomSubscriptions(schema), fc.array(randomEvents), ({ text, ...operation }, events) => {
        const document = parse(text);
        if (validate(schema, document).length > 0) return;
        valid += 1;
        using shape = shapes.use({ document, ...operation, ...SINGLE });
        for (const event of events) {
          const stock = execute({ schema, document, ...operation, rootValue: { event } });
          if ('then' in stock) expect.unreachable();
          else expect(shape.encoder.encode(event)).toBe(JSON.stringify(errors.formatResult(stock)));
        }
      }),
    );
    expect(valid).toBeGreaterThan(80);
  });

  it('has the result of graphql-js in lists too, which are joined from the texts of single events', () => {
    let joined = 0;
    const events = fc.array(fc.oneof({ weight: 9, arbitrary: randomEvents }, { weight: 1, arbitrary: oddEvents }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(randomSubscriptions(schema), events, ({ text, ...operation }, list) => {
        const document = parse(text.replace(/\bmarketData\(/, 'marketDataBatch('));
        if (validate(schema, document).length > 0) return;
        using shape = new SharedShapes({ schema, errors }).use({ document, ...operation, ...SINGLE, yields: 'list' });
        const stockOf = (those: typeof list) =>
          execute({ schema, document, ...operation, rootValue: those.map((event) => ({ event })) });
        // An error in one event may keep graphql-js from looking at another, which would have to be awaited.
        if (list.some((event) => 'then' in stockOf([event]))) return;
        const stock = stockOf(list);
        if ('then' in stock) return;
        if (joinLists(list.map((event) => shape.encoder.encode(event))) !== null) joined += 1;
        const texts = shape.list(sharedEventsOf(list)).payloads.map((payload) => payload.text);
        expect(texts.map(masked)).toEqual([masked(JSON.stringify(errors.formatResult(stock)))]);
      }),
    );
    expect(joined).toBeGreaterThan(20);
  });

  it('is in lists that are made once for all subscriptions that get the same list', () => {
    const document = parse('subscription { marketDataBatch(symbols: ["A"]) { sequence } }');
    const shapes = new SharedShapes({ schema, errors });
    const request = { document, operationName: undefined, variableValues: {}, ...SINGLE, yields: 'list' } as const;
    using shape = shapes.use(request);
    using other = shapes.use(request);
    const [first, second] = [sharedEventsOf([tick(1), tick(2)]), sharedEventsOf([tick(1), tick(2)])];
    const made = shape.list(first);
    expect(other.list([...first])).toBe(made);
    expect(shape.list(first.slice(0, 1))).not.toBe(made);
    const anew = shape.list(second);
    expect(anew).not.toBe(made);
    expect(anew.payloads.map(({ text }) => text)).toEqual(made.payloads.map(({ text }) => text));
  });

  it('gets the error of graphql-js if it is not as it should be, and the next event is encoded again', () => {
    const document = parse('subscription { marketData(symbols: ["A"]) { ... on Tick { bid } } }');
    const request = { document, operationName: undefined, variableValues: {}, ...SINGLE };
    using shape = new SharedShapes({ schema, errors }).use(request);
    const resultOf = (event: MarketData): unknown => JSON.parse(shape.encoder.encode(event));
    const wrong = { ...tick(1), bid: null } as unknown as MarketData;
    const path = ['marketData', 'bid'];
    expect(resultOf(wrong)).toMatchObject({ data: null, errors: [{ path, extensions: { code: 'INTERNAL' } }] });
    expect(resultOf(tick(2))).toEqual({ data: { marketData: { bid: '100.10' } } });
  });
});

describe('subscriptions', () => {
  const document = (text: string) => ({ document: parse(text), operationName: undefined, ...SINGLE });

  it('share a shape if they differ in their symbols only', () => {
    const shapes = new SharedShapes({ schema, errors });
    const text =
      'subscription ($s: [String!]!, $b: ID, $d: Int!) { marketData(broker: $b, symbols: $s, options: { depth: $d }) { symbol } }';
    using one = shapes.use({ ...document(text), variableValues: { s: ['A'], b: 'x', d: 5 } });
    using two = shapes.use({ ...document(text.replace('(', '( ')), variableValues: { d: 5, s: ['B', 'C'] } });
    using three = shapes.use({ ...document(text), variableValues: { s: ['A'], b: 'x', d: 6 } });
    expect(one.encoder).toBe(two.encoder);
    expect(one.encoder).not.toBe(three.encoder);
  });

  it('share a shape with those who come back, whatever their cursors are', () => {
    const shapes = new SharedShapes({ schema, errors });
    const text = 'subscription ($r: [String!]) { marketData(symbols: ["A"], resume: $r) { symbol cursor } }';
    using stayed = shapes.use({ ...document(text), variableValues: {} });
    using back = shapes.use({ ...document(text), variableValues: { r: ['1abcdefghABCDEFGHIJKL7'] } });
    using other = shapes.use({ ...document(text), variableValues: { r: ['1abcdefghABCDEFGHIJKL8'] } });
    expect(back.encoder).toBe(stayed.encoder);
    expect(other.encoder).toBe(stayed.encoder);
  });

  it('do not share a shape if the variable of the symbols also shapes the answer', () => {
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
      'subscription { marketData(broker: "binance", symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';
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
    const expected = Array.from({ length: 500 }, (_, index) => `{"data":{"marketData":{"tradeId":"${index + 1}"}}}`);
    for (const { client, id } of clients) {
      for (const each of [id, `${id}2`]) {
        await waitFor(() => client.of(each).length === 500, `500 trades for ${each}`);
        expect(client.of(each).map(({ payload }) => JSON.stringify(payload))).toEqual(expected);
      }
    }
  });
});
