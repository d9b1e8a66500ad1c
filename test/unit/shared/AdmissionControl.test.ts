import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { AdmissionControl, socketsForClients } from '../../../src/shared/AdmissionControl.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const BUSY = { code: 'RATE_LIMITED', details: { httpStatus: 503, retryAfterMs: 1_000 } };

function start({ usedHeap = (): number => 0, logger = silentLogger(), starts = true, isBusy = true } = {}) {
  const clock = new FakeClock();
  const admission = new AdmissionControl({
    clock,
    logger,
    usedHeap,
    busyMs: () => (isBusy ? clock.monotonic() : 0),
  });
  if (starts) admission.start();
  const operations = (): string => {
    try {
      admission.admitOperation();
      return 'admitted';
    } catch {
      return 'refused';
    }
  };
  return { clock, admission, operations };
}

describe('memory', () => {
  it('that runs short is kept from new connections before it is kept from new operations', async () => {
    let used = 0.79;
    const { clock, admission, operations } = start({ usedHeap: () => used });
    expect(admission.refuseConnection()).toBeNull();
    used = 0.85;
    await clock.advance(100);
    const short = { code: 'RATE_LIMITED', details: { httpStatus: 503, retryAfterMs: 5_000 } };
    expect(admission.refuseConnection()).toMatchObject(short);
    expect(operations()).toBe('admitted');
    used = 0.95;
    await clock.advance(100);
    expect(() => {
      admission.admitOperation();
    }).toThrow(expect.objectContaining(short));
  });

  it('is measured ten times a second at most', async () => {
    let looks = 0;
    const { clock, admission } = start({ usedHeap: () => (looks += 1) / 1_000 });
    for (let n = 0; n < 50; n += 1) admission.refuseConnection();
    expect(looks).toBe(1);
    await clock.advance(100);
    admission.refuseConnection();
    expect(looks).toBe(2);
  });

  it('of this process has room', () => {
    using admission = new AdmissionControl({ clock: new FakeClock(), logger: silentLogger() });
    expect(admission.refuseConnection()).toBeNull();
  });
});

describe('the event loop', () => {
  it('counts as held up while a timer is half a second late, and until none was for a second', async () => {
    const { clock, admission } = start();
    await clock.advance(1_000);
    clock.suspend(600);
    // 100 ms of it are the timer's own period.
    expect(admission.isHeldUp).toBe(false);
    clock.suspend(1);
    // It is noticed before the late timer fires.
    expect(admission.isHeldUp).toBe(true);
    await clock.advance(999);
    expect(admission.isHeldUp).toBe(true);
    await clock.advance(1);
    expect(admission.isHeldUp).toBe(false);
  });

  it('that is late all the time is kept from new connections first, then from new operations', async () => {
    const { clock, admission, operations } = start();
    const turns = async (count: number, ms: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) {
        clock.suspend(ms);
        await clock.advance(0);
      }
    };
    await turns(50, 340);
    expect(admission.refuseConnection()).toBeNull();
    await turns(50, 400);
    expect(admission.refuseConnection()).toMatchObject(BUSY);
    expect(operations()).toBe('admitted');
    await turns(50, 650);
    expect(operations()).toBe('refused');
    await turns(10, 100);
    expect([admission.refuseConnection(), operations()]).toEqual([null, 'admitted']);
  });

  it('that is late because others use the processor is kept from nothing', async () => {
    const { clock, admission, operations } = start({ isBusy: false });
    for (let n = 0; n < 50; n += 1) {
      clock.suspend(900);
      await clock.advance(0);
    }
    expect([admission.isHeldUp, admission.refuseConnection(), operations()]).toEqual([true, null, 'admitted']);
  });

  it('that was held up by one long turn is kept from nothing', async () => {
    const { clock, admission, operations } = start();
    clock.suspend(1_300);
    await clock.advance(0);
    expect([admission.isHeldUp, admission.refuseConnection(), operations()]).toEqual([true, null, 'admitted']);
  });

  it('is not judged before the gateway has started', async () => {
    const { clock, admission } = start({ starts: false });
    clock.suspend(5_000);
    expect([admission.isHeldUp, clock.pending]).toEqual([false, 0]);
    admission.start();
    await clock.advance(100);
    expect([admission.isHeldUp, admission.refuseConnection()]).toEqual([false, null]);
  });

  it('that is held up is logged once, and once when it is over, however often it was late meanwhile', async () => {
    const lines: string[] = [];
    const logger = pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(line) });
    const { clock } = start({ logger });
    for (let n = 0; n < 5; n += 1) {
      clock.suspend(800);
      await clock.advance(200);
    }
    await clock.advance(5_000);
    expect(lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg)).toEqual([
      'the event loop is held up',
      'the event loop keeps up again',
    ]);
  });
});

it('a gateway that drains takes on neither connections nor operations, and leaves no timer', () => {
  const { clock, admission, operations } = start();
  admission.drain();
  expect(admission.refuseConnection()).toMatchObject({ ...BUSY, message: expect.stringContaining('shutting down') });
  expect(operations()).toBe('refused');
  admission[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

it('on Linux the limit of sockets is known', () => {
  const sockets = socketsForClients();
  if (process.platform === 'linux') expect(sockets).toBeGreaterThan(0);
  else expect(sockets).toBeNull();
});
