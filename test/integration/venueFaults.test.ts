import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { FeedAuditor } from '../support/FeedAuditor.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';

const FEED = { broker: 'binance', symbol: 'BTCUSDT', types: ['tick', 'trade', 'candle', 'orderbook'] } as const;

/** Timers of the better part of a day fire after a second or so, and all others when they should. */
const shortDays: Clock = {
  ...systemClock,
  after: (ms, task) => systemClock.after(ms < 20 * 3_600_000 ? ms : ms / 82_800, task),
};

/** A venue that is busy, a gateway, and an auditor over each protocol. */
class Scene implements AsyncDisposable {
  readonly venue: StandInBinance;
  readonly gateway: MarketDataServer;
  readonly auditors: readonly FeedAuditor[];
  readonly #stack: AsyncDisposableStack;
  #traffic: Disposable | null = null;

  private constructor(parts: Pick<Scene, 'venue' | 'gateway' | 'auditors'>, stack: AsyncDisposableStack) {
    this.venue = parts.venue;
    this.gateway = parts.gateway;
    this.auditors = parts.auditors;
    this.#stack = stack;
  }

  static async start(clock = systemClock, options: Partial<StandInOptions> = {}): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const venue = stack.use(
      await StandInBinance.start({ klinePeriodMs: 100, klineCloseDelayMs: [10, 200], ...options }),
    );
    const gateway = stack.use(
      await startGateway({
        clock,
        config: {
          brokers: { binance: standInBroker(venue) },
          feeds: { staleAfterMs: 1_000, reconnect: { baseMs: 20, maxMs: 100 } },
        },
      }),
    );
    const auditors = [
      stack.use(await FeedAuditor.raw(gateway, FEED)),
      stack.use(await FeedAuditor.graphql(gateway, FEED)),
    ];
    const scene = new Scene({ venue, gateway, auditors }, stack.move());
    scene.#traffic = venue.run({ everyMs: 10 });
    await scene.untilLive();
    await scene.trades(20);
    return scene;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#traffic?.[Symbol.dispose]();
    await this.#stack.disposeAsync();
  }

  /** Every auditor is live, and has a book. */
  async untilLive(): Promise<void> {
    await waitFor(
      () => this.auditors.every((auditor) => auditor.state === 'live' && auditor.of('orderbook').length > 0),
      'live feeds',
    );
  }

  /** Every auditor has been told of this state since so many states. */
  async untilState(state: string): Promise<void> {
    await waitFor(() => this.auditors.every(({ states }) => states.includes(state)), `the state ${state}`);
  }

  /** So many more trades for every auditor. */
  async trades(count: number): Promise<void> {
    const before = this.auditors.map(({ tradeIds }) => tradeIds.length);
    await waitFor(
      () => this.auditors.every(({ tradeIds }, at) => tradeIds.length >= (before[at] ?? 0) + count),
      `${count} more trades`,
    );
  }

  /** The traffic ends, and what has come since the beginning is as it was promised, to the last change of the book. */
  async settle(): Promise<void> {
    this.#traffic?.[Symbol.dispose]();
    const market = this.venue.market('BTCUSDT');
    market.trade();
    const [lastTrade] = market.trades({ limit: 1, fromId: null });
    market.depth();
    await waitFor(() => {
      const { bids, asks } = market.book();
      const oracle = JSON.stringify({ bids: bids.slice(0, 10), asks: asks.slice(0, 10) });
      return this.auditors.every(
        ({ tradeIds, book }) => tradeIds.at(-1) === lastTrade?.id && JSON.stringify(book) === oracle,
      );
    }, 'the last trade and the venue’s own book');
    for (const auditor of this.auditors) {
      auditor.check();
      expect(auditor.state).toBe('live');
    }
  }

  async metric(name: string): Promise<string[]> {
    const text = await this.gateway.metrics.registry.metrics();
    return text.split('\n').filter((line) => line.startsWith(name));
  }
}

