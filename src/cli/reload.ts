import { isDeepStrictEqual } from 'node:util';
import { formatFault } from '../config/faults.ts';
import { isMap } from '../config/fields.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Path } from '../config/tree.ts';
import type { Logger, LogLevel } from '../shared/logger.ts';
import type { CommandContext } from './process.ts';

export interface ReloadOptions {
  /** The file that `--config` named, if any. */
  readonly file: string | null;
  readonly context: CommandContext;
  /** The configuration that the gateway was started with. */
  readonly running: Config;
  readonly logger: Logger;
  /** Changes the level of everything that is logged from now on. */
  readonly setLogLevel: (level: LogLevel) => void;
}

const LOG_LEVEL = 'log.level';

/**
 * Reads the configuration again. The level of the log changes at once; everything else takes a restart, and the log says what
 * would change. If the configuration is not valid, the log has all its faults, and nothing changes.
 */
export function reload({ file, context, running, logger, setLogLevel }: ReloadOptions): void {
  const result = loadConfig({ ...context, file });
  if (!result.ok) {
    const faults = result.faults.map(formatFault);
    logger.error(
      { file: result.file, faults },
      'the configuration is not valid; the gateway goes on with the one it has',
    );
    return;
  }
  const { level } = result.config.log;
  setLogLevel(level);
  const changed = changedSettings(running, result.config).filter((path) => path !== LOG_LEVEL);
  const fields = { file: result.file, logLevel: level };
  if (changed.length === 0) logger.info(fields, 'the configuration was read again');
  else logger.warn({ ...fields, changed }, 'the configuration has changed: restart the gateway to apply it');
}

/** The dotted paths of the settings that differ, without their values. A broker that was added or removed is one path. */
function changedSettings(before: unknown, after: unknown, path: Path = []): readonly string[] {
  if (isMap(before) && isMap(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changedSettings(before[key], after[key], [...path, key]));
  }
  return isDeepStrictEqual(before, after) ? [] : [path.join('.')];
}
