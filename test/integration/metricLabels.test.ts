import { expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';

const SYMBOLS = 10_000;
const AT_ONCE = 200;
const NAMES = 500;

/** Every series of the gateway, as its name with its labels. */
async function series({ metrics }: MarketDataServer): Promise<readonly string[]> {
  const text = await metrics.registry.metrics();
  return text
    .split('\n')
    .filter((line) => line.startsWith('tickgraph_'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')));
}

it('ten thousand symbols, brokers and operations that do not exist make no more series of metrics than one of each', async () => {
  await using gateway = await startGateway({
    config: {
      brokers: { mock: { kind: 'mock-binance' } },
      limits: { messagesPerSecond: 1_000, invalidMessagesPerMinute: 100_000, subscriptionsPerConnection: 10_000 },
    },
  });
  await using raw = await RawClient.connect(gateway.urls.raw);
  await using graphql = await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws'));
  await raw.subscribe('mock', ['BTCUSDT']);
  await raw.waitFor(({ type }) => type === 'data');
  const ask = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1) {
      raw.send({ action: 'subscribe', broker: `bogus${n}`, symbols: ['BTCUSDT'] });
      raw.send({ action: `bogus${n}` });
      const wish = `broker: "bogus${n}", symbols: ["B${n}"], types: [TRADE]`;
      graphql.subscribe(`s${n}`, `subscription Bogus${n} { marketData(${wish}) { time } }`);
      graphql.subscribe(`q${n}`, `query Bogus${n} { bogus${n}: brokers { bogus${n} } }`);
      await fetch(`${gateway.urls.http}/bogus${n}`);
    }
    await raw.ask({ action: 'ping' });
    await graphql.typed('error', `s${to - 1}`);
    await graphql.typed('error', `q${to - 1}`);
  };
  const subscribe = (from: number, count: number): Promise<unknown> =>
    raw.subscribe(
      'mock',
      Array.from({ length: count }, (_, n) => `BOGUS${from + n}`),
    );
  await subscribe(0, 1);
  await ask(0, 1);
  const before = await series(gateway);
  expect(before).toContain('tickgraph_errors_total{code="UNKNOWN_SYMBOL"}');
  expect(before).toContain('tickgraph_errors_total{code="UNKNOWN_BROKER"}');

  for (let n = 1; n < SYMBOLS; n += AT_ONCE) await subscribe(n, AT_ONCE);
  await ask(1, NAMES);
  expect(await series(gateway)).toEqual(before);
  expect(before.join()).not.toMatch(/bogus/i);
}, 30_000);
