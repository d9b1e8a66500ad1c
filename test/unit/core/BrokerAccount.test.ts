import { expect, it, vi } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { BrokerAccount } from '../../../src/core/BrokerAccount.ts';
import type { FeedEventDraft, MarketData, StreamKey } from '../../../src/market/marketData.ts';
import { SHARED } from '../../../src/market/marketData.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { trade } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { brokerContext, ScriptedBroker } from '../../support/ScriptedBroker.ts';
import { ASKER } from '../../support/asker.ts';

const { broker: _broker, symbol: _symbol, sequence: _sequence, cursor: _cursor, ...TRADE } = trade(1);
const DRAFT: FeedEventDraft = TRADE;
const WISH = { symbol: 'BTCUSDT', type: 'trade', interval: null } as const;
const LINGER_MS = 5_000;

function start() {
  const clock = new FakeClock();
  const metrics = new Metrics();
  const bus = new MemoryBus();
  const published: MarketData[] = [];
  const closed: StreamKey[] = [];
  bus.subscribe((key) => ({
    publish: (event) => published.push(event),
    reset: () => undefined,
    [Symbol.dispose]: () => closed.push(key),
  }));
  const made: ScriptedBroker[] = [];
  const managed = new BrokerAccount({
    id: 'binance',
    scope: SHARED,
    enabled: true,
    create: (sink) => {
      const adapter = new ScriptedBroker(brokerContext('binance', sink, clock));
      made.push(adapter);
      return adapter;
    },
    bus,
    clock,
    metrics,
    logger: silentLogger(),
    staleAfterMs: 10_000,
    lingerMs: LINGER_MS,
    onChange: () => undefined,
    onWanted: () => undefined,
  });
  managed.start();
  const [adapter] = made;
  if (adapter === undefined) throw new Error('no adapter was made');
  const trades = (): MarketData[] => published.filter(({ type }) => type === 'trade');
  return { clock, metrics, managed, adapter, made, trades, closed };
}

it('hears nothing more of a stream at its end, and numbers its next life from 1', async () => {
  const { clock, managed, adapter, trades } = start();
  const interest = managed.want(WISH, ASKER);
  await clock.advance(0);
  const feed = adapter.feed('trade BTCUSDT');
  adapter.sink.onEvent(feed, DRAFT);
  interest?.[Symbol.dispose]();
  await clock.advance(LINGER_MS);
  adapter.sink.onEvent(feed, DRAFT);
  expect(trades()).toHaveLength(1);

  managed.want(WISH, ASKER);
  await clock.advance(0);
  adapter.sink.onEvent(feed, DRAFT);
  expect(trades()).toHaveLength(1);
  adapter.sink.onEvent(adapter.feed('trade BTCUSDT'), DRAFT);
  expect(trades().map(({ sequence }) => sequence)).toEqual([1, 1]);

  const last = adapter.feed('trade BTCUSDT');
  await managed.close();
  adapter.sink.onEvent(last, DRAFT);
  expect(trades()).toHaveLength(2);
});

it('counts each event that came once, however often the metrics are looked at', async () => {
  const { clock, metrics, managed, adapter } = start();
  managed.want(WISH, ASKER);
  managed.want({ ...WISH, symbol: 'ETHUSDT' }, ASKER);
  await clock.advance(0);
  const counted = async (): Promise<unknown> => (await metrics.eventsReceived.get()).values;
  const trades = (value: number): unknown => [{ labels: { broker: 'binance', type: 'trade' }, value }];
  adapter.sink.onEvent(adapter.feed('trade BTCUSDT'), DRAFT);
  adapter.sink.onEvent(adapter.feed('trade ETHUSDT'), DRAFT);
  expect(await counted()).toEqual(trades(2));
  expect(await counted()).toEqual(trades(2));
  adapter.sink.onEvent(adapter.feed('trade ETHUSDT'), DRAFT);
  expect(await counted()).toEqual(trades(3));
});

it('keeps the status of a symbol until the last of its streams is closed', async () => {
  const { clock, managed, adapter, closed } = start();
  const interests = [managed.want(WISH, ASKER), managed.want({ ...WISH, type: 'tick' }, ASKER)];
  await clock.advance(0);
  adapter.sink.onFeed(adapter.feed('trade BTCUSDT'), { kind: 'recovering', reason: 'Lost.' });
  const status = managed.keyOf({ ...WISH, type: 'status' });
  const told: boolean[] = [];
  for (const interest of interests) {
    interest?.[Symbol.dispose]();
    await clock.advance(LINGER_MS);
    told.push(closed.includes(status));
  }
  expect(told).toEqual([false, true]);
  await managed.close();
});

it('ends each of its streams once, whoever still wants one when it is closed', async () => {
  const { clock, managed, closed } = start();
  const interest = managed.want(WISH, ASKER);
  await clock.advance(0);
  await managed.close();
  const ended = [...closed];
  expect(ended).toEqual([managed.keyOf(WISH), managed.keyOf({ ...WISH, type: 'status' })]);
  interest?.[Symbol.dispose]();
  await clock.advance(2 * LINGER_MS);
  expect(closed).toEqual(ended);
  expect(clock.pending).toBe(0);
});

it('asks for everything anew when the venue accepts credentials that it refused, and only then', async () => {
  const { clock, managed, adapter, made, trades } = start();
  managed.want(WISH, ASKER);
  await clock.advance(0);
  managed.accepted();
  expect(made).toHaveLength(1);
  adapter.refused = true;
  adapter.sink.onStatus({ kind: 'closed' });
  managed.accepted();
  await clock.advance(0);
  const [, next] = made;
  expect([made.length, adapter.closed]).toEqual([2, true]);
  expect(next?.wantedNames).toEqual(['trade BTCUSDT']);
  next?.sink.onStatus({ kind: 'connected' });
  adapter.sink.onStatus({ kind: 'closed' });
  expect(managed.standing.state).toBe('connected');
  next?.sink.onEvent(next.feed('trade BTCUSDT'), DRAFT);
  expect(trades()).toHaveLength(1);
});

it('passes all changes of one turn of the event loop to the adapter as one wanted set', async () => {
  const { clock, managed, adapter } = start();
  await clock.advance(0);
  const setWanted = vi.spyOn(adapter, 'setWanted');
  const types = ['tick', 'trade', 'orderbook'] as const;
  const interests = types.map((type) => managed.want({ ...WISH, type }, ASKER));
  interests[0]?.[Symbol.dispose]();
  expect(setWanted).not.toHaveBeenCalled();
  await clock.advance(0);
  expect(setWanted.mock.calls.map(([feeds]) => [...feeds].map(({ type }) => type))).toEqual([types]);
  await managed.close();
});
