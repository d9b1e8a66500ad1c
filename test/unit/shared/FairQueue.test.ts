import { describe, expect, it } from 'vitest';
import { allAskers, FairQueue } from '../../../src/shared/FairQueue.ts';
import type { Asker } from '../../../src/shared/FairQueue.ts';

const connection = (owner: string): Asker => ({ owner });

function drain(queue: FairQueue<string>): string[] {
  const items: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) items.push(next);
  return items;
}

describe('FairQueue', () => {
  it('keeps the order of one connection', () => {
    const queue = new FairQueue<string>();
    const mine = connection('me');
    for (const item of ['1', '2', '3']) queue.push(mine, item);
    expect(drain(queue)).toEqual(['1', '2', '3']);
  });

  it('lets owners take turns, however much one of them queues and over however many connections', () => {
    const queue = new FairQueue<string>();
    for (let n = 0; n < 3; n += 1) {
      const many = connection('greedy');
      for (let item = 0; item < 3; item += 1) queue.push(many, `greedy ${n}.${item}`);
    }
    queue.push(connection('modest'), 'modest');
    expect(drain(queue).indexOf('modest')).toBe(1);
  });

  it('lets the connections of an owner take turns', () => {
    const queue = new FairQueue<string>();
    const [first, second] = [connection('me'), connection('me')];
    for (const item of ['a1', 'a2', 'a3']) queue.push(first, item);
    for (const item of ['b1', 'b2']) queue.push(second, item);
    expect(drain(queue)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  it('skips a connection whose next item may not pass, and keeps the order of its items', () => {
    const queue = new FairQueue<string>();
    const [heavy, light] = [connection('heavy'), connection('light')];
    queue.push(heavy, 'large');
    queue.push(heavy, 'small');
    queue.push(light, 'other');
    queue.push(connection('heavy'), 'second');
    const may = (item: string): boolean => item !== 'large';
    expect([queue.shift(may), queue.shift(may), queue.shift(may)]).toEqual(['second', 'other', undefined]);
    expect(queue.size).toBe(2);
  });

  it('can remove an item', () => {
    const queue = new FairQueue<string>();
    const mine = connection('me');
    for (const item of ['1', '2']) queue.push(mine, item);
    expect([queue.remove(mine, '1'), queue.remove(mine, '1')]).toEqual([true, false]);
    expect(drain(queue)).toEqual(['2']);
    expect(queue.size).toBe(0);
  });
});

describe('all askers', () => {
  it('are all of them together, or none if one of the lists is empty', () => {
    const [one, two] = [connection('a'), connection('b')];
    expect(allAskers([() => [one], () => [two]])).toEqual([one, two]);
    expect(allAskers([() => [one], undefined])).toEqual([]);
    expect(allAskers([() => [one], () => []])).toEqual([]);
  });
});
