import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import type { RawMessage } from '../support/RawClient.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';

const STALE_AFTER_MS = 600;

/** Stand-in, gateway and one raw client: what a subscriber is told of each thing that a venue may do. */
class Scene implements AsyncDisposable {
  readonly venue: StandInBinance;
  readonly gateway: MarketDataServer;
  readonly client: RawClient;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    venue: StandInBinance,
    gateway: MarketDataServer,
    client: RawClient,
    stack: AsyncDisposableStack,
  ) {
    this.venue = venue;
    this.gateway = gateway;
    this.client = client;
    this.#stack = stack;
  }

  static async start(options: Partial<StandInOptions> = {}): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const venue = stack.use(await StandInBinance.start(options));
    const gateway = stack.use(
      await startGateway({
        config: {
          brokers: { binance: standInBroker(venue) },
          feeds: { staleAfterMs: STALE_AFTER_MS, reconnect: { baseMs: 50, maxMs: 200 } },
          limits: { symbolsPerSubscription: 1_000, subscriptionsPerConnection: 1_000 },
        },
      }),
    );
    const client = stack.use(await RawClient.connect(gateway.urls.raw));
    return new Scene(venue, gateway, client, stack.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** The states that the client was told of a symbol, in order. */
  states(symbol = 'BTCUSDT'): unknown[] {
    return this.client.messages
      .filter((message) => message.type === 'status' && message['symbol'] === symbol)
      .map(({ status }) => status);
  }

  /** The same, without those that only brought another reason. */
  changes(): unknown[] {
    return this.states().filter((state, index, all) => state !== all[index - 1]);
  }

  toldState(status: string, symbol = 'BTCUSDT'): Promise<RawMessage> {
    return this.client.waitFor((message) => message['status'] === status && message['symbol'] === symbol);
  }

  get lastBook(): { kind?: unknown; bids?: unknown; asks?: unknown } | undefined {
    return this.client.data('orderbook', 'BTCUSDT').at(-1);
  }

  /** Until what the client was told last is what the venue's own book says. */
  async untilInStep(): Promise<void> {
    await waitFor(() => {
      this.venue.market('BTCUSDT').depth();
      const { bids, asks } = this.venue.market('BTCUSDT').book();
      const top = JSON.stringify([bids.slice(0, 5), asks.slice(0, 5)]);
      return JSON.stringify([this.lastBook?.bids, this.lastBook?.asks]) === top;
    }, 'the book to be the venue’s own');
  }

  async subscribeBook(): Promise<void> {
    await this.client.subscribe('binance', ['BTCUSDT'], ['orderbook'], { depth: 5 });
    await this.venue.waitForSubscription('btcusdt@depth@100ms');
  }
}

