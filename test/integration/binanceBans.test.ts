import { describe, expect, it } from 'vitest';
import type { FeedCondition } from '../../src/brokers/BaseBroker.ts';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import { checkBinanceCredentials } from '../../src/brokers/binance/checkBinanceCredentials.ts';
import { GatewayError } from '../../src/shared/errors.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { BOOK, CANDLE, startBinanceBroker, TICK, TRADE } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';

const PATH = '/api/v3/depth';
type Scene = Awaited<ReturnType<typeof startBinanceBroker>>;

const reasonOf = (condition: FeedCondition | undefined): string =>
  condition !== undefined && condition.kind !== 'live' ? condition.reason : '';

/** The instant that a condition names. */
function untilMs({ conditions }: Scene): number {
  const told = conditions(BOOK).find((condition) => /\d{4}-\d\d-\d\dT/.test(reasonOf(condition)));
  return Date.parse(/\S+Z/.exec(reasonOf(told))?.[0] ?? '');
}

async function startBanned(ban: (scene: Scene) => void): Promise<Scene> {
  const scene = await startBinanceBroker([TICK]);
  await scene.waitForState('live', TICK);
  await waitFor(() => scene.broker.catalog !== null, 'the listing');
  ban(scene);
  scene.broker.setWanted(new Set([TICK, BOOK]));
  await scene.venue.waitForSubscription('btcusdt@depth@100ms');
  scene.venue.market('BTCUSDT').depth();
  return scene;
}

describe('a ban', () => {
  it('that only its text gives the end of is waited out without another request', async () => {
    let endMs = 0;
    await using scene = await startBanned(({ venue, clock }) => {
      endMs = Math.floor(performance.timeOrigin + clock.monotonic()) + 260_000;
      const body = JSON.stringify({ code: -1003, msg: `Way too much request weight used; IP banned until ${endMs}.` });
      venue.faults.rest.nextStatus(418, { body, path: PATH });
    });
    await scene.clock.hurryUntil(() => scene.state(BOOK) === 'recovering' && !Number.isNaN(untilMs(scene)));
    expect(untilMs(scene)).toBeGreaterThanOrEqual(endMs - 1_000);
    await scene.clock.skip(250_000);
    const asked = () => scene.venue.requests.filter(({ path }) => path === PATH);
    expect(asked()).toHaveLength(1);
    await scene.clock.hurryUntil(() => scene.state(BOOK) === 'live', 'the book');
    expect(asked()[1]?.atMs).toBeGreaterThanOrEqual(endMs - 1_000);
  });

  it('with a header is told to whoever waits for a book, with its reason and its end', async () => {
    await using scene = await startBanned(({ venue }) => {
      venue.faults.rest.nextStatus(418, { retryAfterSeconds: 360, path: PATH });
    });
    await scene.clock.hurryUntil(() => !Number.isNaN(untilMs(scene)), 'the end of the ban');
    expect(scene.conditions(BOOK).at(-1)).toMatchObject({
      kind: 'recovering',
      reason: expect.stringContaining('The venue wants no requests'),
    });
    expect(untilMs(scene) - scene.clock.now()).toBeGreaterThan(350_000);
  });

  it('is told to whoever waits for missed trades, and the feed is live in the end', async () => {
    await using scene = await startBinanceBroker([TRADE]);
    const { venue, clock } = scene;
    await scene.waitForState('live', TRADE);
    venue.market('BTCUSDT').trade();
    await waitFor(() => scene.tradeIds().length === 1, 'a trade');
    venue.faults.rest.nextStatus(429, { retryAfterSeconds: 20, path: '/api/v3/trades' });
    await venue.faults.hangUp();
    venue.market('BTCUSDT').trade();
    await clock.hurryUntil(() => reasonOf(scene.conditions(TRADE).at(-1)).includes('wants no requests'), 'the pause');
    await clock.hurryUntil(() => scene.state(TRADE) === 'live', 'the feed to be live');
    expect(scene.tradeIds()).toHaveLength(2);
    expect(scene.gaps(TRADE)).toEqual([]);
  });

  it('is told to whoever waits for missed candles, and the feed is live in the end', async () => {
    await using scene = await startBinanceBroker([CANDLE]);
    const { venue, clock } = scene;
    await scene.waitForState('live', CANDLE);
    using _market = venue.run({ everyMs: 100 });
    await clock.hurryUntil(() => scene.events(CANDLE).length > 0, 'a candle');
    venue.faults.rest.nextStatus(429, { retryAfterSeconds: 20, path: '/api/v3/klines' });
    await venue.faults.hangUp();
    await clock.hurryUntil(() => reasonOf(scene.conditions(CANDLE).at(-1)).includes('wants no requests'), 'the pause');
    await clock.hurryUntil(() => scene.state(CANDLE) === 'live', 'the feed to be live');
    expect(scene.gaps(CANDLE)).toEqual([]);
  });

  it('that only its text gives the end of is waited out by the check of credentials, too', async () => {
    await using scene = await startBinanceBroker([]);
    const { venue, clock, metrics } = scene;
    const body = JSON.stringify({ code: -1003, msg: `IP banned until ${Math.ceil(clock.now()) + 260_000}.` });
    venue.faults.rest.nextStatus(418, { body, path: '/api/v3/account' });
    const surroundings = { clock, random: systemRandom, logger: silentLogger(), metrics };
    const asked = checkBinanceCredentials(
      { apiKey: 'a-key', apiSecret: 'a-secret' },
      { ...surroundings, restUrl: venue.restUrl, hosts: new BinanceHosts(surroundings), brokerId: 'binance' },
      new AbortController().signal,
    );
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      details: { retryAfterMs: expect.any(Number) as number },
    });
    expect(GatewayError.from(error).details.retryAfterMs).toBeGreaterThan(250_000);
  });
});

describe('a location that the venue does not serve', () => {
  it('is said in words, and the venue is left alone for long', async () => {
    await using scene = await startBanned(({ venue }) => {
      venue.faults.rest.nextStatus(451, { path: PATH, times: 100 });
    });
    await scene.clock.hurryUntil(() => reasonOf(scene.conditions(BOOK).at(-1)).includes('HTTP 451'), 'the reason');
    await scene.clock.skip(600_000);
    expect(scene.venue.requests.filter(({ path }) => path === PATH)).toHaveLength(1);
    await expect(scene.broker.fetchTick('BTCUSDT')).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: 'The venue does not serve this location (HTTP 451).',
    });
  });

  it('is said of connections, too', async () => {
    await using scene = await startBinanceBroker([TICK]);
    await scene.waitForState('live', TICK);
    scene.venue.faults.handshakeStatus = 451;
    await scene.venue.faults.hangUp();
    await scene.clock.hurryUntil(
      () => reasonOf(scene.conditions(TICK).at(-1)).includes('does not serve'),
      'the reason',
    );
    const { handshakes } = scene.venue;
    await scene.clock.skip(600_000);
    expect(scene.venue.handshakes).toBe(handshakes);
  });
});
