import { describe, expect, it } from 'vitest';
import { FaultyWire } from '../../../../src/brokers/mock/FaultyWire.ts';

const FINE = { isLost: false, isDoubled: false, isLate: false };

/** Sends one message for each letter: `l` is lost, `d` doubled, `o` out of order, `.` nothing of it. */
function arrivals(fates: string): readonly (readonly number[])[] {
  const wire = new FaultyWire<string>();
  const sent = fates.split('').map((fate) => {
    const faults = { isLost: fate === 'l', isDoubled: fate === 'd', isLate: fate === 'o' };
    return wire.send(fate, faults).map(({ venueId }) => venueId);
  });
  return [...sent, wire.arrive().map(({ venueId }) => venueId)];
}

describe('a wire', () => {
  it.each([
    ['...', [[1], [2], [3], []]],
    ['.l.', [[1], [], [3], []]],
    ['.d.', [[1], [2, 2], [3], []]],
    ['.o.', [[1], [], [3, 2], []]],
    ['oooo.', [[], [2, 1], [], [4, 3], [5], []]],
    ['ol.', [[], [1], [3], []]],
    ['..o', [[1], [2], [], [3]]],
  ])('loses, doubles and swaps what it is told to, and numbers all of it: %s', (fates, expected) => {
    expect(arrivals(fates)).toEqual(expected);
  });

  it('says whether something is on its way', () => {
    const wire = new FaultyWire<string>();
    wire.send('a', { ...FINE, isLate: true });
    expect([wire.hasLate, wire.sent]).toEqual([true, 1]);
    wire.arrive();
    expect(wire.hasLate).toBe(false);
  });
});
