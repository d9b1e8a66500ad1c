#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { nodeTooOld } from './cli/process.ts';

/** How long the process waits for a slow reader of its last lines before it exits. */
const FLUSH_MS = 1_000;

const versionError = nodeTooOld(process.versions.node);
if (versionError === null) {
  await main();
} else {
  process.stderr.write(`${versionError}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  // These are imported here, so that an older Node gets as far as the message above.
  const { runCommand } = await import('./cli/program.ts');
  const { BoundedOutput } = await import('./shared/BoundedOutput.ts');
  const { systemFiles } = await import('./cli/FileWatch.ts');
  const { systemClock } = await import('./shared/clock.ts');
  const output = new BoundedOutput(process.stdout);
  const errorOutput = new BoundedOutput(process.stderr);
  const code = await runCommand(process.argv.slice(2), {
    version: packageJson.version,
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    output,
    errorOutput,
    events: process,
    readFile: (path) => readFileSync(path, 'utf8'),
    files: systemFiles,
    start: async (options) => {
      const { MarketDataServer } = await import('./MarketDataServer.ts');
      return MarketDataServer.start(options);
    },
    exit: (exitCode) => process.exit(exitCode),
  });
  await Promise.all([output.flush(systemClock, FLUSH_MS), errorOutput.flush(systemClock, FLUSH_MS)]);
  process.exit(code);
}
