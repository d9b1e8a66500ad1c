import { describe, expect, it } from 'vitest';
import { BOOK, startBinanceBroker } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';

type Scene = Awaited<ReturnType<typeof startBinanceBroker>>;

const comparisons = ({ venue }: Scene): number =>
  venue.requests.filter(({ path, query }) => path === '/api/v3/depth' && query.get('limit') === '100').length;

const resyncs = async ({ metrics }: Scene): Promise<unknown[]> =>
  (await metrics.resyncs.get()).values.map(({ labels, value }) => [labels.reason, value]);

/** Minutes pass, in as little time as possible. */
function pass({ clock }: Scene, fact: () => boolean, what: string): Promise<boolean> {
  return waitFor(async () => {
    if (!fact()) await clock.skip(2_000);
    return fact();
  }, what);
}

async function startBook(): Promise<Scene> {
  const scene = await startBinanceBroker([BOOK]);
  await scene.clock.hurryUntil(() => scene.state(BOOK) === 'live', 'a live book');
  return scene;
}

describe('a book that is in step by its numbers', () => {
  it('is begun again if a level is wrong all the same: recovering with the reason, then live and right', async () => {
    await using scene = await startBook();
    const { venue, clock } = scene;
    venue.faults.corruptDiff('BTCUSDT');
    venue.market('BTCUSDT').depth({ bids: [['10.00000000', '1.00000000']] });
    await waitFor(() => scene.events(BOOK).length === 2, 'the wrong change');
    await pass(scene, () => scene.conditions(BOOK).at(-1)?.kind === 'recovering', 'the fault to be found');
    expect(scene.conditions(BOOK).at(-1)).toMatchObject({
      kind: 'recovering',
      reason: "The book differed from the venue's own; it is being fetched anew.",
    });
    await clock.hurryUntil(() => scene.state(BOOK) === 'live', 'the book to be live');
    await scene.waitForOracle();
    expect(await resyncs(scene)).toEqual([['mismatch', 1]]);
  });

  it('is never begun again while it is right, however fast the venue changes and however its numbers are cut', async () => {
    await using scene = await startBook();
    const { venue, clock } = scene;
    venue.faults.snapshotAlignment('BTCUSDT', 'straddle');
    using _market = venue.run({ everyMs: 100 });
    await pass(scene, () => comparisons(scene) >= 5, 'five comparisons');
    await clock.skip(11_000);
    expect(await resyncs(scene)).toEqual([]);
    expect(scene.conditions(BOOK).filter(({ kind }) => kind === 'recovering')).toHaveLength(1);
  });

  it('is not compared during a ban', async () => {
    await using scene = await startBook();
    await waitFor(() => scene.broker.catalog !== null, 'the listing');
    scene.venue.faults.rest.nextStatus(418, { retryAfterSeconds: 120 });
    await scene.clock.hurry(scene.broker.fetchTick('BTCUSDT').catch(() => null));
    const asked = scene.venue.requests.length;
    await scene.clock.skip(110_000);
    expect(scene.venue.requests).toHaveLength(asked);
    await pass(scene, () => comparisons(scene) > 0, 'the next comparison');
  });
});