describe('both protocols, under traffic of all four types', () => {
  it.each<[string, (venue: StandInBinance) => Promise<void>]>([
    ['is reset in the middle of a frame', ({ faults }) => faults.resetInMidFrame()],
    ['ends without a word', ({ faults }) => faults.hangUp()],
    ['is closed by the venue', ({ faults }) => faults.hangUp(1001, 'going away')],
  ])('miss nothing, and are told, if the connection %s', async (_name, end) => {
    await using scene = await Scene.start();
    await end(scene.venue);
    const began = performance.now();
    await scene.untilState('recovering');
    await scene.untilLive();
    expect(performance.now() - began).toBeLessThan(3_000);
    await scene.trades(20);
    await scene.settle();
    for (const auditor of scene.auditors) {
      expect(auditor.states.slice(-2)).toEqual(['recovering', 'live']);
      expect(auditor.states).not.toContain('gap');
    }
  });

  it('notice nothing if a server goes down that has announced it', async () => {
    await using scene = await Scene.start();
    const before = scene.auditors.map(({ states }) => states.length);
    const [old] = scene.venue.sockets;
    scene.venue.faults.serverShutdown();
    await waitFor(() => old?.open === false, 'the end of the old connection');
    await scene.trades(20);
    await scene.settle();
    expect(scene.venue.handshakes).toBe(2);
    expect(scene.auditors.map(({ states }) => states.length)).toEqual(before);
    for (const { received } of scene.auditors) {
      expect(received.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    }
  });

  it('notice nothing while the venue ends each connection after its day: the next one delivers before', async () => {
    await using scene = await Scene.start(shortDays, { socket: { lifetimeMs: 2_000 } });
    const before = scene.auditors.map(({ states }) => states.length);
    let fewest = Infinity;
    let most = 0;
    await waitFor(() => {
      const connections = scene.venue.subscribers('btcusdt@trade').size;
      fewest = Math.min(fewest, connections);
      most = Math.max(most, connections);
      return scene.venue.handshakes >= 4;
    }, 'four connections');
    await scene.trades(20);
    await scene.settle();
    expect([fewest, most]).toEqual([1, 2]);
    expect(scene.auditors.map(({ states }) => states.length)).toEqual(before);
    for (const { received } of scene.auditors) {
      expect(received.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    }
    expect(scene.venue.requests.filter(({ path }) => path.endsWith('rades'))).toEqual([]);
    expect(await scene.metric('tickgraph_reconnects_total{broker="binance"}')).toEqual([]);
  });

  it('are told that changes of the book were lost, and get it anew', async () => {
    await using scene = await Scene.start();
    scene.venue.faults.skipDiff('BTCUSDT');
    const began = performance.now();
    await scene.untilState('recovering');
    await scene.untilLive();
    expect(performance.now() - began).toBeLessThan(2_000);
    await scene.settle();
    expect(await scene.metric('tickgraph_gaps_total{broker="binance",type="orderbook"}')).toEqual([
      expect.stringMatching(/ 1$/) as string,
    ]);
  });

  it('have the venue’s book, whatever comes twice, overlaps or changes places', async () => {
    await using scene = await Scene.start();
    for (let round = 0; round < 5; round += 1) {
      scene.venue.faults.duplicateDiff('BTCUSDT');
      scene.venue.faults.overlapDiff('BTCUSDT');
      await scene.trades(5);
    }
    for (const { state } of scene.auditors) expect(state).toBe('live');
    scene.venue.faults.swapDiffs('BTCUSDT');
    await scene.trades(10);
    await scene.untilLive();
    await scene.settle();
  });

  it('get none of what is malformed, and everything else', async () => {
    await using scene = await Scene.start();
    const { faults } = scene.venue;
    const trade = { e: 'trade', E: 1, s: 'BTCUSDT', t: 1, p: '1', q: '1', T: 1, m: true };
    const diff = { e: 'depthUpdate', E: 1, s: 'BTCUSDT', U: 1, u: 2, b: [], a: [] };
    for (const bad of ['NaN', 'Infinity', '-1', '1e308', `1.${'0'.repeat(60)}`, 1, null]) {
      faults.malformedPayload('btcusdt@trade', JSON.stringify({ ...trade, p: bad }));
      faults.malformedPayload('btcusdt@depth@100ms', JSON.stringify({ ...diff, b: [[bad, '1']] }));
      faults.malformedPayload(
        'btcusdt@bookTicker',
        JSON.stringify({ u: 1, s: 'BTCUSDT', b: bad, B: '1', a: '2', A: '1' }),
      );
      faults.malformedPayload('btcusdt@kline_1s', JSON.stringify({ e: 'kline', E: 1, s: 'BTCUSDT', k: { o: bad } }));
    }
    for (const frame of ['{', 'null', '[1]', '\u0000', Buffer.from([1, 2])]) faults.malformed(frame);
    await scene.trades(20);
    await scene.settle();
    expect(scene.venue.handshakes).toBe(1);
    const [counted] = await scene.metric('tickgraph_invalid_messages_total{source="binance"}');
    expect(Number(counted?.split(' ')[1])).toBe(33);
  });

  it('get every trade in order, and the newest of the rest, in a burst of thousands', async () => {
    await using scene = await Scene.start();
    const market = scene.venue.market('BTCUSDT');
    const before = market.trades({ limit: 1, fromId: null })[0]?.id ?? 0;
    for (let step = 0; step < 100; step += 1) {
      market.trade('43250.1', '0.01', { fills: 50 });
      for (let change = 0; change < 10; change += 1) market.tick();
      market.depth();
      await new Promise(setImmediate);
    }
    const began = performance.now();
    await waitFor(() => scene.auditors.every(({ tradeIds }) => (tradeIds.at(-1) ?? 0) > before + 5_000), 'all trades');
    expect(performance.now() - began).toBeLessThan(2_000);
    await scene.settle();
    for (const { states } of scene.auditors) expect(states).not.toContain('gap');
    expect(await scene.metric('tickgraph_slow_consumers_closed_total')).toEqual([]);
  });
});
