import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/shared/random.ts';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import type { Parking, Patience } from '../../../src/transport/RequestQueue.ts';
import { FakeClock } from '../../support/FakeClock.ts';

let clock: FakeClock;
let queue: RequestQueue;
let parked: Parking[];
let refused: unknown[];

beforeEach(() => {
  clock = new FakeClock();
  queue = new RequestQueue({ clock, random: seededRandom(1), weightPerMinute: 100 });
  parked = [];
  refused = [];
});

async function enter(patience: Patience, weight = 1): Promise<void> {
  const onParked = (parking: Parking): void => void parked.push(parking);
  const { signal } = new AbortController();
  queue
    .enter({ name: 'venue', weight, patience, onParked }, signal)
    .catch((error: unknown) => void refused.push(error));
  await clock.advance(0);
}

describe('a request that waits', () => {
  it('is notified of a pause that is in force, with its reason and its length', async () => {
    queue.pause(30_000);
    await enter('wait');
    expect(parked).toEqual([{ reason: expect.stringContaining('wants no requests'), forMs: 30_000 }]);
  });

  it('is notified of a pause that begins, and of a longer one', async () => {
    await enter('wait', 80);
    await enter('wait', 80);
    parked = [];
    queue.pause(90_000);
    await clock.advance(10_000);
    queue.pause(200_000);
    expect(parked.map(({ forMs }) => forMs)).toEqual([90_000, 200_000]);
  });

  it('is notified when the weight is used up for long', async () => {
    await enter('wait', 80);
    expect(parked).toEqual([]);
    await enter('wait', 80);
    expect(parked).toEqual([{ reason: expect.stringContaining('used up'), forMs: 60_000 }]);
  });

  it('is not notified when it is not patient: it is refused, before a pause and during it', async () => {
    for (let count = 0; count <= queue.concurrency; count += 1) await enter('fail');
    expect(refused).toEqual([]);
    queue.pause(30_000);
    await clock.advance(0);
    await enter('fail');
    expect(refused).toMatchObject([{ code: 'BROKER_UNAVAILABLE' }, { code: 'BROKER_UNAVAILABLE' }]);
    expect(parked).toEqual([]);
  });
});
