import { expect, it, vi } from 'vitest';
import type { BrokerContext } from '../../src/brokers/BaseBroker.ts';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import { OandaBudgets } from '../../src/brokers/oanda/OandaBudgets.ts';
import { MockBroker } from '../../src/brokers/mock/MockBroker.ts';
import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import { brokerDifference } from '../../src/config/difference.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { ConfiguredBrokers } from '../../src/ConfiguredBrokers.ts';
import { BrokerManager } from '../../src/core/BrokerManager.ts';
import { NO_ACCESS } from '../../src/core/subscription.ts';
import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { seededRandom } from '../../src/shared/random.ts';
import { dispatchAtOnce } from '../support/dispatchAtOnce.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { logLines } from '../support/logLines.ts';

const MOCK = { kind: 'mock-binance' };
const NONE = { binance: null, oanda: null, 'mock-binance': null, 'mock-oanda': null };

function configOf(brokers: object, feeds: object = {}): Config {
  const result = parseConfig({ feeds, brokers: { ...NONE, ...brokers } }, 'test');
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.config;
}

/** Brokers that follow a configuration, which the test changes. */
class Followed implements AsyncDisposable {
  readonly #clock = new FakeClock();
  readonly #parts = { clock: this.#clock, metrics: new Metrics() };
  #config = configOf({});
  #out = '';
  readonly manager = new BrokerManager({
    ...this.#parts,
    bus: new MemoryBus(),
    index: new SubscriptionIndex(dispatchAtOnce),
    staleAfterMs: 10_000,
  });
  readonly #brokers = new ConfiguredBrokers({
    ...this.#parts,
    manager: this.manager,
    logger: createLogger({
      level: 'info',
      pretty: false,
      output: { isTTY: false, write: (line) => ((this.#out += line), true) },
    }),
    binanceHosts: new BinanceHosts({ clock: this.#clock, random: seededRandom(1) }),
    oandaBudgets: new OandaBudgets({ clock: this.#clock }),
    feeds: () => this.#config.feeds,
  });

  follow(next: Config): void {
    const difference = brokerDifference(this.#config.brokers, next.brokers);
    const change = this.#brokers.prepare(difference, next.brokers);
    this.#config = next;
    change();
  }

  get states(): string[] {
    return this.manager.brokers(NO_ACCESS).map(({ id, enabled }) => `${id} ${enabled ? 'on' : 'off'}`);
  }

  /** What was logged since the last call. */
  takeLog(): unknown[] {
    const lines = logLines(this.#out).map(({ msg, broker, enabled }) => [msg, broker, enabled]);
    this.#out = '';
    return lines;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.manager.close();
  }
}

it('lists the brokers in the order of the configuration, after every change', async () => {
  await using brokers = new Followed();
  brokers.follow(configOf({ b: MOCK, d: MOCK }));
  brokers.follow(configOf({ a: MOCK, d: MOCK, c: { ...MOCK, enabled: false }, b: { ...MOCK, seed: 3 } }));
  expect(brokers.states).toEqual(['a on', 'd on', 'c off', 'b on']);
});

it('changes the others if one fails', async () => {
  await using brokers = new Followed();
  vi.spyOn(brokers.manager, 'addBroker').mockImplementationOnce(() => {
    throw new Error('no such venue');
  });
  brokers.follow(configOf({ bad: MOCK, good: MOCK }));
  expect(brokers.states).toEqual(['good on']);
  expect(brokers.takeLog()).toEqual([['broker could not be changed', 'bad', undefined]]);
});

it('opens a broker with the settings of feeds that hold then', async () => {
  const starts = vi.spyOn(MockBroker.prototype, 'start');
  /** What the present adapter of the broker was made with. */
  const contextOf = (id: string): BrokerContext => {
    const adapter = starts.mock.contexts.findLast((started) => (started as MockBroker).id === id);
    return Reflect.get(adapter ?? {}, 'context') as BrokerContext;
  };
  await using brokers = new Followed();
  const feeds = { staleAfterMs: 500, reconnect: { baseMs: 1, maxMs: 2 } };
  brokers.follow(configOf({ kept: MOCK, switched: MOCK, reopened: MOCK }));
  brokers.follow(configOf({ kept: MOCK, switched: MOCK, reopened: { ...MOCK, seed: 3 } }, feeds));
  brokers.manager.configured('switched').setEnabled(false);
  brokers.manager.configured('switched').setEnabled(true);
  const { staleAfterMs, reconnect } = contextOf('kept');
  expect([staleAfterMs, reconnect.baseMs]).toEqual([10_000, 500]);
  for (const id of ['switched', 'reopened']) expect(contextOf(id)).toMatchObject(feeds);
});

it('leaves a broker as an administrator switched it until its own `enabled` changes in the file', async () => {
  await using brokers = new Followed();
  brokers.follow(configOf({ a: MOCK, b: MOCK }));
  brokers.manager.configured('a').setEnabled(false);
  brokers.follow(configOf({ a: { ...MOCK, seed: 3 }, b: { ...MOCK, seed: 3 } }));
  expect(brokers.states).toEqual(['a off', 'b on']);
  expect(brokers.takeLog()).toEqual([['broker stays as it was switched', 'a', false]]);
  brokers.follow(configOf({ a: { ...MOCK, seed: 3, enabled: false }, b: { ...MOCK, seed: 3 } }));
  expect(brokers.states).toEqual(['a off', 'b on']);
  expect(brokers.takeLog()).toEqual([['broker was switched like this before', 'a', false]]);
  brokers.follow(configOf({ a: { ...MOCK, seed: 4 }, b: { ...MOCK, seed: 3 } }));
  expect(brokers.states).toEqual(['a on', 'b on']);
  expect(brokers.takeLog()).toEqual([]);
});
