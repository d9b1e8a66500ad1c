import { stringify } from 'yaml';
import type { ConfigFault } from '../config/faults.ts';
import { formatFault } from '../config/faults.ts';
import { maskSecrets } from '../config/secrets.ts';
import { EXIT_CODES } from './process.ts';
import type { Surroundings } from './process.ts';
import { loadConfig } from '../config/load.ts';
import type { ConfigResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';

/** Prints what `serve` would run with, secrets masked, or everything that is wrong with it. */
export function checkConfig(file: string | null, surroundings: Surroundings): number {
  const result = loadServable(file, surroundings);
  if (!result.ok) return reportFaults(result.faults, surroundings);
  const sources = ['defaults', ...(result.file === null ? [] : [result.file]), 'environment'].join(' < ');
  surroundings.output.write(`# ${sources}\n${stringify(maskSecrets(result.config))}`);
  return EXIT_CODES.ok;
}

/** A line for each fault, to standard error; gives the exit code. */
export function reportFaults(faults: readonly ConfigFault[], { errorOutput }: Surroundings): number {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  errorOutput.write(`tickgraph: the configuration is not valid (${count})\n`);
  for (const fault of faults) errorOutput.write(`  ${formatFault(fault)}\n`);
  return EXIT_CODES.usage;
}

/** The configuration, if this version can do what it asks for. */
export function loadServable(file: string | null, surroundings: Surroundings): ConfigResult {
  const result = loadConfig({ ...surroundings, file });
  if (!result.ok) return result;
  const faults = unserved(result.config, result.file ?? 'environment');
  return faults.length === 0 ? result : { ok: false, faults, file: result.file };
}

function unserved({ bus }: Config, source: string): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (bus.engine !== 'memory') {
    const expected = 'memory: this version has no other bus';
    faults.push({ source, path: 'bus.engine', found: bus.engine, expected });
  }
  return faults;
}
