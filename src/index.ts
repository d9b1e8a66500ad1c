import { readFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { systemFiles } from './cli/FileWatch.ts';
import { ProcessOutput } from './cli/ProcessOutput.ts';
import { runCommand } from './cli/program.ts';
import { BoundedOutput } from './shared/BoundedOutput.ts';
import { systemRandom } from './shared/random.ts';
import { systemClock } from './shared/clock.ts';

/** How long the process waits for a slow reader of its last lines before it exits. */
const FLUSH_MS = 1_000;

const output = new BoundedOutput(process.stdout);
const errorOutput = new BoundedOutput(process.stderr);
const code = await runCommand(process.argv.slice(2), {
  version: packageJson.version,
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  output,
  dataOutput: new ProcessOutput(process.stdout),
  random: systemRandom,
  errorOutput,
  events: process,
  readFile: (path) => readFileSync(path, 'utf8'),
  files: systemFiles,
  start: async (options) => {
    // The other commands don't need it, and it takes a while.
    const { MarketDataServer } = await import('./MarketDataServer.ts');
    return MarketDataServer.start(options);
  },
  exit: (exitCode) => process.exit(exitCode),
});
await Promise.all([output.flush(systemClock, FLUSH_MS), errorOutput.flush(systemClock, FLUSH_MS)]);
process.exit(code);
