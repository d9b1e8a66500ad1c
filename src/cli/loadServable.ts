import type { ConfigFault } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import type { ConfigResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Surroundings } from './surroundings.ts';

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
