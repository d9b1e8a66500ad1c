import type { CaseName } from './cases.ts';
import type { DocumentName } from './documents.ts';
import type { Options, ScenarioName } from './options.ts';
import type { Phase } from './Rig.ts';
import { Rig } from './Rig.ts';
import { quantile } from './statistics.ts';

/** What one run of one case measured. The figures' names are the table's columns. */
export interface Sample {
  readonly scenario: ScenarioName;
  /** What the case was run with; cases with the same one are held against each other. */
  readonly setting: string;
  readonly name: CaseName;
  readonly round: number;
  readonly figures: Readonly<Record<string, number>>;
}

export interface Scenario {
  /** In place of all, where none were chosen. */
  readonly cases: readonly CaseName[];
  /** The figure whose ratios are told: less is better. */
  readonly main: string;
  /** Different runs of the same case in one round. */
  readonly runs: (options: Options) => readonly Run[];
}

/** What has one pair of processes to itself. */
export type Run = (name: CaseName) => Promise<readonly Omit<Sample, 'name' | 'round'>[]>;

const WARM_UP_EVENTS = 400;
const WARM_UP_SECONDS = 1;

export const SCENARIO_TABLE: Readonly<Record<ScenarioName, Scenario>> = {
  saturated: {
    cases: ['tcp', 'ws', 'gateway-raw', 'gateway', 'stock'],
    main: 'us/msg',
    runs: (options) => options.documents.map((document) => (name) => saturated({ name, document }, options)),
  },
  latency: {
    cases: ['tcp', 'ws', 'gateway-raw', 'gateway', 'stock'],
    main: 'p50 us',
    runs: (options) =>
      options.documents.map((document) => (name) => paced({ name, document, rate: 20, scenario: 'latency' }, options)),
  },
  throughput: {
    // Stock servers fall behind at a fortieth of it.
    cases: ['tcp', 'ws', 'gateway-raw', 'gateway'],
    main: 'CPU %',
    runs: (options) => [(name) => paced({ name, document: 'trade', rate: 2_000, scenario: 'throughput' }, options)],
  },
  memory: {
    cases: ['tcp', 'ws', 'gateway-raw', 'gateway', 'stock'],
    main: 'KiB/conn',
    runs: (options) => [(name) => memory(name, options)],
  },
  slow: {
    cases: ['ws', 'gateway-raw', 'gateway'],
    main: 'RSS growth MiB',
    runs: (options) => [(name) => slow(name, options)],
  },
  documents: {
    cases: ['gateway', 'stock'],
    main: 'us/msg',
    runs: (options) => options.distinct.map((distinct) => (name) => distinctDocuments({ name, distinct }, options)),
  },
};

interface What {
  readonly name: CaseName;
  readonly document: DocumentName;
}

async function saturated({ name, document }: What, options: Options): ReturnType<Run> {
  const { clients, events, seconds, perTurn } = options;
  await using rig = await Rig.start({ name, document, clients });
  await warmUp(rig);
  const samples: Awaited<ReturnType<Run>>[number][] = [];
  // Of the books of one turn a client may be given the last alone.
  for (const batch of document === 'book' ? [1] : perTurn) {
    const phase = await rig.saturate({ events, perTurn: batch, seconds });
    const setting = `${document}, ${batch} a turn`;
    samples.push({ scenario: 'saturated', setting, figures: { ...costOf(phase), ...throughputOf(phase) } });
  }
  return samples;
}

async function distinctDocuments(
  { name, distinct }: { readonly name: CaseName; readonly distinct: number },
  { clients, events, seconds }: Options,
): ReturnType<Run> {
  await using rig = await Rig.start({ name, document: 'trade', clients, documents: distinct });
  await warmUp(rig);
  const phase = await rig.saturate({ events, perTurn: 1, seconds });
  return [{ scenario: 'documents', setting: `trade, ${distinct} documents`, figures: costOf(phase) }];
}

