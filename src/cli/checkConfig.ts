import { stringify } from 'yaml';
import type { ConfigFault } from '../config/faults.ts';
import { formatFault } from '../config/faults.ts';
import { maskSecrets } from '../config/secrets.ts';
import { EXIT_CODES } from './process.ts';
import type { CommandContext } from './process.ts';
import { loadConfig } from '../config/load.ts';
import type { ConfigResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';

/** Prints the configuration that `serve` would use, with secrets masked, or everything that is wrong with it. */
export function checkConfig(file: string | null, context: CommandContext): number {
  const result = loadSupportedConfig(file, context);
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

/** Loads the configuration. A setting that this version does not support yet is a fault too. */
export function loadSupportedConfig(file: string | null, context: CommandContext): ConfigResult {
  const result = loadConfig({ ...context, file });
  if (!result.ok) return result;
  const faults = unsupported(result.config, result.file ?? 'environment');
  return faults.length === 0 ? result : { ok: false, faults, file: result.file };
}

function unsupported({ bus }: Config, source: string): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (bus.engine !== 'memory') {
    const expected = 'memory: this version has no other bus';
    faults.push({ source, path: 'bus.engine', found: bus.engine, expected });
  }
  return faults;
}
