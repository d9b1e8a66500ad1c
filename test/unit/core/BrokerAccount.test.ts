import { expect, it, vi } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { PAST_ROOM } from '../../../src/core/NumberedStream.ts';
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
  bus.subscribe({
    known: () => [],
    receive: (key) => ({
      publish: (event) => published.push(event),
      reset: () => undefined,
      [Symbol.dispose]: () => closed.push(key),
    }),
  });
  const made: ScriptedBroker[] = [];
  const account = new BrokerAccount({
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
  account.start();
  const [adapter] = made;
  if (adapter === undefined) throw new Error('no adapter was made');
  const trades = (): MarketData[] => published.filter(({ type }) => type === 'trade');
  return { clock, metrics, account, adapter, made, trades, published, closed };
}

it('ignores what the adapter says of a stream after its end, and goes on with its numbers if it begins again soon', async () => {
  const { clock, account, adapter, trades } = start();
  const interest = account.want(WISH, ASKER);
  await clock.advance(0);
  const feed = adapter.feed('trade BTCUSDT');
  adapter.sink.onEvent(feed, DRAFT);
  interest?.[Symbol.dispose]();
  await clock.advance(LINGER_MS);
  adapter.sink.onEvent(feed, DRAFT);
  expect(trades()).toHaveLength(1);

  account.want(WISH, ASKER);
  await clock.advance(0);
  adapter.sink.onEvent(feed, DRAFT);
  expect(trades()).toHaveLength(1);
  adapter.sink.onEvent(adapter.feed('trade BTCUSDT'), DRAFT);
  expect(trades().map(({ sequence }) => sequence)).toEqual([PAST_ROOM + 1, 2 * PAST_ROOM + 2]);

  const last = adapter.feed('trade BTCUSDT');
  await account.close();
  adapter.sink.onEvent(last, DRAFT);
  expect(trades()).toHaveLength(2);
});

it('counts each event that came once, however often the metrics are looked at', async () => {
  const { clock, metrics, account, adapter } = start();
  account.want(WISH, ASKER);
  account.want({ ...WISH, symbol: 'ETHUSDT' }, ASKER);
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
  const { clock, account, adapter, closed } = start();
  const interests = [account.want(WISH, ASKER), account.want({ ...WISH, type: 'tick' }, ASKER)];
  await clock.advance(0);
  adapter.sink.onFeed(adapter.feed('trade BTCUSDT'), { kind: 'recovering', reason: 'Lost.' });
  const status = account.keyOf({ ...WISH, type: 'status' });
  const wasClosed: boolean[] = [];
  for (const interest of interests) {
    interest?.[Symbol.dispose]();
    await clock.advance(LINGER_MS);
    wasClosed.push(closed.includes(status));
  }
  expect(wasClosed).toEqual([false, true]);
  await account.close();
});

it('says of its symbols why the venue is away, anew when the reason changes', async () => {
  const { clock, account, adapter, published } = start();
  account.want(WISH, ASKER);
  await clock.advance(0);
  for (const reason of ['No route.', 'No route.', 'The venue refuses the token.']) {
    adapter.sink.onStatus({ kind: 'waiting', delayMs: 5, reason });
  }
  expect(published).toMatchObject([
    { type: 'status', state: 'recovering', reason: 'Not connected.' },
    { type: 'status', state: 'recovering', reason: 'No route.' },
    { type: 'status', state: 'recovering', reason: 'The venue refuses the token.' },
  ]);
  await account.close();
});

it('ends each of its streams once when it is closed, even if some are still wanted', async () => {
  const { clock, account, closed } = start();
  const interest = account.want(WISH, ASKER);
  await clock.advance(0);
  await account.close();
  const ended = [...closed];
  expect(ended).toEqual([account.keyOf(WISH), account.keyOf({ ...WISH, type: 'status' })]);
  interest?.[Symbol.dispose]();
  await clock.advance(2 * LINGER_MS);
  expect(closed).toEqual(ended);
  expect(clock.pending).toBe(0);
});

it('asks for everything anew when the venue accepts credentials that it refused, and only then', async () => {
  const { clock, account, adapter, made, trades } = start();
  account.want(WISH, ASKER);
  await clock.advance(0);
  account.accepted();
  expect(made).toHaveLength(1);
  adapter.refused = true;
  adapter.sink.onStatus({ kind: 'closed' });
  account.accepted();
  await clock.advance(0);
  const [, next] = made;
  expect([made.length, adapter.closed]).toEqual([2, true]);
  expect(next?.wantedNames).toEqual(['trade BTCUSDT']);
  next?.sink.onStatus({ kind: 'connected' });
  adapter.sink.onStatus({ kind: 'closed' });
  expect(account.standing.state).toBe('connected');
  next?.sink.onEvent(next.feed('trade BTCUSDT'), DRAFT);
  expect(trades()).toHaveLength(1);
});

it('passes all changes of one turn of the event loop to the adapter as one wanted set', async () => {
  const { clock, account, adapter } = start();
  await clock.advance(0);
  const setWanted = vi.spyOn(adapter, 'setWanted');
  const types = ['tick', 'trade', 'orderbook'] as const;
  const interests = types.map((type) => account.want({ ...WISH, type }, ASKER));
  interests[0]?.[Symbol.dispose]();
  expect(setWanted).not.toHaveBeenCalled();
  await clock.advance(0);
  expect(setWanted.mock.calls.map(([feeds]) => [...feeds].map(({ type }) => type))).toEqual([types]);
  await account.close();
});

it('tells an adapter that is made before the first event up to where subscribers have the past', async () => {
  const behind = vi.spyOn(ScriptedBroker.prototype, 'continueBehind').mockReturnValue();
  const { clock, account, made } = start();
  account.want(WISH, ASKER);
  await clock.advance(0);
  const key = account.keyOf(WISH);
  account.continueBehind(key, 20);
  account.continueBehind(key, 22);
  const anew = async (): Promise<readonly unknown[]> => {
    behind.mockClear();
    account.setEnabled(false);
    account.setEnabled(true);
    await clock.advance(0);
    return behind.mock.calls.map(([, place]) => place);
  };
  // Nothing may be missing for any of them.
  expect(await anew()).toEqual([20]);
  const adapter = made.at(-1);
  adapter?.sink.onEvent(adapter.feed('trade BTCUSDT'), { ...TRADE, tradeId: '30' });
  expect(await anew()).toEqual([30]);
  await account.close();
  behind.mockRestore();
});
