import { describe, expect, it } from 'vitest';
import { HeapWatch, socketsForClients } from '../../../src/shared/processLimits.ts';
import { FakeClock } from '../../support/FakeClock.ts';

describe('HeapWatch', () => {
  it('refuses new connections before it refuses new operations', async () => {
    const clock = new FakeClock();
    let used = 0.79;
    const heap = new HeapWatch({ clock, used: () => used });
    expect(heap.isFullForConnections).toBe(false);
    used = 0.85;
    await clock.advance(100);
    expect(heap.isFullForConnections).toBe(true);
    expect(() => {
      heap.admitOperation();
    }).not.toThrow();
    used = 0.95;
    await clock.advance(100);
    expect(() => {
      heap.admitOperation();
    }).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', details: { retryAfterMs: 5_000 } }));
  });

  it('measures ten times a second at most', async () => {
    const clock = new FakeClock();
    let looks = 0;
    const heap = new HeapWatch({ clock, used: () => (looks += 1) });
    for (let n = 0; n < 50; n += 1) void heap.isFullForConnections;
    expect(looks).toBe(1);
    await clock.advance(100);
    void heap.isFullForConnections;
    expect(looks).toBe(2);
  });

  it('finds that this process has room', () => {
    expect(new HeapWatch({ clock: new FakeClock() }).isFullForConnections).toBe(false);
  });
});

it('on Linux the limit of sockets is known', () => {
  const sockets = socketsForClients();
  if (process.platform === 'linux') expect(sockets).toBeGreaterThan(0);
  else expect(sockets).toBeNull();
});
