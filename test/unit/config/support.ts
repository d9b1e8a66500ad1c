import { formatFault } from '../../../src/config/faults.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { ConfigResult } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';

export interface Given {
  /** The content of config.yaml. Left out: there is no such file. */
  readonly yaml?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The content of other files by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
}

export function load({ yaml, env = {}, files = {} }: Given = {}): ConfigResult {
  return loadConfig({
    file: null,
    env,
    cwd: '/etc/tickgraph',
    readFile: (path) => {
      const text = path === '/etc/tickgraph/config.yaml' ? yaml : files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  });
}

export function valid(result: ConfigResult): Config {
  if (!result.ok) throw new Error(result.faults.map(formatFault).join('\n'));
  return result.config;
}

export function faultsIn(result: ConfigResult): string[] {
  return result.ok ? [] : result.faults.map(formatFault);
}
