import { expect, it } from 'vitest';
import { Wanted } from '../../../src/bus/redis/Wanted.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { keyOfType } from './streams.ts';

const [TICKS, TRADES] = [keyOfType('tick'), keyOfType('trade')];

it('what gateways want is what one of them wants; a list of everything replaces what was known', () => {
  const wanted = new Wanted(new FakeClock());
  expect(wanted.want('a', [TICKS], false)).toEqual([TICKS]);
  expect(wanted.want('a', [TICKS], false)).toEqual([]);
  wanted.want('b', [TICKS, TRADES], true);
  wanted.leave('a', [TICKS]);
  expect([...wanted.all]).toEqual([TICKS, TRADES]);
  wanted.want('b', [TRADES], true);
  expect([...wanted.all]).toEqual([TRADES]);
});

it('a gateway that says nothing for long wants nothing any more', async () => {
  const clock = new FakeClock();
  const wanted = new Wanted(clock);
  wanted.want('dead', [TICKS], true);
  wanted.want('alive', [TRADES], true);
  await clock.advance(10_000);
  wanted.want('alive', [TRADES], true);
  await clock.advance(6_000);
  wanted.sweep();
  expect([...wanted.all]).toEqual([TRADES]);
});
