import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { BrokerSink } from '../../../src/brokers/BaseBroker.ts';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { Broker } from '../../../src/core/Broker.ts';
import { CredentialVault } from '../../../src/core/CredentialVault.ts';
import { SHARED } from '../../../src/market/marketData.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { ScriptedBroker, TRAITS, brokerContext } from '../../support/ScriptedBroker.ts';
import { ASKER } from '../../support/asker.ts';

const CREDENTIALS = { token: 't', accountId: 'a', apiKey: null, apiSecret: null };

function start() {
  const clock = new FakeClock();
  const metrics = new Metrics();
  const made: ScriptedBroker[] = [];
  const logged: string[] = [];
  const make = (sink: BrokerSink): ScriptedBroker => {
    const adapter = new ScriptedBroker(brokerContext('venue', sink, clock));
    made.push(adapter);
    return adapter;
  };
  const broker = new Broker({
    definition: {
      id: 'venue',
      enabled: true,
      traits: TRAITS,
      shared: make,
      clients: { check: () => Promise.resolve(), create: make },
    },
    bus: new MemoryBus(),
    clock,
    metrics,
    logger: pino({ level: 'debug', base: null, timestamp: false }, { write: (line: string) => void logged.push(line) }),
    staleAfterMs: 10_000,
    lingerMs: 1_000,
    onChange: () => undefined,
  });
  broker.start();
  return {
    clock,
    broker,
    made,
    /** The lines since the last call: level, message and reason or symbols. */
    takeLog: () =>
      logged.splice(0).map((line) => {
        const { level, msg, reason, symbols, count, awaySeconds } = JSON.parse(line) as Record<string, unknown>;
        return [level === 40 ? 'warn' : 'info', msg, symbols ?? awaySeconds, count, reason].filter(Boolean).join(' ');
      }),
    hold: (scope: string, onWorthless = (): void => undefined) =>
      broker.holdAccount(scope, new CredentialVault().seal(CREDENTIALS, scope), onWorthless),
    want: (scope: string, type: 'tick' | 'trade') =>
      broker.withScope(scope)?.want({ symbol: 'BTCUSDT', type, interval: null }, ASKER),
    /** The value of the gauge after this turn, or null if it has no value for this broker. */
    streams: async () => {
      await clock.advance(0);
      return (
        (await metrics.upstreamStreams.get()).values.find(({ labels }) => labels.broker === 'venue')?.value ?? null
      );
    },
    states: async () => (await metrics.brokerState.get()).values.length,
  };
}

describe('tickgraph_upstream_streams', () => {
  it('is 0 from the start, counts a stream once however many want it, and until its linger is over', async () => {
    const { clock, want, streams } = start();
    expect(await streams()).toBe(0);
    const wants = [want(SHARED, 'tick'), want(SHARED, 'tick'), want(SHARED, 'trade')];
    expect(await streams()).toBe(2);
    for (const each of wants) each?.[Symbol.dispose]();
    await clock.advance(999);
    expect(await streams()).toBe(2);
    await clock.advance(1);
    expect(await streams()).toBe(0);
  });

  it('adds up the accounts, and forgets the streams of one that is closed', async () => {
    const { hold, want, streams } = start();
    const held = hold('one');
    want(SHARED, 'tick');
    want('one', 'tick');
    want('one', 'trade');
    expect(await streams()).toBe(3);
    held[Symbol.dispose]();
    expect(await streams()).toBe(1);
  });

  it('is 0 while the broker is out of service, and counts what is still wanted afterwards', async () => {
    const { broker, want, streams } = start();
    want(SHARED, 'tick');
    broker.setEnabled(false);
    expect(await streams()).toBe(0);
    want(SHARED, 'trade');
    expect(await streams()).toBe(0);
    broker.setEnabled(true);
    expect(await streams()).toBe(2);
  });

  it('is reported no longer once the broker is closed, and neither is the state', async () => {
    const { broker, want, streams, states } = start();
    want(SHARED, 'tick');
    expect(await states()).toBeGreaterThan(0);
    await broker.close();
    expect(await streams()).toBeNull();
    expect(await states()).toBe(0);
  });
});