describe('what a subscriber sees of the venue’s faults', () => {
  it('a stream that is acknowledged and never delivers is told as stale, and as live when it does', async () => {
    await using scene = await Scene.start();
    scene.venue.faults.ackButSilent('btcusdt@bookTicker');
    await scene.client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await scene.toldState('stale');
    scene.venue.faults.ackButSilent(null);
    await waitFor(() => {
      scene.venue.market('BTCUSDT').tick();
      return scene.states().at(-1) === 'live';
    });
  });

  it('a gap in the book is told, and the book is rebuilt', async () => {
    await using scene = await Scene.start();
    await scene.subscribeBook();
    await scene.untilInStep();
    scene.venue.faults.skipDiff('BTCUSDT');
    scene.venue.market('BTCUSDT').depth();
    scene.venue.market('BTCUSDT').depth();
    await scene.toldState('recovering');
    await scene.untilInStep();
    expect(scene.changes().slice(-2)).toEqual(['recovering', 'live']);
    expect(await scene.gateway.metrics.registry.metrics()).toMatch(
      /tickgraph_gaps_total\{[^}]*type="orderbook"[^}]*\} 1/,
    );
  });

  it('a snapshot older than the first diff is never applied', async () => {
    await using scene = await Scene.start();
    scene.venue.faults.snapshotLag('BTCUSDT', 2);
    await scene.subscribeBook();
    await scene.untilInStep();
    const asked = scene.venue.requests.filter(({ path }) => path === '/api/v3/depth');
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });

  it.each(['exact', 'straddle'] as const)(
    'a first diff that lies %s to the snapshot begins the book',
    async (alignment) => {
      await using scene = await Scene.start();
      scene.venue.faults.snapshotAlignment('BTCUSDT', alignment);
      await scene.subscribeBook();
      await scene.untilInStep();
      expect(scene.states()).not.toContain('stale');
    },
  );

  it('a reset in the middle of a frame loses nothing that the venue still has', async () => {
    await using scene = await Scene.start();
    const market = scene.venue.market('BTCUSDT');
    await scene.client.subscribe('binance', ['BTCUSDT'], ['trade', 'orderbook'], { depth: 5 });
    await scene.venue.waitForSubscription('btcusdt@trade');
    await scene.untilInStep();
    market.trade();
    await scene.client.waitFor(
      (message) => message.type === 'data' && 'symbol' in message && scene.client.data('trade').length > 0,
    );
    await scene.venue.faults.resetInMidFrame();
    for (let count = 0; count < 5; count += 1) market.trade();
    await scene.toldState('recovering');
    await scene.venue.waitForSubscription('btcusdt@trade');
    market.trade();
    await waitFor(() => scene.client.data('trade').length >= 7, 'all seven trades');
    const ids = scene.client.data('trade').map(({ id }) => Number(id));
    expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
    await scene.untilInStep();
    await waitFor(() => scene.states().at(-1) === 'live', 'the feed to be live again');
    expect(scene.states()).not.toContain('gap');
  });

  it('a silence is told as stale, and its end as live', async () => {
    await using scene = await Scene.start();
    await scene.client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await scene.venue.waitForSubscription('btcusdt@bookTicker');
    {
      using _market = scene.venue.run({ everyMs: 20 });
      await waitFor(() => scene.client.data('tick').length > 20, 'ticks');
      scene.venue.faults.silence = true;
      await scene.toldState('stale');
      scene.venue.faults.silence = false;
      await waitFor(() => scene.states().at(-1) === 'live', 'the feed to be live again');
    }
    // A better reason may follow the first one, but the state changes once.
    expect(scene.changes().filter((state) => state === 'stale')).toHaveLength(1);
  });

  it('a ban is waited out without a single request, and then the book begins', async () => {
    await using scene = await Scene.start();
    scene.venue.faults.rest.nextStatus(418, { retryAfterSeconds: 2, path: '/api/v3/depth' });
    const before = performance.now();
    await scene.subscribeBook();
    scene.venue.market('BTCUSDT').depth();
    await scene.untilInStep();
    expect(performance.now() - before).toBeGreaterThan(1_900);
    const asked = scene.venue.requests.filter(({ path }) => path === '/api/v3/depth');
    expect(asked.map(({ status }) => status)).toEqual([418, 200]);
    expect((asked[1]?.atMs ?? 0) - (asked[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  it('300 symbols in two subscriptions reach the venue in frames that it answers', async () => {
    await using scene = await Scene.start({ generatedSymbols: 300 });
    const symbols = Array.from({ length: 300 }, (_, index) => `GEN${index + 1}USDT`);
    await scene.client.subscribe('binance', symbols.slice(0, 150), ['tick', 'trade']);
    await scene.client.subscribe('binance', symbols.slice(150), ['tick', 'trade']);
    await Promise.all(
      symbols.map((symbol) => scene.venue.waitForSubscription(`${symbol.toLowerCase()}@trade`, 15_000)),
    );
    const frames = scene.venue.controlFrames;
    expect(Math.max(...frames.map(({ bytes }) => bytes))).toBeLessThanOrEqual(3_500);
    for (const { atMs, socket } of frames) {
      const inSecond = frames.filter(
        (other) => other.socket === socket && other.atMs >= atMs && other.atMs < atMs + 990,
      );
      expect(inSecond.length).toBeLessThanOrEqual(4);
    }
    expect(scene.venue.handshakes).toBe(1);
  });

  it('a disconnect with 50 symbols wanted has all 50 wanted again', async () => {
    await using scene = await Scene.start({ generatedSymbols: 50 });
    const symbols = Array.from({ length: 50 }, (_, index) => `GEN${index + 1}USDT`);
    await scene.client.subscribe('binance', symbols, ['tick']);
    const subscribed = (): Promise<void[]> =>
      Promise.all(symbols.map((symbol) => scene.venue.waitForSubscription(`${symbol.toLowerCase()}@bookTicker`)));
    await subscribed();
    await scene.venue.faults.hangUp();
    await subscribed();
    for (const symbol of symbols) scene.venue.market(symbol).tick();
    await waitFor(
      () => symbols.every((symbol) => scene.client.data('tick', symbol).length > 0),
      'a tick of each symbol',
    );
    expect(new Set(symbols.map((symbol) => scene.states(symbol).at(-1)))).toEqual(new Set(['live']));
  });

  it('a venue that can not be reached is told, retried, and begins by itself', async () => {
    await using scene = await Scene.start();
    await scene.client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await scene.venue.waitForSubscription('btcusdt@bookTicker');
    scene.venue.faults.refuseConnections = true;
    await scene.venue.faults.hangUp();
    await scene.toldState('recovering');
    scene.venue.faults.refuseConnections = false;
    await scene.venue.waitForSubscription('btcusdt@bookTicker');
    await waitFor(() => {
      scene.venue.market('BTCUSDT').tick();
      return scene.states().at(-1) === 'live';
    });
  });
});
