import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/shared/random.ts';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import type { Parking, Patience } from '../../../src/transport/RequestQueue.ts';
import { FakeClock } from '../../support/FakeClock.ts';

let clock: FakeClock;
let queue: RequestQueue;
let parked: Parking[];

beforeEach(() => {
  clock = new FakeClock();
  queue = new RequestQueue({ clock, random: seededRandom(1), weightPerMinute: 100 });
  parked = [];
});

async function enter(patience: Patience, weight = 1): Promise<void> {
  const onParked = (parking: Parking): void => void parked.push(parking);
  queue.enter({ name: 'venue', weight, patience, onParked }, new AbortController().signal).catch(() => undefined);
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

  it('is not notified when it is not patient: it is refused', async () => {
    queue.pause(30_000);
    await enter('fail');
    expect(parked).toEqual([]);
  });
});
