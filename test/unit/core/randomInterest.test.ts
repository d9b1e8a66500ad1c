import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { DEFAULT_OPTIONS, NO_ACCESS } from '../../../src/core/subscription.ts';
import { Subscriptions } from '../../../src/core/Subscriptions.ts';
import type { Feed } from '../../../src/brokers/BaseBroker.ts';
import type { SharedUpdate } from '../../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import type { FeedType, MarketData } from '../../../src/market/marketData.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { tick, trade } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../../support/ScriptedBroker.ts';

const LINGER_MS = 5_000;
const CLIENTS = 12;
const SYMBOLS = Array.from({ length: 8 }, (_, at) => `S${at}`);
const TYPES: readonly FeedType[] = ['tick', 'trade', 'orderbook', 'candle'];
const INTERVALS = ['1s', '1m', '1h'] as const;

/** A subscription that a client has, by the streams that it needs. */
interface Held {
  readonly client: number;
  readonly streams: readonly string[];
  /** What it received since the last event was sent. */
  readonly received: MarketData[];
  readonly end: () => void;
}

const nameOf = ({ type, symbol, interval }: Pick<Feed, 'type' | 'symbol' | 'interval'>): string =>
  [type, symbol, interval ?? ''].join(' ').trim();

/** Clients that come, go and break off as chance has it, and what they want, counted independently. */
class Crowd implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly index = new SubscriptionIndex(dispatchAtOnce);
  readonly metrics = new Metrics();
  readonly manager: BrokerManager;
  readonly held = new Set<Held>();
  readonly #random = seededRandom(5);
  readonly #subscriptions: Subscriptions;
  /** When the last subscription to a stream ended. */
  readonly #leftAtMs = new Map<string, number>();
  #broker: ScriptedBroker | null = null;
  #events = 0;

  constructor() {
    const { clock, index, metrics } = this;
    const core = { clock, index, metrics, logger: silentLogger() };
    this.manager = new BrokerManager({ ...core, bus: new MemoryBus(), staleAfterMs: 10_000, lingerMs: LINGER_MS });
    this.#subscriptions = new Subscriptions({
      ...core,
      manager: this.manager,
      admission: { admitOperation: () => undefined },
      symbolsPerSubscription: SYMBOLS.length,
    });
    this.manager.addBroker({
      id: 'binance',
      enabled: true,
      traits: TRAITS,
      shared: (sink) => (this.#broker = new ScriptedBroker(brokerContext('binance', sink, clock)).lists(...SYMBOLS)),
      clients: null,
    });
    this.broker.sink.onStatus({ kind: 'connected' });
  }

  get broker(): ScriptedBroker {
    if (this.#broker === null) throw new Error('no adapter');
    return this.#broker;
  }

  async step(): Promise<void> {
    const chance = this.#random();
    if (chance < 0.4) await this.#subscribe();
    else if (chance < 0.7) this.#end(this.#pick([...this.held]));
    else if (chance < 0.74) this.kill(Math.floor(this.#random() * CLIENTS));
    else if (chance < 0.76) this.#lose();
    else if (chance < 0.9) this.#publish();
    else await this.clock.advance(this.#random() * 2_000);
    await this.clock.advance(0);
  }

  /** All subscriptions of the client end at once, as if its connection had broken. */
  kill(client: number): void {
    for (const held of this.held) if (held.client === client) this.#end(held);
  }

  /** What is wanted of the venue is what somebody has, and besides only what somebody had within the linger. */
  check(): void {
    const needed = new Set([...this.held].flatMap(({ streams }) => streams));
    const wanted = new Set(this.broker.wantedNames);
    expect([...needed].filter((name) => !wanted.has(name))).toEqual([]);
    const spare = [...wanted].filter((name) => !needed.has(name));
    const now = this.clock.monotonic();
    expect(spare.filter((name) => now - (this.#leftAtMs.get(name) ?? -Infinity) > LINGER_MS)).toEqual([]);
    expect(this.manager.openStreams).toBe(wanted.size);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions[Symbol.dispose]();
    await this.manager.close();
  }

  async #subscribe(): Promise<void> {
    const client = Math.floor(this.#random() * CLIENTS);
    const symbols = SYMBOLS.filter(() => this.#random() < 0.2);
    const types = TYPES.filter(() => this.#random() < 0.4);
    if (symbols.length === 0 || types.length === 0) return;
    const interval = this.#pick(INTERVALS) ?? '1m';
    const options = { ...DEFAULT_OPTIONS, interval, throttleMs: this.#random() < 0.2 ? 500 : 0, snapshot: false };
    const request = { broker: 'binance', symbols, types, options, resume: null };
    const { accepted } = await this.#subscriptions.resolve(request, NO_ACCESS);
    const received: MarketData[] = [];
    let isOpen = true;
    const subscription = this.#subscriptions.open({
      routes: accepted,
      request,
      access: NO_ACCESS,
      asker: { owner: `client ${client}` },
      subscriber: {
        deliver: ({ events }: SharedUpdate) => {
          expect(isOpen, 'nothing comes after the end').toBe(true);
          received.push(...events.map(({ event }) => event));
        },
      },
    });
    const streams = symbols.flatMap((symbol) =>
      types.map((type) => nameOf({ type, symbol, interval: type === 'candle' ? interval : null })),
    );
    const end = (): void => {
      isOpen = false;
      subscription[Symbol.dispose]();
      // Whatever ends a subscription may do so twice.
      subscription[Symbol.dispose]();
    };
    this.held.add({ client, streams, received, end });
  }

  #end(held: Held | undefined): void {
    if (held === undefined || !this.held.delete(held)) return;
    held.end();
    for (const name of held.streams) this.#leftAtMs.set(name, this.clock.monotonic());
  }

  /** The connection to the venue is lost, and back. */
  #lose(): void {
    this.broker.sink.onStatus({ kind: 'waiting', delayMs: 500, reason: 'The venue hung up.' });
    this.broker.sink.onStatus({ kind: 'connected' });
  }

  /** One event, which comes once to each subscription of its stream that is not throttled, and to no other. */
  #publish(): void {
    const name = this.#pick(this.broker.wantedNames.filter((each) => /^(?:tick|trade) /.test(each)));
    if (name === undefined) return;
    const feed = this.broker.feed(name);
    for (const { received } of this.held) received.length = 0;
    this.#events += 1;
    this.broker.sink.onEvent(feed, feed.type === 'tick' ? tick(this.#events) : trade(this.#events));
    for (const { streams, received } of this.held) {
      const market = received.filter(({ type }) => type !== 'status');
      const isIts = ({ symbol, type }: MarketData): boolean => symbol === feed.symbol && type === feed.type;
      expect(market.every(isIts)).toBe(true);
      if (!streams.includes(name)) expect(market).toEqual([]);
      else if (feed.type === 'trade') expect(market).toHaveLength(1);
      else expect(market.length).toBeLessThanOrEqual(1);
    }
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }
}

describe('clients that subscribe, unsubscribe and break off at random', () => {
  it('keep at the venue exactly what they want, get it once, and leave nothing after the linger', async () => {
    await using crowd = new Crowd();
    const timers = crowd.clock.pending;
    let most = 0;
    for (let step = 0; step < 10_000; step += 1) {
      await crowd.step();
      if (step % 10 === 0) crowd.check();
      most = Math.max(most, crowd.held.size);
    }
    expect(most).toBeGreaterThan(20);
    for (let client = 0; client < CLIENTS; client += 1) crowd.kill(client);
    await crowd.clock.advance(LINGER_MS - 1);
    expect(crowd.broker.wantedNames).not.toEqual([]);
    await crowd.clock.advance(1);
    await crowd.clock.advance(0);
    expect(crowd.broker.wantedNames).toEqual([]);
    expect([crowd.manager.openStreams, crowd.index.size, crowd.manager.state.size]).toEqual([0, 0, 0]);
    // The log gathers for a while what it has to say.
    await crowd.clock.advance(55_000);
    expect(crowd.clock.pending).toBe(timers);
    const metrics = await crowd.metrics.registry.getSingleMetricAsString('tickgraph_upstream_streams');
    expect(metrics).toMatch(/\{broker="binance"\} 0$/m);
  });
});
