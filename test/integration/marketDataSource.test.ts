import { parse, subscribe } from 'graphql';
import type { ExecutionResult } from 'graphql';
import { describe, expect, it } from 'vitest';
import { ConnectedClient } from '../../src/core/ConnectedClient.ts';
import { ByteBudget } from '../../src/fanout/client/PendingEvents.ts';
import type { GraphqlContext } from '../../src/graphql/context.ts';
import { loadSchema } from '../../src/graphql/schema.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';

const schema = loadSchema();

/** Subscribes with graphql-js itself, which knows nothing of outboxes and shared encodings. */
async function pull(gateway: GraphqlGateway, query: string, queueBytes = 1_000_000) {
  const { services } = gateway;
  const address = { address: '127.0.0.1', secure: true, local: true };
  const client = await ConnectedClient.admit({ services, address, evidence: null, sessionToken: null });
  const document = parse(query);
  const contextValue: GraphqlContext = {
    services,
    client,
    protocol: 'graphql-sse',
    budget: new ByteBudget(queueBytes),
    admit: () => Promise.resolve(),
    lastCursors: null,
    operation: { document, operationName: null, variableValues: null },
  };
  const results = await subscribe({ schema, document, contextValue });
  if (!(Symbol.asyncIterator in results)) throw new Error(JSON.stringify(results));
  return { results, client };
}

const bidOf = ({ value }: IteratorResult<ExecutionResult, unknown>): unknown => {
  const result = value as ExecutionResult | undefined;
  return result?.data?.['marketData'] ?? result?.data?.['marketDataBatch'];
};

const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TICK]) { ... on Tick { bid } } }';

describe('market data that graphql-js pulls', () => {
  it('has every event in order, and releases the stream at the end', async () => {
    await using gateway = await GraphqlGateway.start();
    const { results, client } = await pull(gateway, TICKS);
    const first = results.next();
    await gateway.wanted('tick BTCUSDT');
    for (const bid of ['1', '2', '3']) gateway.tick(bid);
    expect(bidOf(await first)).toEqual({ bid: '1' });
    expect(bidOf(await results.next())).toEqual({ bid: '2' });
    expect(bidOf(await results.next())).toEqual({ bid: '3' });
    await results.return();
    client[Symbol.dispose]();
    await gateway.isIdle();
  });

  it('comes in lists if the field yields lists', async () => {
    await using gateway = await GraphqlGateway.start();
    const query = TICKS.replace('marketData(', 'marketDataBatch(everyMs: 20, ');
    const { results, client } = await pull(gateway, query);
    const first = results.next();
    await gateway.wanted('tick BTCUSDT');
    for (const bid of ['1', '2', '3']) gateway.tick(bid);
    expect(bidOf(await first)).toEqual([{ bid: '1' }, { bid: '2' }, { bid: '3' }]);
    await results.return();
    client[Symbol.dispose]();
    await gateway.isIdle();
  });

  it('ends with SLOW_CONSUMER if events that may not be dropped exceed the budget, and leaves nothing behind', async () => {
    await using gateway = await GraphqlGateway.start();
    const query = 'subscription { marketData(symbols: ["BTCUSDT"], types: [TRADE]) { ... on Trade { tradeId } } }';
    const { results, client } = await pull(gateway, query, 4_000);
    const first = results.next();
    await gateway.wanted('trade BTCUSDT');
    for (let id = 1; id <= 100; id += 1) gateway.trade(id);
    expect(bidOf(await first)).toEqual({ tradeId: '1' });
    await gateway.isIdle();
    await expect(results.next()).rejects.toMatchObject({ code: 'SLOW_CONSUMER' });
    expect(await results.next()).toMatchObject({ done: true });
    client[Symbol.dispose]();
  });
});
