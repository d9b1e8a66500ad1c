import type { Random } from '../../src/shared/random.ts';
import { seededRandom } from '../../src/shared/random.ts';

/** A fault of a venue itself, in its own process. It lasts for `forMs`. */
export type VenueFault =
  | { readonly kind: 'reset' | 'fin' | 'goingAway' | 'malformed' }
  | { readonly kind: 'silence' | 'refuse' | 'mute' | 'shortLives' | 'late' | 'halt'; readonly forMs: number }
  | { readonly kind: 'skipDiff' | 'duplicateDiff' | 'overlapDiff'; readonly symbol: string; readonly times: number }
  | { readonly kind: 'swapDiffs'; readonly symbol: string }
  | { readonly kind: 'crossed'; readonly symbol: string; readonly forMs: number }
  | { readonly kind: 'rest'; readonly status: 429 | 418 | 500; readonly times: number }
  | { readonly kind: 'slowRest'; readonly forMs: number }
  | { readonly kind: 'loseTrades'; readonly symbol: string; readonly forMs: number; readonly forGood: boolean }
  | { readonly kind: 'oandaEnd'; readonly how: 'end' | 'drop' | 'reset'; readonly inMidLine: boolean }
  | { readonly kind: 'oandaSilence' | 'oandaMaintenance' | 'oandaClosed'; readonly forMs: number }
  | { readonly kind: 'oandaMalformed' | 'oandaRepeat' };

export type Line = 'binanceSocket' | 'binanceRest' | 'oandaStream' | 'oandaRest';

/** A fault of the line between the gateway and a venue. */
export type LineFault =
  | { readonly kind: 'cut'; readonly line: Line; readonly afterBytes: number }
  | { readonly kind: 'finish'; readonly line: Line }
  | { readonly kind: 'blackhole' | 'refuse'; readonly line: Line; readonly forMs: number }
  | { readonly kind: 'delay'; readonly line: Line; readonly byMs: number; readonly forMs: number };

/** A fault of a client or its line. */
export type ClientFault =
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'die' }
  | { readonly kind: 'leave' | 'pause' | 'blackhole'; readonly forMs: number }
  | { readonly kind: 'delay'; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'withdraw'; readonly forMs: number };

/** An edit of the configuration file. What it removes and disables is there again after `forMs`. */
export type Edit =
  | {
      readonly kind: 'brokers';
      readonly removed: readonly string[];
      readonly disabled: readonly string[];
      readonly reopened: readonly string[];
      readonly forMs: number;
    }
  /** The broker that is not there at the start is added. */
  | { readonly kind: 'add' }
  /** Settings that concern no broker. */
  | { readonly kind: 'others' }
  | { readonly kind: 'invalid' };

export type Fault =
  | { readonly at: 'venue'; readonly fault: VenueFault }
  | { readonly at: 'line'; readonly fault: LineFault }
  /** The n-th client, counted around. */
  | { readonly at: 'client'; readonly client: number; readonly fault: ClientFault }
  | { readonly at: 'broker'; readonly broker: 'binance' | 'mock-binance' | 'oanda'; readonly forMs: number }
  | { readonly at: 'config'; readonly edit: Edit }
  | { readonly at: 'gateway'; readonly fault: 'restart' | 'kill' }
  | { readonly at: 'gateway'; readonly fault: 'suspend'; readonly forMs: number };

export interface Planned {
  readonly atMs: number;
  readonly what: Fault;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly totalMs: number;
  readonly clients: number;
  readonly symbols: readonly string[];
  readonly restarts: boolean;
}

/** Storms of faults and calms take turns. In a calm everything must become live again. */
const CYCLE_MS = 75_000;
const STORM_SHARE = 0.6;
/** The first clients are up by then. */
const START_MS = 4_000;
const START_SHARE = 0.2;
const BETWEEN_MS: readonly [number, number] = [200, 2_600];
const EDIT_EVERY_MS: readonly [number, number] = [5_000, 14_000];
const RESTART_EVERY_MS = 80_000;
/** Memory is compared within the last life of the gateway, so restarts end early in a run of more than ten minutes. */
const RESTARTS_SHARE = 0.3;

/** The whole schedule of a run: the same for the same options. */
export function scheduleOf({ seed, totalMs, clients, symbols, restarts }: ScheduleOptions): readonly Planned[] {
  const random = seededRandom(seed);
  const pick = picker(random);
  const planned: Planned[] = [];
  const startMs = Math.min(START_MS, totalMs * START_SHARE);
  const cycleMs = Math.min(CYCLE_MS, totalMs);
  for (let cycle = 0; cycle < totalMs; cycle += cycleMs) {
    const endMs = Math.min(totalMs, cycle + cycleMs) - Math.min(cycleMs, totalMs - cycle) * (1 - STORM_SHARE);
    for (let atMs = Math.max(cycle, startMs); atMs < endMs; atMs += pick.between(...BETWEEN_MS)) {
      planned.push({ atMs, what: drawn(pick, clients, symbols) });
    }
    const firstMs = cycle === 0 ? START_MS * 2 : cycle;
    for (let atMs = firstMs; atMs < endMs; atMs += pick.between(...EDIT_EVERY_MS)) {
      planned.push({ atMs, what: { at: 'config', edit: edit(pick) } });
    }
  }
  planned.push({ atMs: startMs, what: { at: 'config', edit: { kind: 'add' } } });
  if (restarts) {
    const untilMs = totalMs > 600_000 ? totalMs * RESTARTS_SHARE : totalMs * 0.7;
    for (let atMs = RESTART_EVERY_MS / 2; atMs < untilMs; atMs += RESTART_EVERY_MS * pick.share(0.6, 1.2)) {
      planned.push({ atMs, what: { at: 'gateway', fault: random() < 0.35 ? 'kill' : 'restart' } });
    }
  }
  return planned.toSorted((a, b) => a.atMs - b.atMs);
}

