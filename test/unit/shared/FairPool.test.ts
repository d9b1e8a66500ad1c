import { describe, expect, it } from 'vitest';
import { FairPool } from '../../../src/shared/FairPool.ts';
import type { FairPoolOptions } from '../../../src/shared/FairPool.ts';
import type { Asker } from '../../../src/shared/FairQueue.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(options: Partial<FairPoolOptions> = {}) {
  const pool = new FairPool({ capacity: 10, perOwner: 4, perAsker: 4, free: 0, ...options });
  const given: string[] = [];
  const shares = new Map<string, Disposable>();
  const take = (name: string, asker: Asker, units: number, signal?: AbortSignal): void => {
    pool.take(asker, units, signal).then(
      (share) => shares.set(name, share) && given.push(name),
      (reason: unknown) => given.push(`${name}: ${String(reason)}`),
    );
  };
  return { pool, given, take, giveBack: (name: string) => shares.get(name)?.[Symbol.dispose]() };
}

describe('FairPool', () => {
  it('gives no owner more than its part, whatever the number of its connections', async () => {
    const { given, take, giveBack } = setUp();
    for (const name of ['a', 'b', 'c']) take(name, { owner: 'me' }, 2);
    take('other', { owner: 'other' }, 2);
    await settled();
    expect(given).toEqual(['a', 'b', 'other']);
    giveBack('a');
    await settled();
    expect(given).toEqual(['a', 'b', 'other', 'c']);
  });

  it('gives a connection no more than its part, and a small request to one that holds nothing, whatever its owner holds', async () => {
    const { given, take } = setUp({ perAsker: 2, free: 1 });
    const [first, second, third] = [{ owner: 'me' }, { owner: 'me' }, { owner: 'me' }];
    for (const name of ['a', 'b']) take(name, first, 2);
    take('c', second, 2);
    take('small', third, 1);
    take('large', { owner: 'me' }, 2);
    await settled();
    expect(given).toEqual(['a', 'c', 'small']);
  });

  it('gives all owners together no more than the capacity', async () => {
    const { pool, given, take, giveBack } = setUp();
    for (const owner of ['a', 'b', 'c']) take(owner, { owner }, 4);
    await settled();
    expect([given, pool.used]).toEqual([['a', 'b'], 8]);
    giveBack('b');
    await settled();
    expect(given).toEqual(['a', 'b', 'c']);
  });

  it('grants a request above the part to an owner that holds nothing, because it could never be granted otherwise', async () => {
    const { given, take } = setUp();
    take('large', { owner: 'me' }, 50);
    await settled();
    expect(given).toEqual(['large']);
  });

  it('drops an aborted request, and continues with the next one', async () => {
    const { given, take } = setUp({ capacity: 4 });
    const mine = { owner: 'me' };
    const leaving = new AbortController();
    take('first', mine, 3);
    take('leaving', mine, 4, leaving.signal);
    take('behind', mine, 1);
    await settled();
    leaving.abort('gone');
    await settled();
    expect(given.toSorted()).toEqual(['behind', 'first', 'leaving: gone']);
  });

  it('is empty again once everything was returned, each share only once', async () => {
    const { pool, take, giveBack } = setUp();
    take('a', { owner: 'me' }, 3);
    await settled();
    giveBack('a');
    giveBack('a');
    expect(pool.used).toBe(0);
  });
});
