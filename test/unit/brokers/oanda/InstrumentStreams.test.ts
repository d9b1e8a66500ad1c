import { describe, expect, it } from 'vitest';
import { VenueClock } from '../../../../src/brokers/oanda/InstrumentStreams.ts';

describe("the venue's time", () => {
  it('goes on with heartbeats, and with prices between them, a second at a time', () => {
    const clock = new VenueClock();
    expect(clock.heartbeat(10_300)).toBe(10_000);
    expect(clock.heartbeat(10_900)).toBeNull();
    expect(clock.price(11_001)).toBe(11_000);
    expect(clock.price(10_500)).toBeNull();
    expect(clock.price(11_900)).toBeNull();
    expect(clock.heartbeat(15_310)).toBe(15_000);
  });

  it('is not known from prices alone, for they may be days old', () => {
    expect(new VenueClock().price(99_000)).toBeNull();
  });

  it('takes no price for made that is far ahead of the last heartbeat', () => {
    const clock = new VenueClock();
    clock.heartbeat(10_000);
    expect(clock.price(90_000)).toBeNull();
    expect(clock.heartbeat(15_000)).toBe(15_000);
  });

  it('recovers from a heartbeat that was far ahead', () => {
    const clock = new VenueClock();
    clock.heartbeat(9_000_000);
    expect(clock.heartbeat(15_000)).toBe(15_000);
    expect(clock.heartbeat(20_000)).toBe(20_000);
  });
});
