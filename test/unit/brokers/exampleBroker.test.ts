import { afterEach, expect, it } from 'vitest';
import type { BrokerStatus, Feed, FeedCondition } from '../../../src/brokers/BaseBroker.ts';
import type { FeedEventDraft } from '../../../src/market/marketData.ts';
import { AcmeBroker } from '../../support/exampleBroker/AcmeBroker.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { FakeSockets } from '../../support/FakeSockets.ts';
import { brokerContext } from '../../support/ScriptedBroker.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ScriptedServer } from '../transport/ScriptedServer.ts';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

const BTC: Feed = { symbol: 'BTCUSD', type: 'tick', interval: null };
const OTHER: Feed = { symbol: 'NOUSD', type: 'tick', interval: null };
const QUOTE = { symbol: 'BTCUSD', bid: '10.0', bidSize: '1', ask: '10.2', askSize: '2', time: 1_790_649_901_913 };

async function start() {
  const server = stack.use(await ScriptedServer.start(() => ({ body: JSON.stringify({ symbols: ['BTCUSD'] }) })));
  const clock = new FakeClock();
  const sockets = new FakeSockets();
  const events: FeedEventDraft[] = [];
  const conditions: string[] = [];
  const statuses: BrokerStatus[] = [];
  const sink = {
    onEvent: (_feed: Feed, event: FeedEventDraft) => void events.push(event),
    onFeed: ({ symbol }: Feed, { kind }: FeedCondition) => void conditions.push(`${symbol} ${kind}`),
    onStatus: (status: BrokerStatus) => void statuses.push(status),
    onActivity: () => {},
    onCatalog: () => {},
  };
  const options = { websocketUrl: 'ws://venue', restUrl: server.url, open: sockets.open };
  const broker = stack.use(new AcmeBroker(brokerContext('acme', sink, clock), options));
  broker.start();
  await clock.advance(0);
  await waitFor(() => broker.catalog !== null);
  return { broker, clock, sockets, events, conditions, statuses };
}

it('subscribes to what is wanted, again after each loss, and publishes what comes', async () => {
  const { broker, clock, sockets, events, conditions, statuses } = await start();
  broker.setWanted(new Set([BTC, OTHER]));
  sockets.last.open();
  expect(sockets.last.sent).toEqual(['{"subscribe":["BTCUSD","NOUSD"]}']);
  expect(conditions).toEqual(['BTCUSD live', 'NOUSD closed']);
  sockets.last.json(QUOTE);
  sockets.last.json({ ...QUOTE, bid: 'a lot' });
  expect(events).toMatchObject([{ bid: '10.0', ask: '10.2', mid: '10.1', spread: '0.2' }]);
  sockets.last.drop('reset');
  await clock.advance(1_000);
  expect(sockets.all).toHaveLength(2);
  sockets.last.open();
  expect(sockets.last.sent).toHaveLength(1);
  expect(conditions.slice(2)).toEqual(['BTCUSD recovering', 'NOUSD recovering', 'BTCUSD live', 'NOUSD closed']);
  expect(statuses.at(-1)).toEqual({ kind: 'connected' });
});

it('leaves neither connection nor timer behind when it is closed', async () => {
  const { broker, clock, sockets, statuses } = await start();
  sockets.last.open();
  await broker.close();
  expect(sockets.alive).toEqual([]);
  expect(clock.pending).toBe(0);
  expect(statuses.at(-1)).toEqual({ kind: 'closed' });
});
