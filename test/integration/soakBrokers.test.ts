import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Seen, SeenData } from '../../bench/soak/clients/events.ts';
import type { Observation } from '../../bench/soak/clients/SoakClient.ts';
import { PLAIN_WISH } from '../../bench/soak/clients/wishes.ts';
import { judgeMemory } from '../../bench/soak/MemoryWatch.ts';
import { Auditor } from '../../bench/soak/oracle/Auditor.ts';
import { BrokerHistory } from '../../bench/soak/oracle/BrokerHistory.ts';
import { Oracle } from '../../bench/soak/oracle/Oracle.ts';
import { Violations } from '../../bench/soak/oracle/Violations.ts';

const out = mkdtempSync(join(tmpdir(), 'tickgraph-soak-test-'));
afterAll(() => {
  rmSync(out, { recursive: true });
});

const START_MS = Date.UTC(2026, 0, 5);
const MARKET = { symbol: 'BTCUSDT', price: '100.00', seed: 1, ticksPerSecond: 5 };
const FIRST_ID = 1_000_001;
const FAULTS = new Map([['mock', [{ state: 'closed', afterMs: 20_000, forMs: 9_000, everyMs: 60_000 } as const]]]);
const iso = (ms: number): string => new Date(START_MS + ms).toISOString();

/** Every call makes the next event of the stream. */
class Tape {
  readonly oracle = new Oracle([MARKET]);
  #sequence = 0;

