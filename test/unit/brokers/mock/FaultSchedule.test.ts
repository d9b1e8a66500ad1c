import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultSchedule } from '../../../../src/brokers/mock/FaultSchedule.ts';
import type { MockFault } from '../../../../src/brokers/mock/FaultSchedule.ts';

function fault(overrides: Partial<MockFault> = {}): MockFault {
  return { kind: 'gap', afterMs: 100, forMs: 50, everyMs: null, symbols: null, ...overrides };
}

describe('a schedule of faults', () => {
  it.each([
    [99, null],
    [100, { startMs: 100, endMs: 150 }],
    [149.9, { startMs: 100, endMs: 150 }],
    [150, null],
    [10_000, null],
  ])('has a fault from its beginning up to its end: at %d', (atMs, window) => {
    expect(new FaultSchedule([fault()]).at('gap', 'A', atMs)).toEqual(window);
  });

  it('repeats a fault for ever', () => {
    const schedule = new FaultSchedule([fault({ everyMs: 1_000 })]);
    expect([100, 149, 150, 1_099, 1_100, 86_400_149].map((atMs) => schedule.at('gap', 'A', atMs) !== null)).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
    ]);
  });

  it('knows faults of a kind and a symbol apart, and joins those that overlap', () => {
    const schedule = new FaultSchedule([
      fault({ symbols: ['A'] }),
      fault({ afterMs: 140, forMs: 100, symbols: ['A', 'B'] }),
      fault({ kind: 'halt', afterMs: 0, forMs: 1_000 }),
    ]);
    expect(schedule.at('gap', 'A', 145)).toEqual({ startMs: 100, endMs: 240 });
    expect(schedule.at('gap', 'B', 145)).toEqual({ startMs: 140, endMs: 240 });
    expect([schedule.at('gap', 'C', 145), schedule.at('silence', 'A', 145)]).toEqual([null, null]);
    expect([schedule.scope('gap', 145), schedule.scope('halt', 145), schedule.scope('gap', 240)]).toEqual([
      'some',
      'all',
      'none',
    ]);
  });

  it('does not forget a fault that was over before anybody looked, and has it once', () => {
    const schedule = new FaultSchedule([fault({ forMs: 1 })]);
    expect(schedule.recent('gap', 'A', { sinceMs: 50, atMs: 400 })).not.toBeNull();
    expect(schedule.recent('gap', 'A', { sinceMs: 100, atMs: 400 })).toBeNull();
    expect(schedule.recent('gap', 'A', { sinceMs: 0, atMs: 99 })).toBeNull();
  });

  it('names every moment at which something changes, and no other', () => {
    const anyFault = fc.record({
      kind: fc.constantFrom('halt' as const, 'disconnect' as const),
      afterMs: fc.integer({ min: 0, max: 40 }),
      forMs: fc.integer({ min: 1, max: 10 }),
      everyMs: fc.option(fc.integer({ min: 10, max: 30 }), { nil: null }),
      symbols: fc.constantFrom(null, ['A'], ['B']),
    });
    fc.assert(
      fc.property(fc.array(anyFault, { minLength: 1, maxLength: 4 }), (faults) => {
        const schedule = new FaultSchedule(faults);
        const told = new Set<number>();
        const kinds = ['halt', 'disconnect'] as const;
        for (let at = schedule.nextChange(kinds, -1); at !== null && at < 200; at = schedule.nextChange(kinds, at)) {
          told.add(at);
        }
        const stateAt = (atMs: number): string =>
          JSON.stringify(kinds.flatMap((kind) => ['A', 'B'].map((symbol) => schedule.at(kind, symbol, atMs) !== null)));
        const changed = Array.from({ length: 200 }, (_, at) => at).filter((at) => stateAt(at) !== stateAt(at - 1));
        expect(changed.filter((at) => !told.has(at))).toEqual([]);
        const edges = faults.flatMap(({ afterMs, forMs, everyMs }) =>
          Array.from({ length: everyMs === null ? 1 : 30 }, (_, turn) => afterMs + turn * (everyMs ?? 0)).flatMap(
            (startMs) => [startMs, startMs + forMs],
          ),
        );
        expect([...told].filter((at) => !edges.includes(at))).toEqual([]);
      }),
    );
  });
});
