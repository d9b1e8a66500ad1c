import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { CaseName } from './cases.ts';
import { readOptions, USAGE } from './options.ts';
import type { Options, ScenarioName } from './options.ts';
import { rowsOf, svgOf, tablesOf } from './report.ts';
import { canPin } from './rpc.ts';
import type { Batch, Sample } from './Scenario.ts';
import { SCENARIO_TABLE } from './scenarios.ts';

interface Results {
  readonly samples: Sample[];
  readonly failures: string[];
}

/** Measures every case once in each round, so that changes of the machine affect all of them. */
async function measure(options: Options): Promise<Results> {
  const results: Results = { samples: [], failures: [] };
  for (const scenario of options.scenarios) {
    const { cases, batches } = SCENARIO_TABLE[scenario];
    const names = options.chosen ? options.cases : cases;
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const batch of batches(options)) {
        // Each round begins with another case.
        for (let turn = 0; turn < names.length; turn += 1) {
          const name = names[(turn + round) % names.length];
          if (name !== undefined) await once({ scenario, name, round, batch }, results);
        }
      }
    }
  }
  return results;
}

interface Attempt {
  readonly scenario: ScenarioName;
  readonly name: CaseName;
  readonly round: number;
  readonly batch: Batch;
}

async function once({ scenario, name, round, batch }: Attempt, { samples, failures }: Results): Promise<void> {
  const before = performance.now();
  try {
    for (const outcome of await batch(name)) {
      samples.push({ ...outcome, scenario, name, round });
      const { main: figure } = SCENARIO_TABLE[scenario];
      console.error(`round ${round}  ${name}  ${outcome.setting}: ${outcome.figures[figure]?.toFixed(2)} ${figure}`);
    }
  } catch (error) {
    const failure = `round ${round}, ${scenario}, ${name}: ${error instanceof Error ? error.message : String(error)}`;
    failures.push(failure);
    console.error(`FAILED ${failure}`);
  }
  console.error(`  (${((performance.now() - before) / 1_000).toFixed(1)} s)`);
}

function machine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const memory = `${Math.round(totalmem() / 1_073_741_824)} GiB`;
  const pinned = canPin ? 'server and clients on a core each' : 'not pinned';
  return `${processors.length} x ${model}, ${memory}, ${process.platform} ${release()}, Node ${process.versions.node}, ${pinned}`;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    console.log(USAGE);
    return;
  }
  const date = new Date().toISOString();
  const load = `load average ${loadavg()[0]?.toFixed(1)} before it`;
  const { samples, failures } = await measure(options);
  const rows = rowsOf(samples);
  const { clients, events, rounds, seconds } = options;
  const setup = `${clients} clients, at most ${events} events or ${seconds} s a phase, ${rounds} rounds, ${load}`;
  const failed = failures.map((failure) => `FAILED ${failure}`).join('\n');
  const text = [`${date}\n${machine()}\n${setup}`, tablesOf(rows), failed].filter((part) => part !== '').join('\n\n');
  console.log(text);
  mkdirSync(options.out, { recursive: true });
  const base = join(options.out, date.replaceAll(/[:.]/g, '-'));
  writeFileSync(`${base}.md`, `${text}\n`);
  writeFileSync(
    `${base}.json`,
    `${JSON.stringify({ date, machine: machine(), options, rows, samples, failures }, null, 2)}\n`,
  );
  writeFileSync(`${base}.svg`, svgOf(rows));
  console.error(`written: ${base}.md, .json, .svg`);
  if (failures.length > 0) process.exitCode = 1;
}

await main();
