import { expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import type { CandleQuery } from '../../../src/brokers/BaseBroker.ts';
import { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { DEFAULT_OPTIONS, NO_ACCESS, readCursors } from '../../../src/core/subscription.ts';
import { Subscriptions } from '../../../src/core/Subscriptions.ts';
import type { SharedUpdate } from '../../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import type { CandleDraft, MarketData } from '../../../src/market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../../src/market/timestamp.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { closedCandles } from '../../support/candles.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../../support/ScriptedBroker.ts';

const CLIENTS = 3;
const STEPS = 4_000;
const SECOND_MS = 1_000;
const START_MS = Date.UTC(2026, 0, 2);
const CANDLES = 'candle BTCUSDT';
const [SAMPLE] = closedCandles(1) as [CandleDraft];

/** What happened to the candle of each second: it may be lost on its way, and nobody may have traded. */
type Fate = 'closed' | 'lost' | 'none';

interface Client {
  /** The numbers of closed candles that it was sent, and `gap` where something may be missing. */
  readonly story: (number | 'gap')[];
  /** By type. */
  readonly cursors: Map<string, string>;
  end: (() => void) | null;
}

/** A market of candles of a second, and clients that come, go, and go on where they were. */
class Market implements AsyncDisposable {
  readonly clock = new FakeClock(START_MS);
  readonly clients: Client[] = Array.from({ length: CLIENTS }, () => ({ story: [], cursors: new Map(), end: null }));
  readonly fates: Fate[] = [];
  readonly #random = seededRandom(7);
  readonly #manager: BrokerManager;
  readonly #subscriptions: Subscriptions;
  #broker: ScriptedBroker | null = null;
  #isLive = false;

  constructor() {
    const { clock } = this;
    const index = new SubscriptionIndex(dispatchAtOnce);
    const core = { clock, index, metrics: new Metrics(), logger: silentLogger() };
    this.#manager = new BrokerManager({ ...core, bus: new MemoryBus(), staleAfterMs: 60_000, lingerMs: 0 });
    this.#subscriptions = new Subscriptions({
      ...core,
      manager: this.#manager,
      admission: { admitOperation: () => undefined },
      symbolsPerSubscription: 1,
    });
    this.#manager.addBroker({
      id: 'binance',
      enabled: true,
      traits: TRAITS,
      shared: (sink) => (this.#broker = new PastBroker(brokerContext('binance', sink, clock), this).lists('BTCUSDT')),
      clients: null,
    });
    this.#adapter.sink.onStatus({ kind: 'connected' });
  }

  /** The candle of this second. */
  candle(second: number, closed: boolean): CandleDraft {
    const openMs = START_MS + second * SECOND_MS;
    const [openTime, closeTime] = [fromEpochMs(openMs), fromEpochMs(openMs + SECOND_MS)];
    return { ...SAMPLE, interval: '1s', openTime, closeTime, time: openTime, receivedAt: closeTime, closed };
  }

  async step(): Promise<void> {
    const chance = this.#random();
    const client = this.clients[Math.floor(this.#random() * CLIENTS)];
    if (chance < 0.3) this.#publish(this.candle(this.fates.length, false));
    else if (chance < 0.6) await this.#endSecond();
    else if (client?.end === null) await this.#join(client);
    else client?.end?.();
    await this.clock.advance(0);
    this.#deliver();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions[Symbol.dispose]();
    await this.#manager.close();
  }

  get #adapter(): ScriptedBroker {
    return this.#broker ?? expect.fail('no adapter');
  }

  get #isWanted(): boolean {
    return this.#adapter.wantedNames.length > 0;
  }

  /** The venue delivers as soon as it is asked to. */
  #deliver(): void {
    if (this.#isWanted && !this.#isLive) this.#adapter.sink.onFeed(this.#adapter.feed(CANDLES), { kind: 'live' });
    this.#isLive = this.#isWanted;
  }

  #publish(candle: CandleDraft): void {
    if (this.#isWanted) this.#adapter.sink.onEvent(this.#adapter.feed(CANDLES), candle);
  }

  async #endSecond(): Promise<void> {
    const second = this.fates.length;
    const chance = this.#random();
    // Nobody notices what is lost while nobody looks.
    const fate = chance < 0.7 ? 'closed' : chance < 0.85 || !this.#isWanted ? 'none' : 'lost';
    this.fates.push(fate);
    if (fate === 'closed') this.#publish(this.candle(second, true));
    if (fate === 'lost') {
      const { sink } = this.#adapter;
      sink.onFeed(this.#adapter.feed(CANDLES), { kind: 'gap', reason: 'A candle is lost.', to: null });
    }
    await this.clock.advance(SECOND_MS);
  }

  async #join(client: Client): Promise<void> {
    const resume = client.cursors.size === 0 ? null : readCursors([...client.cursors.values()]);
    const options = { ...DEFAULT_OPTIONS, interval: '1s', snapshot: false } as const;
    const request = { broker: 'binance', symbols: ['BTCUSDT'], types: ['candle', 'status'], options, resume } as const;
    const { accepted } = await this.#subscriptions.resolve(request, NO_ACCESS);
    const subscription = this.#subscriptions.open({
      routes: accepted,
      request,
      access: NO_ACCESS,
      asker: { owner: 'a client' },
      subscriber: {
        deliver: ({ events }: SharedUpdate) => {
          for (const { event } of events) take(client, event);
        },
      },
    });
    client.end = () => {
      client.end = null;
      subscription[Symbol.dispose]();
    };
    await this.clock.advance(0);
    this.#deliver();
    // What has to be fetched is there after some turns.
    for (let turn = 0; turn < 5; turn += 1) await this.clock.advance(0);
  }
}

