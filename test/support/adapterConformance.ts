import { describe, expect, it } from 'vitest';
import type { BaseBroker, Feed, FeedCondition } from '../../src/brokers/BaseBroker.ts';
import type { FeedEventDraft } from '../../src/market/marketData.ts';
import type { Metrics } from '../../src/shared/metrics.ts';
import type { SkippableClock } from './SkippableClock.ts';

/** An adapter that runs against its stand-in venue over real sockets. */
export interface AdapterScene extends AsyncDisposable {
  /** Of the adapter and of the stand-in. */
  readonly clock: SkippableClock;
  readonly broker: BaseBroker;
  readonly metrics: Metrics;
  readonly log: readonly string[];
  readonly events: (feed: Feed) => readonly FeedEventDraft[];
  readonly conditions: (feed: Feed) => readonly FeedCondition[];
  readonly state: (feed: Feed) => FeedCondition['kind'] | undefined;
}

/** What an adapter's stand-in has to be able to do, for the kinds of trouble that venues make. */
export interface AdapterKit<Scene extends AdapterScene> {
  readonly name: string;
  readonly start: (wanted: readonly Feed[]) => Promise<Scene>;
  /** Ticks of two instruments. */
  readonly tick: Feed;
  readonly neighbour: Feed;
  /** A busy market until disposed of: both ticks come, and whatever else is wanted. */
  readonly run: (scene: Scene) => Disposable;
  /** Nothing more comes over the connections that are open, and they stay open. */
  readonly silence: (scene: Scene) => void;
  /** A stream is acknowledged, and the venue does not send it; `heal` ends that. */
  readonly unheard: {
    readonly feed: Feed;
    readonly start: (scene: Scene) => void;
    readonly heal: (scene: Scene) => void;
  };
  /** The venue says that `tick` has no bid any more. */
  readonly endQuote: (scene: Scene) => void;
  /** The venue refuses us for a moment, and cuts the connection; `again` ends that. */
  readonly refuse: { readonly start: (scene: Scene) => Promise<void>; readonly again: (scene: Scene) => void };
  /** The venue begins to list this instrument. */
  readonly list: (scene: Scene) => string;
  /** One message about the instrument of `tick` that makes no sense. */
  readonly nonsense: (scene: Scene) => void;
  /** A feed that waits because the venue has ordered a pause. */
  readonly startPaused: () => Promise<{ readonly scene: Scene; readonly feed: Feed }>;
}

const reasonOf = (condition: FeedCondition | undefined): string =>
  condition !== undefined && 'reason' in condition ? condition.reason : '';

