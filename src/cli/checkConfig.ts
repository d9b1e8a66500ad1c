import { stringify } from 'yaml';
import type { ConfigFault } from '../config/faults.ts';
import { formatFault } from '../config/faults.ts';
import { maskSecrets } from '../config/secrets.ts';
import { EXIT_CODES } from './process.ts';
import type { CommandContext } from './process.ts';
import { loadConfig } from '../config/load.ts';

/** Prints the configuration that `serve` would use, with secrets masked, or everything that is wrong with it. */
export function checkConfig(file: string | null, context: CommandContext): number {
  const result = loadConfig({ ...context, file });
  if (!result.ok) return reportFaults(result.faults, context);
  const sources = ['defaults', ...(result.file === null ? [] : [result.file]), 'environment'].join(' < ');
  context.output.write(`# ${sources}\n${stringify(maskSecrets(result.config))}`);
  return EXIT_CODES.ok;
}

/** Prints one line for each fault to standard error, and returns the exit code. */
export function reportFaults(faults: readonly ConfigFault[], { errorOutput }: CommandContext): number {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  errorOutput.write(`tickgraph: the configuration is not valid (${count})\n`);
  for (const fault of faults) errorOutput.write(`  ${formatFault(fault)}\n`);
  return EXIT_CODES.usage;
}
