import { expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { asyncApi, RawSchemas } from '../support/rawSchemas.ts';
import { startGateway } from '../support/startGateway.ts';

/** Soon after the start the mock loses trades, then its connection, and its market halts. */
const FAULTS = [
  { kind: 'gap', afterMs: 1_500, forMs: 300 },
  { kind: 'disconnect', afterMs: 2_500, forMs: 300 },
  { kind: 'halt', afterMs: 3_500, forMs: 300 },
];
const CREDENTIALS = { token: 'mock-token', accountId: 'mock-account' };
const TYPES = ['tick', 'trade', 'candle', 'orderbook'];

it('every message of a gateway is one of docs/asyncapi.yaml, and each of those is sent', async () => {
  const schemas = new RawSchemas();
  await using gateway = await startGateway({
    config: {
      brokers: {
        'mock-binance': { kind: 'mock-binance', ticksPerSecond: 50, faults: FAULTS },
        'mock-oanda': { kind: 'mock-oanda' },
      },
    },
  });
  await using client = await RawClient.connect(gateway.urls.http);
  const options = { book: 'delta', depth: 3, interval: '1s', history: 5 };
  await client.subscribe('mock-binance', ['BTCUSDT', 'nothing'], TYPES, options);
  await client.subscribe('mock-binance', ['nothing']);
  await client.ask({ action: 'authenticate', broker: 'mock-oanda', credentials: CREDENTIALS });
  await client.subscribe(null, ['BTCUSDT', 'EUR_USD'], ['tick']);
  await client.ask({ action: 'auth', credentials: { token: 'no login is required' } });
  await client.ask({ action: 'list' });
  await client.ask({ action: 'ping' });
  client.send('no JSON');
  await client.waitFor(({ status }) => status === 'gap');
  await client.waitFor(({ status }) => status === 'recovering');
  await client.waitFor(({ status }) => status === 'closed');
  for (const type of TYPES) expect(client.data(type)).not.toHaveLength(0);
  await client.ask({ action: 'unsubscribe', broker: 'mock-binance' });

  for (const message of client.messages) expect(schemas.kindsOf(message), JSON.stringify(message)).toHaveLength(1);
  const sent = new Set(client.messages.flatMap((message) => schemas.kindsOf(message)));
  const { messages } = asyncApi().components;
  const ofGateway = Object.keys(messages).filter((name) => messages[name]?.payload.properties['type'] !== undefined);
  expect([...sent].toSorted()).toEqual(ofGateway.toSorted());
});