interface Paced extends What {
  readonly rate: number;
  readonly scenario: ScenarioName;
}

async function paced({ name, document, rate, scenario }: Paced, options: Options): ReturnType<Run> {
  const { clients, seconds, eventsPerSecond } = options;
  const perSecond = eventsPerSecond ?? rate;
  await using rig = await Rig.start({ name, document, clients });
  await warmUp(rig);
  const phase = await rig.pace({ events: perSecond * seconds, eventsPerSecond: perSecond });
  const { latencies, keptUp, loopDelayP99Us } = phase;
  const figures = {
    'p50 us': quantile(latencies, 0.5),
    'p99 us': quantile(latencies, 0.99),
    'p99.9 us': quantile(latencies, 0.999),
    'loop p99 us': loopDelayP99Us,
    'CPU %': cpuShare(phase),
    ...throughputOf(phase),
    'kept up': keptUp ? 1 : 0,
  };
  return [{ scenario, setting: `${document}, ${perSecond} events/s`, figures }];
}

/** What a connection takes beyond the first hundred, which pay for what is loaded once. */
async function memory(name: CaseName, { clients }: Options): ReturnType<Run> {
  const first = 100;
  // The process takes memory in large steps: few connections would not show.
  const more = clients * 4;
  await using rig = await Rig.start({ name, document: 'trade', clients: first });
  // No warm-up: the garbage it leaves room for would hide what is added.
  const before = await rig.memory();
  await rig.connect(more);
  const after = await rig.memory();
  const figures = {
    'KiB/conn': (after.rss - before.rss) / 1_024 / more,
    'heap KiB/conn': (after.heap - before.heap) / 1_024 / more,
    'RSS MiB': after.rss / 1_048_576,
  };
  return [{ scenario: 'memory', setting: `${more} connections`, figures }];
}

/** Some clients stop reading while books go out: what does that cost the server, and the others? */
async function slow(name: CaseName, options: Options): ReturnType<Run> {
  const { clients, seconds, slowOneIn, eventsPerSecond } = options;
  const perSecond = eventsPerSecond ?? 500;
  await using rig = await Rig.start({ name, document: 'book', clients });
  await warmUp(rig);
  const stalled = await rig.stall(slowOneIn);
  const before = await rig.memory();
  // The kernel alone takes megabytes for each of them before anything shows.
  const phase = await rig.pace({ events: perSecond * seconds * 3, eventsPerSecond: perSecond }, stalled);
  const after = await rig.memory();
  const { closed } = await rig.counts();
  const figures = {
    'RSS growth MiB': (after.rss - before.rss) / 1_048_576,
    'healthy p50 us': quantile(phase.latencies, 0.5),
    'healthy p99 us': quantile(phase.latencies, 0.99),
    'CPU %': cpuShare(phase),
    'healthy kept up': phase.keptUp ? 1 : 0,
    stalled,
    closed,
  };
  return [{ scenario: 'slow', setting: `book, ${perSecond} events/s, 1 in ${slowOneIn} stalled`, figures }];
}

async function warmUp(rig: Rig): Promise<void> {
  await rig.saturate({ events: WARM_UP_EVENTS, perTurn: 1, seconds: WARM_UP_SECONDS });
}

function costOf({ userUs, systemUs, heldUpUs, elapsedMs, delivered, bytesPerMessage }: Phase): Record<string, number> {
  return {
    'us/msg': (userUs + systemUs) / delivered,
    'user us': userUs / delivered,
    'sys us': systemUs / delivered,
    'B/msg': bytesPerMessage,
    'held up %': heldUpUs / elapsedMs / 10,
  };
}

function throughputOf({ delivered, elapsedMs }: Phase): Record<string, number> {
  return { 'k msgs/s': delivered / elapsedMs };
}

function cpuShare({ userUs, systemUs, elapsedMs }: Phase): number {
  return (userUs + systemUs) / elapsedMs / 10;
}
