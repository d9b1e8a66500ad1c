import type { ConfigDifference } from '../config/difference.ts';
import { systemCode } from '../config/environment.ts';
import { formatFault } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import type { ConfigResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../shared/logger.ts';
import { ABSENT, FileWatch, fingerprintOf } from './FileWatch.ts';
import type { Fingerprint } from './FileWatch.ts';
import type { CommandContext, ReloadOutcome, RunningServer } from './process.ts';

export interface RunningConfigOptions {
  /** The file that `--config` named, if any. */
  readonly file: string | null;
  readonly context: CommandContext;
}

/** The running gateway takes a changed configuration through this. */
interface Running {
  readonly server: RunningServer;
  readonly logger: Logger;
  readonly watch: FileWatch;
}

/** The log names at most so many settings. */
const MAX_NAMED = 50;

/**
 * The configuration of a gateway from its start on. It is read again when one of its files has changed or somebody asks for it,
 * and the running server is given what can be applied; the log says what takes a restart. One that is not valid changes nothing,
 * and the log has all its faults. Files are watched from `begin` until this is disposed of.
 */
export class RunningConfig implements Disposable {
  readonly #options: RunningConfigOptions;
  /** The file that was read last. There may not be none again: one that is missing is no wish for the defaults. */
  #file: string | null;
  #config: Config | null = null;
  /** The configuration file and the files of secrets as they were read last, also those that could not be read. */
  #files: ReadonlyMap<string, Fingerprint> = new Map();
  #running: Running | null = null;
  #isWanted = false;

  constructor(options: RunningConfigOptions) {
    this.#options = options;
    this.#file = options.file;
  }

  /** Reads the configuration that the gateway starts with. */
  load(): ConfigResult {
    const result = this.#read();
    if (result.ok) this.#accept(result);
    return result;
  }

  /** The configuration that was applied last. Throws if none was loaded. */
  get current(): Config {
    if (this.#config === null) throw new Error('there is no configuration yet');
    return this.#config;
  }

  /** The server runs: it gets every change from now on, and at once what was asked for before. */
  begin(server: RunningServer, logger: Logger): void {
    const { clock, files } = this.#options.context;
    const watch = new FileWatch({
      clock,
      files,
      onChange: () => {
        this.request();
      },
      onUnwatchable: (folder, error) => {
        logger.warn(
          { folder, reason: systemCode(error) },
          'the folder can not be watched: its files are read every 5 s',
        );
      },
    });
    this.#running = { server, logger, watch };
    watch.expect(this.#files);
    watch.start();
    if (this.#isWanted) this.request();
  }

  /** Reads the configuration again, and applies it. */
  request(): void {
    const running = this.#running;
    this.#isWanted = running === null;
    if (running === null) return;
    const result = this.#read();
    running.watch.expect(this.#files);
    running.server.countReload(result.ok ? this.#apply(running, result) : refuse(running, result));
  }

  [Symbol.dispose](): void {
    this.#running?.watch[Symbol.dispose]();
    this.#running = null;
  }

  #read(): ConfigResult {
    const { context } = this.#options;
    const files = new Map<string, Fingerprint>();
    this.#files = files;
    const readFile = (path: string): string => {
      files.set(path, ABSENT);
      const text = context.readFile(path);
      files.set(path, fingerprintOf(text));
      return text;
    };
    return loadConfig({ ...context, readFile, file: this.#file });
  }

  #accept({ config, file }: ValidConfig): void {
    this.#config = config;
    this.#file = file ?? this.#file;
  }

  #apply({ server, logger }: Running, result: ValidConfig): ReloadOutcome {
    const { config, file } = result;
    let difference: ConfigDifference;
    try {
      difference = server.reconfigure(config);
    } catch (err) {
      logger.error({ err, file }, 'the configuration could not be applied');
      return 'refused';
    }
    this.#accept(result);
    const { applicable, restart, brokers } = difference;
    if (applicable.length > 0) logger.info({ file, ...named(applicable), ...brokers }, 'the configuration has changed');
    else if (restart.length === 0) logger.info({ file }, 'the configuration was read again');
    if (restart.length > 0) logger.warn({ file, ...named(restart) }, 'restart the gateway to apply');
    return applicable.length > 0 ? 'applied' : 'unchanged';
  }
}

type ValidConfig = Extract<ConfigResult, { readonly ok: true }>;
type InvalidConfig = Extract<ConfigResult, { readonly ok: false }>;

function refuse({ logger }: Running, { faults, file }: InvalidConfig): ReloadOutcome {
  logger.error(
    { file, faults: faults.map(formatFault) },
    'the configuration is not valid; the gateway goes on with the one it has',
  );
  return 'refused';
}

function named(paths: readonly string[]): { readonly changed: readonly string[]; readonly more?: number } {
  const more = paths.length - MAX_NAMED;
  return { changed: paths.slice(0, MAX_NAMED), ...(more > 0 ? { more } : {}) };
}
