import { expect, it } from 'vitest';
import { RefusedAccess } from '../../../../src/brokers/oanda/RefusedAccess.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

/** The venue refuses each attempt; pauses are as long as they may be. */
function refuse() {
  const clock = new FakeClock();
  const retriesAtMs: number[] = [];
  const access: RefusedAccess = new RefusedAccess({
    clock,
    random: () => 1,
    logger: silentLogger(),
    onRetry: () => {
      retriesAtMs.push(clock.monotonic());
      access.refused('Refused again.', false);
    },
  });
  const pauses = (): number[] => retriesAtMs.map((at, index) => (at - (retriesAtMs[index - 1] ?? 0)) / 1_000);
  return { clock, access, pauses, retriesAtMs };
}

it('credentials that the venue refuses are tried again for ever, after pauses that grow from 5 s to 5 min', async () => {
  const { clock, access, pauses } = refuse();
  for (let count = 0; count < 3; count += 1) access.refused('Refused.', false);
  await clock.advance(1_300_000);
  expect(pauses()).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  expect(access.reason).toBe('Refused again.');
});

it('credentials that are accepted are not tried again, and only data makes the next pause short', async () => {
  const { clock, access, retriesAtMs } = refuse();
  access.refused('Refused.', false);
  await clock.advance(20_000);
  access.accepted();
  expect(access.reason).toBeNull();
  await clock.advance(600_000);
  expect(retriesAtMs).toEqual([5_000, 15_000]);
  access.flowing();
  access.refused('Refused.', false);
  await clock.advance(5_000);
  expect(retriesAtMs.at(-1)).toBe(625_000);
});

it('credentials whose refusal is final are not tried again', async () => {
  const { clock, access, retriesAtMs } = refuse();
  access.refused('Refused.', true);
  await clock.advance(3_600_000);
  expect(retriesAtMs).toEqual([]);
  expect(clock.pending).toBe(0);
});
