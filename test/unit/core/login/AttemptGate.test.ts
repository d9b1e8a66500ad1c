import { describe, expect, it } from 'vitest';
import { AttemptGate } from '../../../../src/core/login/AttemptGate.ts';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

const MINUTE = 60_000;

class Trial {
  readonly clock = new FakeClock();
  readonly lockouts: string[] = [];
  readonly gate = new AttemptGate(this.clock, (address) => this.lockouts.push(address));
  /** How many attempts were run. */
  runs = 0;

  /** The outcome, or when to retry if the attempt was not run. */
  attempt(address: string, succeeds: boolean, work: Promise<void> = Promise.resolve()): Promise<boolean | number> {
    const run = async (): Promise<boolean> => {
      this.runs += 1;
      await work;
      return succeeds;
    };
    return this.gate
      .run(address, run, (outcome) => !outcome)
      .catch((error: unknown) => {
        if (error instanceof GatewayError && error.code === 'RATE_LIMITED') return error.details.retryAfterMs ?? NaN;
        throw error;
      });
  }

  async fail(address: string, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.attempt(address, false);
  }
}

describe('failed logins', () => {
  it('from one address are checked ten times a minute; then even valid logins are refused, and other addresses are not affected', async () => {
    const trial = new Trial();
    await trial.fail('192.0.2.1', 9);
    expect(await trial.attempt('192.0.2.1', true)).toBe(true);
    await trial.clock.advance(20_000);
    await trial.fail('192.0.2.1', 1);
    expect(trial.runs).toBe(11);
    expect(await trial.attempt('192.0.2.1', true)).toBe(40_000);
    expect(trial.runs).toBe(11);
    expect(await trial.attempt('192.0.2.2', true)).toBe(true);
    await trial.clock.advance(40_000);
    expect(await trial.attempt('192.0.2.1', true)).toBe(true);
  });

  it('are reported once for each address that has to wait, when its last attempt fails', async () => {
    const trial = new Trial();
    await trial.fail('192.0.2.1', 9);
    expect(trial.lockouts).toEqual([]);
    await trial.fail('192.0.2.1', 20);
    await trial.fail('2001:db8::1', 20);
    expect(trial.lockouts).toEqual(['192.0.2.1', '2001:db8:0:0::/64']);
    await trial.clock.advance(MINUTE);
    await trial.fail('192.0.2.1', 20);
    expect(trial.lockouts).toEqual(['192.0.2.1', '2001:db8:0:0::/64', '192.0.2.1']);
  });

  it('are never more than ten in any minute, whenever that minute starts', async () => {
    const trial = new Trial();
    await trial.clock.advance(59_000);
    await trial.fail('192.0.2.1', 5);
    await trial.clock.advance(2_000);
    await trial.fail('192.0.2.1', 50);
    expect(trial.runs).toBe(10);
    await trial.clock.advance(58_000);
    await trial.fail('192.0.2.1', 50);
    expect(trial.runs).toBe(15);
  });

  it('are counted for a /64 of IPv6 as for one address', async () => {
    const trial = new Trial();
    for (let host = 1; host <= 20; host += 1) await trial.attempt(`2001:db8::${host}`, false);
    expect(trial.runs).toBe(10);
    expect(await trial.attempt('2001:db8:0:1::1', true)).toBe(true);
  });

  it('are bounded when they come simultaneously too', async () => {
    const trial = new Trial();
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => trial.attempt('192.0.2.1', false)));
    expect(trial.runs).toBe(10);
    expect(outcomes.filter((outcome) => outcome === MINUTE)).toHaveLength(490);
  });

  it('do not include valid logins that come simultaneously', async () => {
    const trial = new Trial();
    await trial.fail('192.0.2.1', 9);
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => trial.attempt('192.0.2.1', true)));
    expect(outcomes.every((outcome) => outcome === true)).toBe(true);
  });

  it('keep at most a thousand attempts waiting if checks take long', async () => {
    const trial = new Trial();
    const work = Promise.withResolvers<void>();
    const attempts = Array.from({ length: 1_011 }, () => trial.attempt('192.0.2.1', true, work.promise));
    expect(await attempts.at(-1)).toBe(1_000);
    expect(trial.runs).toBe(10);
    work.resolve();
    expect((await Promise.all(attempts)).filter((outcome) => outcome === true)).toHaveLength(1_010);
  });

  it('do not include internal errors', async () => {
    const trial = new Trial();
    for (let time = 0; time < 20; time += 1) {
      await expect(
        trial.gate.run(
          '192.0.2.1',
          () => Promise.reject(new Error('ours')),
          () => true,
        ),
      ).rejects.toThrow('ours');
    }
    expect(await trial.attempt('192.0.2.1', true)).toBe(true);
  });
});

describe('the record of failures', () => {
  it('is bounded: above ten thousand addresses the one whose failure is oldest is forgotten', async () => {
    const trial = new Trial();
    await trial.fail('192.0.2.1', 10);
    await trial.fail('192.0.2.2', 5);
    for (let index = 0; index < 9_998; index += 1) await trial.fail(`10.0.${index >> 8}.${index & 255}`, 1);
    await trial.fail('192.0.2.2', 5);
    expect(trial.gate.size).toBe(10_000);
    await trial.fail('10.1.0.0', 1);
    expect(trial.gate.size).toBe(10_000);
    expect(await trial.attempt('192.0.2.1', true)).toBe(true);
    expect(await trial.attempt('192.0.2.2', true)).toBe(MINUTE);
  });

  it('expires after a minute together with its timer', async () => {
    const trial = new Trial();
    await trial.fail('192.0.2.1', 3);
    await trial.clock.advance(30_000);
    await trial.fail('192.0.2.2', 1);
    await trial.fail('192.0.2.1', 1);
    await trial.clock.advance(30_000);
    expect(trial.gate.size).toBe(2);
    await trial.clock.advance(MINUTE);
    expect(trial.gate.size).toBe(0);
    expect(trial.clock.pending).toBe(0);
  });

  it('is dropped with its timer when the gate is closed', async () => {
    const trial = new Trial();
    await trial.fail('192.0.2.1', 1);
    const work = Promise.withResolvers<void>();
    const late = trial.attempt('192.0.2.1', false, work.promise);
    trial.gate[Symbol.dispose]();
    work.resolve();
    expect(await late).toBe(false);
    expect(trial.gate.size).toBe(0);
    expect(trial.clock.pending).toBe(0);
  });
});
