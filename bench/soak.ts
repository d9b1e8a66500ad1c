import { fleetSoak } from './soak/fleet/run.ts';
import { readOptions, USAGE } from './soak/options.ts';
import type { SoakOptions } from './soak/options.ts';
import type { Violations } from './soak/oracle/Violations.ts';
import { soakReport } from './soak/report.ts';
import { resumeSoak } from './soak/resume.ts';
import { soak } from './soak/run.ts';

// Lets venues, clients and the gateway itself fail at random for minutes or hours, and judges everything that every client is
// sent. On loopback only.

const options = readOptions(process.argv.slice(2));
if (options === null) {
  console.log(USAGE);
  process.exit(0);
}
console.error(`seed ${options.seed}`);
const print = (line: string): void => {
  console.error(line);
};
const { report, violations } = await run(options);
console.log(report);
if (violations.all.length > 0) console.error(`Violations are in ${violations.file}.`);
process.exit(violations.all.length > 0 ? 1 : 0);

async function run(chosen: SoakOptions): Promise<{ readonly report: string; readonly violations: Violations }> {
  if (chosen.mode === 'resume') return resumeSoak(chosen, print);
  if (chosen.mode === 'fleet') return fleetSoak(chosen, print);
  const result = await soak(chosen, print);
  return { report: soakReport(chosen, result), violations: result.violations };
}