it('an account begins anew when the venue has accepted its credentials afresh, and only if it was refused', () => {
  const { broker, made, hold } = start();
  hold('of a client');
  hold('of a client');
  expect(made).toHaveLength(2);
  const [, refused] = made;
  if (refused !== undefined) refused.refused = true;
  hold('of another client');
  expect(refused?.closed).toBe(false);
  hold('of a client');
  expect(made).toHaveLength(4);
  expect(refused?.closed).toBe(true);
  made[3]?.lists('ETHUSDT');
  expect(broker.withScope('of a client')?.catalog?.get('ETHUSDT')).toBeDefined();
});

it('a broker opens nothing any more once it is closed', async () => {
  const { broker, made, hold, want, clock } = start();
  want(SHARED, 'tick');
  broker.setEnabled(false);
  await broker.close();
  const before = made.length;
  broker.setEnabled(true);
  expect(broker.enabled).toBe(false);
  using _held = hold('late');
  expect(broker.withScope('late')).toBeNull();
  expect(want(SHARED, 'trade')).toBeNull();
  await clock.advance(60_000);
  expect(made).toHaveLength(before);
  expect(clock.pending).toBe(0);
});

describe('the log of a broker', () => {
  const AWAY = { kind: 'waiting', delayMs: 500, reason: 'Refused.' } as const;

  it('has one line when its venue goes and one when it is back, however often it is tried meanwhile', async () => {
    const { made, takeLog, clock } = start();
    const sink = made[0]?.sink;
    sink?.onStatus({ kind: 'connected' });
    expect(takeLog()).toEqual([]);
    for (let attempt = 1; attempt < 50; attempt += 1) {
      sink?.onStatus({ ...AWAY, delayMs: attempt });
      sink?.onStatus({ kind: 'connecting', attempt });
      await clock.advance(1_000);
    }
    expect(takeLog()).toEqual(['warn broker away Refused.']);
    sink?.onStatus({ kind: 'connected' });
    expect(takeLog()).toEqual(['info broker back 49']);
  });

  it('has a line when only a part is served, if that lasts', async () => {
    const { made, takeLog, clock } = start();
    const sink = made[0]?.sink;
    sink?.onStatus({ kind: 'degraded', reason: 'No list.' });
    await clock.advance(4_000);
    sink?.onStatus({ kind: 'connected' });
    await clock.advance(10_000);
    expect(takeLog()).toEqual([]);
    sink?.onStatus({ kind: 'degraded', reason: 'No list.' });
    await clock.advance(5_000);
    sink?.onStatus({ kind: 'connected' });
    expect(takeLog()).toEqual(['warn broker serves only a part No list.', 'info broker back']);
  });

  it('has that line however often the reason changes, or something else about the broker', async () => {
    const { made, takeLog, clock, hold } = start();
    for (let second = 0; second < 6; second += 1) {
      made[0]?.sink.onStatus({ kind: 'degraded', reason: `Reason ${second}.` });
      using _held = hold('of a client');
      await clock.advance(1_000);
    }
    expect(takeLog()).toEqual(['warn broker serves only a part Reason 4.']);
  });

  it.each(['stale', 'recovering'] as const)('names a feed that is %s, and once it is live again', async (kind) => {
    const { broker, made, takeLog, clock } = start();
    const [adapter] = made;
    adapter?.sink.onStatus({ kind: 'connected' });
    broker.withScope(SHARED)?.want({ symbol: 'A', type: 'orderbook', interval: null }, ASKER);
    await clock.advance(0);
    adapter?.sink.onFeed(adapter.feed('orderbook A'), { kind: 'live' });
    adapter?.sink.onFeed(adapter.feed('orderbook A'), { kind, reason: 'Why.' });
    await clock.advance(0);
    expect(takeLog()).toEqual(['warn feeds in trouble A 1 Why.']);
    adapter?.sink.onFeed(adapter.feed('orderbook A'), { kind: 'live' });
    await clock.advance(10_000);
    expect(takeLog()).toEqual(['info feeds live again A 1']);
    await broker.close();
  });

  describe('names no feed', () => {
    async function startFeed() {
      const started = start();
      const [adapter] = started.made;
      if (adapter === undefined) throw new Error('no adapter was made');
      adapter.sink.onStatus({ kind: 'connected' });
      started.broker.withScope(SHARED)?.want({ symbol: 'A', type: 'tick', interval: null }, ASKER);
      await started.clock.advance(0);
      const report = (kind: 'live' | 'recovering', reason = 'Lost.'): void => {
        adapter.sink.onFeed(adapter.feed('tick A'), kind === 'live' ? { kind } : { kind, reason });
      };
      report('live');
      return { ...started, sink: adapter.sink, report };
    }

    it('that is back within the turn of the event loop', async () => {
      const { broker, takeLog, clock, report } = await startFeed();
      report('recovering');
      report('live');
      await clock.advance(20_000);
      expect(takeLog()).toEqual([]);
      await broker.close();
    });

    it('that is lost just before its venue is, and live soon after that is back', async () => {
      const { broker, takeLog, clock, report, sink } = await startFeed();
      report('recovering');
      sink.onStatus(AWAY);
      await clock.advance(20_000);
      sink.onStatus({ kind: 'connected' });
      report('recovering', 'Loading.');
      await clock.advance(9_000);
      report('live');
      await clock.advance(20_000);
      expect(takeLog()).toEqual(['warn broker away Refused.', 'info broker back 20']);
      await broker.close();
      expect(clock.pending).toBe(0);
    });

    it('that is lost with its venue, unless it is still not live ten seconds after that is back', async () => {
      const { broker, takeLog, clock, report, sink } = await startFeed();
      sink.onStatus(AWAY);
      await clock.advance(20_000);
      sink.onStatus({ kind: 'connected' });
      report('recovering', 'Loading.');
      await clock.advance(9_999);
      expect(takeLog()).toEqual(['warn broker away Refused.', 'info broker back 20']);
      await clock.advance(1);
      expect(takeLog()).toEqual(['warn feeds in trouble A 1 Loading.']);
      report('live');
      await clock.advance(10_000);
      expect(takeLog()).toEqual(['info feeds live again A 1']);
      await broker.close();
      expect(clock.pending).toBe(0);
    });
  });

  it('names feeds that are in trouble and live again, many in one line, and none while the venue is away', async () => {
    const { broker, made, takeLog, clock } = start();
    const [adapter] = made;
    adapter?.sink.onStatus({ kind: 'connected' });
    const symbols = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
    for (const symbol of symbols) broker.withScope(SHARED)?.want({ symbol, type: 'tick', interval: null }, ASKER);
    await clock.advance(0);
    const report = (kind: 'stale' | 'live'): void => {
      for (const symbol of symbols) {
        adapter?.sink.onFeed(adapter.feed(`tick ${symbol}`), kind === 'live' ? { kind } : { kind, reason: 'Silence.' });
      }
    };
    report('live');
    report('stale');
    report('stale');
    expect(takeLog()).toEqual(['warn feeds in trouble A 1 Silence.']);
    await clock.advance(10_000);
    expect(takeLog()).toEqual(['warn feeds in trouble B,C,D,E,F 7 Silence.']);
    report('live');
    await clock.advance(10_000);
    expect(takeLog()).toEqual(['info feeds live again A,B,C,D,E 8']);
    adapter?.sink.onStatus(AWAY);
    await clock.advance(20_000);
    expect(takeLog()).toEqual(['warn broker away Refused.']);
    await broker.close();
    expect(clock.pending).toBe(0);
  });
});
