import { Bench } from 'tinybench';
import { bookCases } from './micro/books.ts';
import { middleCases } from './micro/middle.ts';
import type { MicroCase } from './micro/MicroCase.ts';
import { upstreamCases } from './micro/upstream.ts';
import { median } from './statistics.ts';

// Measures the processor time of an event before it reaches a socket: everything on its way is a plain call. One line
// each.

/** Every case is measured in every round, so that a temporary slowdown of the machine affects all of them. */
const ROUNDS = 7;
const ROUND = { time: 150, warmupTime: 50, now: cpuMs };

/** The processor time of the whole process, including the collector's threads but no other process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Results are kept here, so that the engine has to compute them. */
let kept: unknown;

/** Returns the nanoseconds for each case, in order. */
async function playRound(cases: readonly MicroCase[]): Promise<number[]> {
  const bench = new Bench(ROUND);
  for (const { name, prepare = () => undefined, run } of cases) {
    const task = (): void => {
      kept = run();
    };
    bench.add(name, task, { beforeEach: prepare });
  }
  await bench.run();
  return cases.map(({ name, count }) => {
    const result = bench.getTask(name)?.result;
    if (result === undefined || !('latency' in result)) throw new Error(`${name} failed`);
    return (result.latency.p50 * 1e6) / count;
  });
}

await using owned = new AsyncDisposableStack();
const cases = [...(await upstreamCases(owned)), ...bookCases(), ...middleCases()];
const rounds: number[][] = [];
for (let round = 0; round < ROUNDS; round += 1) rounds.push(await playRound(cases));
if (kept === undefined) throw new Error('nothing was done');

console.table(
  cases.map(({ name }, index) => {
    const each = rounds.map((round) => round[index] ?? Number.NaN);
    const typical = median(each);
    return {
      name,
      'median ns': Math.round(typical),
      'range ns': `${Math.round(Math.min(...each))}-${Math.round(Math.max(...each))}`,
      'a second': Math.round(1e9 / typical),
    };
  }),
);
