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
    staleAfterMs: 10_000,
    lingerMs: 1_000,
    onChange: () => undefined,
  });
  broker.start();
  return {
    clock,
    broker,
    made,
    hold: (scope: string) => broker.holdAccount(scope, new CredentialVault().seal(CREDENTIALS, scope)),
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