/** It has the history of the market. */
class PastBroker extends ScriptedBroker {
  readonly #market: Market;

  constructor(context: ConstructorParameters<typeof ScriptedBroker>[0], market: Market) {
    super(context);
    this.#market = market;
  }

  override fetchCandles(query?: CandleQuery): Promise<readonly CandleDraft[]> {
    const { fates } = this.#market;
    const past = fates.flatMap((fate, second) =>
      fate === 'closed' ? [{ ...this.#market.candle(second, true), backfilled: true }] : [],
    );
    const all = [...past, this.#market.candle(fates.length, false)];
    return Promise.resolve(all.filter(({ openTime }) => toEpochMs(openTime) >= (query?.fromMs ?? 0)));
  }

  override continueBehind(): void {
    // The stream comes behind the past without a hole.
  }
}

function take(client: Client, event: MarketData): void {
  if (event.type === 'status' && event.replay !== null) return;
  client.cursors.set(event.type, event.cursor);
  if (event.type === 'status' && event.gap !== null) client.story.push('gap');
  if (event.type === 'candle' && event.closed) {
    client.story.push((toEpochMs(event.openTime) - START_MS) / SECOND_MS);
  }
}

/** Every candle once and in order, a gap where one was lost, and nowhere else. */
function expectRight(story: Client['story'], fates: readonly Fate[]): void {
  const candles = story.filter((each) => each !== 'gap');
  for (const [at, to] of candles.entries()) {
    const from = candles[at - 1];
    if (from === undefined) continue;
    expect(to).toBeGreaterThan(from);
    const between = fates.slice(from + 1, to);
    expect(between, `closed candles between ${from} and ${to}`).not.toContain('closed');
    const isTold = story.slice(story.indexOf(from), story.indexOf(to)).includes('gap');
    expect([`${from} to ${to}`, isTold]).toEqual([`${from} to ${to}`, between.includes('lost')]);
  }
}

it('clients of candles that come and go at random get each once, and are told of a gap where there is one', async () => {
  await using market = new Market();
  for (let step = 0; step < STEPS; step += 1) await market.step();
  for (const { story } of market.clients) {
    expect(story.length).toBeGreaterThan(STEPS / 20);
    expectRight(story, market.fates);
  }
  expect(market.fates.filter((fate) => fate === 'lost').length).toBeGreaterThan(50);
});