/** One test for each kind of trouble in docs/adding-a-broker.md. */
export function describeConformance<Scene extends AdapterScene>(kit: AdapterKit<Scene>): void {
  const { tick, neighbour } = kit;
  const startLive = async (...feeds: Feed[]): Promise<Scene> => {
    const scene = await kit.start(feeds);
    using _market = kit.run(scene);
    await scene.clock.hurryUntil(
      () => feeds.every((feed) => scene.state(feed) === 'live' && scene.events(feed).length > 0),
      'live feeds',
    );
    return scene;
  };

  describe(`${kit.name}, whatever its venue does`, () => {
    it('acts on the silence of an open connection: another one delivers', async () => {
      await using scene = await startLive(tick);
      using _market = kit.run(scene);
      await scene.clock.hurryUntil(() => scene.events(tick).length > 100, 'a busy market');
      kit.silence(scene);
      await scene.clock.hurryUntil(() => scene.state(tick) !== 'live', 'the silence to be noticed');
      await scene.clock.hurryUntil(() => scene.state(tick) === 'live', 'another connection');
    });

    it('does not take a stream for healthy that it never hears', async () => {
      const { feed, start, heal } = kit.unheard;
      await using scene = await kit.start([tick, feed]);
      start(scene);
      using _market = kit.run(scene);
      await scene.clock.hurryUntil(() => scene.state(feed) === 'stale', 'the feed to be stale');
      heal(scene);
      await scene.clock.hurryUntil(() => scene.state(feed) === 'live' && scene.events(feed).length > 0, 'a live feed');
    });

    it('withdraws a quote that the venue withdraws, until there is another', async () => {
      await using scene = await startLive(tick);
      kit.endQuote(scene);
      await scene.clock.hurryUntil(() => scene.state(tick) === 'withdrawn', 'the quote to be withdrawn');
      using _market = kit.run(scene);
      await scene.clock.hurryUntil(() => scene.state(tick) === 'live', 'another quote');
    });

    it('takes no refusal for the last word', async () => {
      await using scene = await startLive(tick);
      await kit.refuse.start(scene);
      await scene.clock.hurryUntil(() => scene.state(tick) !== 'live', 'the refusal');
      kit.refuse.again(scene);
      using _market = kit.run(scene);
      await scene.clock.hurryUntil(() => scene.state(tick) === 'live', 'a live feed');
    });

    it('takes a refusal of one argument for nothing else, and has no candles of before there were any', async () => {
      await using scene = await startLive(tick);
      const query = { symbol: tick.symbol, interval: '1m', fromMs: Date.UTC(1960, 0), toMs: -1, limit: 5 } as const;
      expect(await scene.clock.hurry(scene.broker.fetchCandles(query))).toEqual([]);
      const future = { ...query, fromMs: Date.UTC(9000, 0), toMs: null };
      expect(await scene.clock.hurry(scene.broker.fetchCandles(future))).toEqual([]);
    });

    it('asks for the listing again before it says no', async () => {
      await using scene = await startLive(tick);
      await scene.clock.hurryUntil(() => scene.broker.catalog !== null, 'the listing');
      const symbol = kit.list(scene);
      await scene.clock.hurry(scene.broker.renewCatalog());
      expect(scene.broker.catalog?.get(symbol)).toBeDefined();
    });

    it('counts what it can not read, logs it by name, and lets neither neighbours nor the connection suffer', async () => {
      await using scene = await startLive(tick, neighbour);
      const reported = scene.conditions(tick).length;
      for (let count = 0; count < 60; count += 1) kit.nonsense(scene);
      // A quote that the venue held back may end it at once.
      const wasStale = (): boolean =>
        scene
          .conditions(tick)
          .slice(reported)
          .some(({ kind }) => kind === 'stale');
      await scene.clock.hurryUntil(wasStale, 'the instrument to be set aside');
      const before = scene.events(neighbour).length;
      using _market = kit.run(scene);
      await scene.clock.hurryUntil(() => scene.events(neighbour).length > before, 'the neighbour to go on');
      await scene.clock.hurryUntil(() => scene.state(tick) === 'live', 'the instrument to be back');
      expect(scene.conditions(neighbour).map(({ kind }) => kind)).not.toContain('stale');
      expect((await scene.metrics.invalidMessages.get()).values[0]?.value).toBeGreaterThanOrEqual(60);
      const named = scene.log.filter((line) => line.toLowerCase().includes(tick.symbol.toLowerCase()));
      expect(named.some((line) => line.includes('"level":40'))).toBe(true);
      expect((await scene.metrics.reconnects.get()).values).toEqual([]);
    });

    it('says why a feed waits for the end of a pause, and when that is', async () => {
      const { scene: paused, feed } = await kit.startPaused();
      await using scene = paused;
      const said = (): boolean =>
        scene.state(feed) === 'recovering' && /\d\d:\d\d:\d\d/.test(reasonOf(scene.conditions(feed).at(-1)));
      await scene.clock.hurryUntil(said, 'the reason and the time');
      using _market = kit.run(scene);
      await scene.clock.hurryUntil(() => scene.state(feed) === 'live', 'the end of the pause');
    });
  });
}