  trade(id: number, ms: number, more: object = {}): Seen {
    const { price, size, side } = this.oracle.mock('BTCUSDT')?.trade(id) ?? {};
    const fields = { tradeId: String(id), price, size, side, receivedAt: iso(ms), ...more };
    this.#sequence += 1;
    const [sequence, cursor] = [this.#sequence, `1abcdefghABCDEFGHIJKL${this.#sequence}`];
    return { ...COMMON, kind: 'data', type: 'trade', time: iso(ms), sequence, cursor, fields } satisfies SeenData;
  }
}

const COMMON = { broker: 'mock', symbol: 'BTCUSDT' };
const status = (more: object): Seen => ({
  ...COMMON,
  kind: 'status',
  state: null,
  gap: null,
  replay: null,
  cursor: null,
  reason: null,
  ...more,
});

type Timed = readonly [ms: number, what: Seen | Observation];

interface Scene {
  /** Milliseconds since the start of the connection. */
  readonly seen: (tape: Tape) => readonly Timed[];
  /** Prepares what happened to the broker. */
  readonly brokers?: (history: BrokerHistory) => void;
  /** Until when, after the start, the broker was disturbed. */
  readonly disturbedMs?: number;
}

/** What is found to be wrong until a minute after the start. */
function findings({ seen, brokers, disturbedMs = 0 }: Scene): readonly string[] {
  const tape = new Tape();
  const history = new BrokerHistory(FAULTS);
  history.begins('mock', START_MS - 2_000)(START_MS - 1_000);
  brokers?.(history);
  const violations = new Violations({ seed: 0, folder: out, print: () => undefined, history: () => [] });
  const calm = { disturbedUntilMs: () => START_MS + disturbedMs, clientDisturbedUntilMs: () => 0 };
  const wish = { ...PLAIN_WISH, protocol: 'raw', broker: 'mock', symbols: ['BTCUSDT'], types: ['trade'] } as const;
  const judged = { name: 'it', wish, oracle: tape.oracle, violations, calm, history };
  const auditor = new Auditor({ ...judged, steadyBrokers: ['mock'] });
  auditor.note({ kind: 'connecting', resumes: null }, START_MS);
  auditor.note({ kind: 'open' }, START_MS);
  for (const [ms, what] of seen(tape)) {
    const isEvent = what.kind === 'data' || what.kind === 'status';
    auditor.note(isEvent ? { kind: 'event', event: what } : what, START_MS + ms);
  }
  for (let ms = 0; ms < 60_000; ms += 500) auditor.settle(START_MS + ms);
  return violations.all.map(({ text }) => text);
}

/** Whatever comes late is another matter. */
const but = (texts: readonly string[]): readonly string[] => texts.filter((text) => !text.startsWith('LIVE, but for '));
const closed = status({ state: 'closed' });
const live = status({ state: 'live' });

describe('the oracle, of a broker that is taken out of service', () => {
  const outage = (history: BrokerHistory): void => {
    const hasBegun = history.begins('mock', START_MS + 10_000);
    history.out('mock', START_MS + 10_000)(START_MS + 16_000);
    hasBegun(START_MS + 16_500);
  };
  const gap = status({ gap: { type: 'trade', from: iso(9_000), to: null } });

  it('finds nothing if clients are told CLOSED and of the gap', () => {
    const seen = (tape: Tape): readonly Timed[] => [
      [9_000, tape.trade(FIRST_ID + 20, 9_000)],
      [10_100, closed],
      [16_400, gap],
      [16_400, live],
      [16_500, tape.trade(FIRST_ID, 16_500)],
    ];
    expect(but(findings({ seen, brokers: outage, disturbedMs: 10_000 }))).toEqual([]);
  });

  it('finds that a client is not told CLOSED', () => {
    const seen = (tape: Tape): readonly Timed[] => [[9_000, tape.trade(FIRST_ID + 20, 9_000)]];
    expect(findings({ seen, brokers: outage })).toContain('LIVE, but for 4 s it is CLOSED');
  });

  it('finds an event that was received meanwhile, however late the client gets it', () => {
    const seen = (tape: Tape): readonly Timed[] => [[25_000, tape.trade(FIRST_ID, 13_000)]];
    expect(but(findings({ seen, brokers: outage }))).toEqual(['trade while mock was out of service']);
  });

  it('finds that trades begin anew without a gap', () => {
    const seen = (tape: Tape): readonly Timed[] => [
      [9_000, tape.trade(FIRST_ID + 20, 9_000)],
      [10_100, closed],
      [17_000, tape.trade(FIRST_ID, 17_000)],
    ];
    const found = findings({ seen, brokers: outage, disturbedMs: 60_000 });
    expect(found).toContain(`trades are numbered anew after ${FIRST_ID + 20} (CLOSED meanwhile), and no gap was told`);
  });

  it('finds trades that begin anew although the broker never did', () => {
    const seen = (tape: Tape): readonly Timed[] => [
      [9_000, tape.trade(FIRST_ID + 20, 9_000)],
      [17_000, tape.trade(FIRST_ID, 17_000)],
    ];
    expect(but(findings({ seen }))).toEqual([`trade ${FIRST_ID} comes after ${FIRST_ID + 20}`]);
  });

  it('finds that it is said to be unknown, unless it was removed just then', () => {
    const text = 'error UNKNOWN_BROKER: There is no broker "mock".';
    const seen = (): readonly Timed[] => [[5_000, { kind: 'fault', text }]];
    expect(but(findings({ seen }))).toEqual([text]);
    const brokers = (history: BrokerHistory): void => {
      history.removes('mock', START_MS + 1_000)(START_MS + 2_000);
    };
    expect(but(findings({ seen, brokers }))).toEqual([]);
  });
});

describe('the oracle, of a broker that nothing happened to', () => {
  it('finds trouble that its clients are told', () => {
    const seen = (tape: Tape): readonly Timed[] => [
      [9_000, tape.trade(FIRST_ID, 9_000)],
      [12_000, status({ state: 'recovering' })],
      [12_100, live],
    ];
    expect(but(findings({ seen }))).toEqual(['RECOVERING, although nothing happened to mock']);
    expect(but(findings({ seen, disturbedMs: 11_000 }))).toEqual([]);
  });

  it('finds that the gateway closes a connection', () => {
    const seen = (): readonly Timed[] => [[9_000, { kind: 'end', why: '1008 because' }]];
    expect(findings({ seen })).toEqual(['cut off: 1008 because']);
  });
});

it('the oracle finds that a halt of a mock broker is not told', () => {
  const seen = (tape: Tape): readonly Timed[] => [[19_000, tape.trade(FIRST_ID, 19_000)]];
  expect(findings({ seen })).toContain('LIVE, but for 3 s it is CLOSED');
  const told = (tape: Tape): readonly Timed[] => [...seen(tape), [20_000, closed], [30_000, live]];
  expect(findings({ seen: told }).filter((text) => text.includes(' it is '))).toEqual([]);
});

describe('a life of the gateway', () => {
  const rest = { atMs: 0, cpuS: 1, events: 1, connections: 1, resources: 1, timers: 1 };
  const sample = (rssMb: number, heapMb: number) => ({ ...rest, rssMb, heapMb });

  it.each([
    ['is not judged if it is shorter than 15 minutes', 899_000, sample(900, 900), null],
    ['passes if memory has not grown by more than 5 %', 900_000, sample(104, 40), true],
    ['fails if the process has grown by more than 5 %', 900_000, sample(106, 40), false],
    ['fails if the heap has grown by more than 5 %', 900_000, sample(100, 45), false],
    ['fails if it is long and nothing could be measured', 900_000, null, false],
  ])('%s', (_name, livedMs, end, isFine) => {
    expect(judgeMemory(livedMs, sample(100, 40), end).isFine).toBe(isFine);
  });
});
