import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import type { RawMessage } from '../support/RawClient.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';

const STALE_AFTER_MS = 600;

/** A stand-in, a gateway and one raw client, to see what a subscriber gets for each fault of a venue. */
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

  /** The states that the client received for a symbol, in order. */
  states(symbol = 'BTCUSDT'): unknown[] {
    return this.client.messages
      .filter((message) => message.type === 'status' && message['symbol'] === symbol)
      .map(({ status }) => status);
  }

  /** The same, without those that only brought another reason. */
  changes(): unknown[] {
    return this.states().filter((state, index, all) => state !== all[index - 1]);
  }

  seesState(status: string, symbol = 'BTCUSDT'): Promise<RawMessage> {
    return this.client.waitFor((message) => message['status'] === status && message['symbol'] === symbol);
  }

  get lastBook(): { kind?: unknown; bids?: unknown; asks?: unknown } | undefined {
    return this.client.data('orderbook', 'BTCUSDT').at(-1);
  }

  /** Resolves when the last book that the client received is the venue's own. */
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

describe('a subscriber during faults of the venue', () => {
  it('sees a stream that is acknowledged and never delivers as stale, and as live once it does', async () => {
    await using scene = await Scene.start();
    scene.venue.faults.ackButSilent('btcusdt@bookTicker');
    await scene.client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await scene.seesState('stale');
    scene.venue.faults.ackButSilent(null);
    await waitFor(() => {
      scene.venue.market('BTCUSDT').tick();
      return scene.states().at(-1) === 'live';
    });
  });

  it('is notified of a gap in the book, and the book is rebuilt', async () => {
    await using scene = await Scene.start();
    await scene.subscribeBook();
    await scene.untilInStep();
    scene.venue.faults.skipDiff('BTCUSDT');
    scene.venue.market('BTCUSDT').depth();
    scene.venue.market('BTCUSDT').depth();
    await scene.seesState('recovering');
    await scene.untilInStep();
    expect(scene.changes().slice(-2)).toEqual(['recovering', 'live']);
    expect(await scene.gateway.metrics.registry.metrics()).toMatch(
      /tickgraph_gaps_total\{[^}]*type="orderbook"[^}]*\} 1/,
    );
  });

  it('never gets a snapshot older than the first diff', async () => {
    await using scene = await Scene.start();
    scene.venue.faults.snapshotLag('BTCUSDT', 2);
    await scene.subscribeBook();
    await scene.untilInStep();
    const asked = scene.venue.requests.filter(({ path }) => path === '/api/v3/depth');
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });

  it.each(['exact', 'straddle'] as const)(
    'gets a book if the alignment of snapshot and first diff is %s',
    async (alignment) => {
      await using scene = await Scene.start();
      scene.venue.faults.snapshotAlignment('BTCUSDT', alignment);
      await scene.subscribeBook();
      await scene.untilInStep();
      expect(scene.states()).not.toContain('stale');
    },
  );

  it('loses nothing that the venue still has if a connection is reset in the middle of a frame', async () => {
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
    await scene.seesState('recovering');
    await scene.venue.waitForSubscription('btcusdt@trade');
    market.trade();
    await waitFor(() => scene.client.data('trade').length >= 7, 'all seven trades');
    const ids = scene.client.data('trade').map(({ tradeId }) => Number(tradeId));
    expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
    await scene.untilInStep();
    await waitFor(() => scene.states().at(-1) === 'live', 'the feed to be live again');
    expect(scene.states()).not.toContain('gap');
  });

  it('sees a silence as stale, and its end as live', async () => {
    await using scene = await Scene.start();
    await scene.client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await scene.venue.waitForSubscription('btcusdt@bookTicker');
    {
      using _market = scene.venue.run({ everyMs: 20 });
      await waitFor(() => scene.client.data('tick').length > 20, 'ticks');
      scene.venue.faults.silence = true;
      await scene.seesState('stale');
      scene.venue.faults.silence = false;
      await waitFor(() => scene.states().at(-1) === 'live', 'the feed to be live again');
    }
    // A better reason may follow the first one, but the state changes once.
    expect(scene.changes().filter((state) => state === 'stale')).toHaveLength(1);
  });

  it('gets a book after a ban, during which not a single request is sent', async () => {
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

  it('has 300 symbols in two subscriptions sent to the venue in frames that it answers', async () => {
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

  it('has all 50 symbols subscribed again after a disconnect', async () => {
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

  it('is notified that a venue cannot be reached, which is retried, and begins by itself', async () => {
    await using scene = await Scene.start();
    await scene.client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await scene.venue.waitForSubscription('btcusdt@bookTicker');
    scene.venue.faults.refuseConnections = true;
    await scene.venue.faults.hangUp();
    await scene.seesState('recovering');
    scene.venue.faults.refuseConnections = false;
    await scene.venue.waitForSubscription('btcusdt@bookTicker');
    await waitFor(() => {
      scene.venue.market('BTCUSDT').tick();
      return scene.states().at(-1) === 'live';
    });
  });
});