interface Picker {
  readonly of: <T>(choices: readonly T[]) => T;
  readonly between: (min: number, max: number) => number;
  readonly share: (min: number, max: number) => number;
  readonly chance: (probability: number) => boolean;
}

function picker(random: Random): Picker {
  const share = (min: number, max: number): number => min + random() * (max - min);
  return {
    of: (choices) => {
      const chosen = choices[Math.floor(random() * choices.length)];
      if (chosen === undefined) throw new RangeError('nothing to choose from');
      return chosen;
    },
    between: (min, max) => Math.round(share(min, max)),
    share,
    chance: (probability) => random() < probability,
  };
}

function drawn(pick: Picker, clients: number, symbols: readonly string[]): Fault {
  const where = pick.share(0, 1);
  if (where < 0.38) return { at: 'venue', fault: venueFault(pick, symbols) };
  if (where < 0.5) return { at: 'line', fault: lineFault(pick) };
  if (where < 0.93) return { at: 'client', client: pick.between(0, clients - 1), fault: clientFault(pick) };
  if (where < 0.96)
    return {
      at: 'broker',
      broker: pick.of(['binance', 'mock-binance', 'oanda']),
      forMs: pick.between(500, 5_000),
    };
  return { at: 'gateway', fault: 'suspend', forMs: pick.between(200, 2_800) };
}

/** An account of OANDA is not opened with other settings: its credentials would have to be given again. */
const REOPENED: readonly string[] = ['binance', 'mock-binance', 'mock-late', 'mock-faulty'];
const EDITED: readonly string[] = [...REOPENED, 'oanda'];

function edit(pick: Picker): Edit {
  const kind = pick.share(0, 1);
  if (kind < 0.12) return { kind: 'invalid' };
  if (kind < 0.22) return { kind: 'others' };
  const lot: Record<'removed' | 'disabled' | 'reopened', string[]> = { removed: [], disabled: [], reopened: [] };
  // Each broker gets one thing at most, and at least one of them gets something.
  const first = pick.of(EDITED);
  for (const broker of EDITED) {
    if (broker !== first && !pick.chance(0.2)) continue;
    const reopens = REOPENED.includes(broker) && pick.chance(0.4);
    lot[reopens ? 'reopened' : pick.of(['removed', 'disabled'] as const)].push(broker);
  }
  return { kind: 'brokers', ...lot, forMs: pick.between(1_000, 7_000) };
}

function venueFault(pick: Picker, symbols: readonly string[]): VenueFault {
  const symbol = pick.of(symbols);
  const times = pick.between(1, 3);
  const few = pick.between(1_000, 6_000);
  const make: readonly (() => VenueFault)[] = [
    () => ({ kind: pick.of(['reset', 'fin', 'goingAway', 'malformed']) }),
    () => ({ kind: pick.of(['silence', 'refuse', 'mute']), forMs: few }),
    () => ({ kind: pick.of(['shortLives', 'late', 'halt']), forMs: few * 2 }),
    () => ({ kind: pick.of(['skipDiff', 'duplicateDiff', 'overlapDiff']), symbol, times }),
    () => ({ kind: 'swapDiffs', symbol }),
    () => ({ kind: 'crossed', symbol, forMs: pick.between(300, 1_500) }),
    () => ({ kind: 'rest', status: pick.of([429, 418, 500]), times }),
    () => ({ kind: 'slowRest', forMs: few }),
    () => ({ kind: 'loseTrades', symbol, forMs: few, forGood: pick.chance(0.3) }),
    () => ({ kind: 'oandaEnd', how: pick.of(['end', 'drop', 'reset']), inMidLine: pick.chance(0.5) }),
    () => ({ kind: pick.of(['oandaSilence', 'oandaMaintenance', 'oandaClosed']), forMs: few }),
    () => ({ kind: pick.of(['oandaMalformed', 'oandaRepeat']) }),
  ];
  return pick.of(make)();
}

function lineFault(pick: Picker): LineFault {
  const line = pick.of(['binanceSocket', 'binanceSocket', 'binanceRest', 'oandaStream', 'oandaRest'] as const);
  const make: readonly (() => LineFault)[] = [
    () => ({ kind: 'cut', line, afterBytes: pick.between(0, 4_000) }),
    () => ({ kind: 'finish', line }),
    () => ({ kind: pick.of(['blackhole', 'refuse']), line, forMs: pick.between(500, 7_000) }),
    () => ({ kind: 'delay', line, byMs: pick.between(50, 900), forMs: pick.between(1_000, 5_000) }),
  ];
  return pick.of(make)();
}

function clientFault(pick: Picker): ClientFault {
  const make: readonly (() => ClientFault)[] = [
    () => ({ kind: 'cut', afterBytes: pick.between(0, 6_000) }),
    () => ({ kind: 'cut', afterBytes: pick.between(0, 6_000) }),
    () => ({ kind: 'die' }),
    () => ({ kind: pick.of(['leave', 'pause', 'blackhole']), forMs: pick.between(300, 9_000) }),
    () => ({ kind: 'delay', byMs: pick.between(50, 700), forMs: pick.between(1_000, 5_000) }),
    () => ({ kind: 'withdraw', forMs: pick.between(500, 4_000) }),
  ];
  return pick.of(make)();
}
