import type { CaseName } from './cases.ts';
import type { DocumentName } from './documents.ts';
import { cpuShareOf, throughputOf } from './figures.ts';
import type { Options } from './options.ts';
import { Rig } from './Rig.ts';
import type { Outcome } from './Scenario.ts';
import { quantile } from './statistics.ts';

// In these batches events come at a fixed pace; they measure time and memory.

interface Paced {
  readonly name: CaseName;
  readonly document: DocumentName;
  /** Used if the command line does not say. */
  readonly rate: number;
}

export async function paced({ name, document, rate }: Paced, options: Options): Promise<readonly Outcome[]> {
  const { clients, seconds, eventsPerSecond = rate } = options;
  await using rig = await Rig.start({ name, document, clients });
  await rig.warmUp();
  const phase = await rig.pace({ events: eventsPerSecond * seconds, eventsPerSecond });
  const { latencies, keptUp, loopDelayP99Us } = phase;
  const figures = {
    'p50 us': quantile(latencies, 0.5),
    'p99 us': quantile(latencies, 0.99),
    'p99.9 us': quantile(latencies, 0.999),
    'loop p99 us': loopDelayP99Us,
    ...cpuShareOf(phase),
    ...throughputOf(phase),
    'kept up': keptUp ? 1 : 0,
  };
  return [{ setting: `${document}, ${eventsPerSecond} events/s`, figures }];
}

/**
 * Measures the memory for each connection beyond the first hundred, which pay for what is loaded once; and one event to
 * all of them.
 */
export async function memory({
  name,
  connections,
}: {
  readonly name: CaseName;
  readonly connections: number;
}): Promise<readonly Outcome[]> {
  await using rig = await Rig.start({ name, document: 'trade', clients: 100 });
  // There is no warm-up, because its garbage would hide the added memory.
  const before = await rig.memory();
  const connectMs = await rig.connect(connections);
  const after = await rig.memory();
  const { latencies } = await rig.pace({ events: 1, eventsPerSecond: 20 });
  const slowest = latencies.at(-1);
  if (slowest === undefined) throw new Error(`${name}: one event did not come to each of the connections once`);
  const figures = {
    'KiB/conn': (after.rss - before.rss) / 1_024 / connections,
    'heap KiB/conn': (after.heap - before.heap) / 1_024 / connections,
    'RSS MiB': after.rss / 1_048_576,
    'connect s': connectMs / 1_000,
    'event to all ms': slowest / 1_000,
  };
  return [{ setting: `${connections} connections`, figures }];
}

/** Measures the cost for the server and the other clients if some clients stop reading while books are sent. */
export async function slow(name: CaseName, options: Options): Promise<readonly Outcome[]> {
  const { clients, seconds, slowOneIn, eventsPerSecond = 500 } = options;
  await using rig = await Rig.start({ name, document: 'book', clients });
  await rig.warmUp();
  const reference = await rig.pace({ events: eventsPerSecond * seconds, eventsPerSecond });
  const stalled = await rig.stall(slowOneIn);
  const before = await rig.memory();
  // The kernel alone takes megabytes for each of them before anything is noticeable.
  const phase = await rig.pace({ events: eventsPerSecond * seconds * 3, eventsPerSecond }, stalled);
  const after = await rig.memory();
  const { closed } = await rig.counts();
  const p99 = quantile(phase.latencies, 0.99);
  const referenceP99 = quantile(reference.latencies, 0.99);
  const figures = {
    'RSS growth MiB': (after.rss - before.rss) / 1_048_576,
    'healthy p50 us': quantile(phase.latencies, 0.5),
    'healthy p99 us': p99,
    'p99 us before': referenceP99,
    'p99 x': p99 / referenceP99,
    ...cpuShareOf(phase),
    'healthy kept up': phase.keptUp ? 1 : 0,
    stalled,
    closed,
  };
  return [{ setting: `book, ${eventsPerSecond} events/s, 1 in ${slowOneIn} stalled`, figures }];
}
