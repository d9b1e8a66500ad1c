import { expect, it } from 'vitest';
import { systemClock } from '../../../src/shared/clock.ts';
import { faultOwner, reportFault, runOwned, unownedClock } from '../../../src/shared/faultScope.ts';
import type { FaultOwner } from '../../../src/shared/faultScope.ts';

const first: FaultOwner = () => undefined;
const second: FaultOwner = () => undefined;

it('code is owned by whoever it runs for, and so is all that it causes later', async () => {
  const owners: (FaultOwner | null)[] = [];
  const note = (): void => void owners.push(faultOwner());
  const later = async (): Promise<void> => {
    await Promise.resolve();
    note();
    await new Promise((resolve) => void systemClock.turn(() => resolve(note())));
  };
  await Promise.all([runOwned(first, later), runOwned(second, later)]);
  expect(owners).toEqual([first, second, first, second]);
  expect(faultOwner()).toBeNull();
});

it('a timer of the unowned clock is in nobody’s name, whoever has set it', async () => {
  const clock = unownedClock(systemClock);
  const owners: (FaultOwner | null)[] = [];
  await runOwned(first, async () => {
    for (const wait of [clock.after.bind(clock, 1), clock.every.bind(clock, 1), clock.turn.bind(clock)]) {
      const { promise, resolve } = Promise.withResolvers<void>();
      using _timer = wait(() => {
        owners.push(faultOwner());
        resolve();
      });
      await promise;
    }
  });
  expect(owners).toEqual([null, null, null]);
});

it('an error that was caught is reported to the owner, if there is one', () => {
  const told: unknown[] = [];
  const error = new Error('caught');
  reportFault(error);
  runOwned(
    (fault) => told.push(fault),
    () => {
      reportFault(error);
    },
  );
  expect(told).toEqual([error]);
});
