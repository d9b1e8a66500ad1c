import { systemCode } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../shared/clock.ts';
import { sleep } from '../shared/clock.ts';
import { faultOwner } from '../shared/faultScope.ts';
import { createLogger } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { reportFaults } from './checkConfig.ts';
import { RunningConfig } from './RunningConfig.ts';
import { EXIT_CODES, SAME_SIGNAL_MS, SIGNAL_EXIT_CODES } from './process.ts';
import type { CommandContext, ProcessEvents, RunningServer, StopSignal } from './process.ts';

/** How long the shutdown may take after an unhandled error. */
const FAULT_DRAIN_MS = 5_000;

/** Why the gateway ends: a signal asked for it, or there was an error that nobody handled. */
type Ending = 'signal' | 'fault';

type Start =
  { readonly kind: 'started'; readonly server: RunningServer } | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Serves until a signal or an unhandled error, and resolves with the exit code once everything is closed or the time for that is
 * up. A second signal, or a signal after an unhandled error, exits at once. SIGHUP reads the configuration again.
 */
export async function serve(file: string | null, context: CommandContext): Promise<number> {
  using configuration = new RunningConfig({ context, file });
  const loaded = configuration.load();
  if (!loaded.ok) return reportFaults(loaded.faults, context);
  const { config } = loaded;
  const logger = createLogger({ ...config.log, level: () => configuration.current.log.level, output: context.output });
  const ended = Promise.withResolvers<Ending>();
  using listeners = new ProcessListeners({
    ...context,
    logger,
    end: ended.resolve,
    reload: () => {
      configuration.request();
    },
  });

  const start = started(context, config, logger);
  const first = await Promise.race([start, ended.promise]);
  if (typeof first === 'object' && first.kind === 'failed') {
    const message = systemCode(first.error) === 'EADDRINUSE' ? 'the port is in use' : 'start failed';
    logger.fatal({ host: config.server.host, port: config.server.port, err: first.error }, message);
    return EXIT_CODES.failed;
  }
  if (typeof first === 'object') {
    logStart(first.server, { logger, version: context.version, file: loaded.file });
    configuration.begin(first.server, logger);
  }
  const ending = await ended.promise;
  configuration[Symbol.dispose]();
  const timeoutMs = configuration.current.server.shutdownTimeoutMs;
  const limitMs = ending === 'signal' ? timeoutMs : Math.min(timeoutMs, FAULT_DRAIN_MS);
  const clean = await shutDown({ start, logger, clock: context.clock, limitMs });
  return clean && !listeners.faulted ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** A few lines that say where clients find the gateway, and what it is made of. */
function logStart(
  { urls, parts }: RunningServer,
  { logger, version, file }: { readonly logger: Logger; readonly version: string; readonly file: string | null },
): void {
  logger.info({ dashboard: `${urls.http}/`, graphiql: urls.graphql, ...urls, version }, 'listening');
  logger.info({ file: file ?? 'none, only defaults and the environment' }, 'configuration');
  const brokers = parts.brokers.map(({ id, kind, synthetic, state }) => [
    id,
    [kind, ...(synthetic ? ['synthetic'] : []), state].join(', '),
  ]);
  logger.info(Object.fromEntries(brokers), 'brokers');
  logger.info(parts.bus, 'bus');
}

async function started(context: CommandContext, config: Config, logger: Logger): Promise<Start> {
  try {
    return { kind: 'started', server: await context.start({ config, logger, version: context.version }) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

interface ShutDown {
  readonly start: Promise<Start>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limitMs: number;
}

/** Closes the server, even if it is still starting: then as soon as it has started. Resolves with false if that failed. */
async function shutDown({ start, logger, clock, limitMs }: ShutDown): Promise<boolean> {
  const closed = new AbortController();
  const outcome = closeWhenStarted(start, logger, limitMs).finally(() => {
    closed.abort();
  });
  await sleep(clock, limitMs, closed.signal);
  if (closed.signal.aborted) return outcome;
  logger.warn({ limitMs }, 'the shutdown did not finish in time');
  return true;
}

async function closeWhenStarted(start: Promise<Start>, logger: Logger, limitMs: number): Promise<boolean> {
  try {
    const result = await start;
    if (result.kind === 'failed') throw result.error;
    await result.server.close(limitMs);
    logger.info('closed');
    return true;
  } catch (err) {
    logger.error({ err }, 'stopping failed');
    return false;
  }
}

interface ProcessListenersOptions {
  readonly events: ProcessEvents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly exit: (code: number) => void;
  /** Called when the gateway has to end, perhaps more than once. */
  readonly end: (ending: Ending) => void;
  /** Called on SIGHUP. */
  readonly reload: () => void;
}

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'stopping'; readonly signal: StopSignal; readonly sinceMs: number }
  | { readonly kind: 'failing' };

/** Listens for signals and unhandled errors until it is disposed of. An error of code that has an owner is the owner's. */
class ProcessListeners implements Disposable {
  readonly #options: ProcessListenersOptions;
  readonly #listeners: readonly (readonly [Parameters<ProcessEvents['on']>[0], (subject: unknown) => void])[];
  #state: State = { kind: 'running' };

  constructor(options: ProcessListenersOptions) {
    this.#options = options;
    this.#listeners = [
      ['SIGTERM', () => this.#stop('SIGTERM')],
      ['SIGINT', () => this.#stop('SIGINT')],
      ['SIGHUP', options.reload],
      ['uncaughtException', (error) => this.#fail(error, 'uncaught exception')],
      ['unhandledRejection', (error) => this.#fail(error, 'unhandled rejection')],
    ];
    for (const [event, listener] of this.#listeners) options.events.on(event, listener);
  }

  /** True once there was an unhandled error. */
  get faulted(): boolean {
    return this.#state.kind === 'failing';
  }

  [Symbol.dispose](): void {
    for (const [event, listener] of this.#listeners) this.#options.events.off(event, listener);
  }

  #stop(signal: StopSignal): void {
    const { clock, end, exit, logger } = this.#options;
    const nowMs = clock.monotonic();
    const state = this.#state;
    if (state.kind === 'running') {
      this.#state = { kind: 'stopping', signal, sinceMs: nowMs };
      logger.info({ signal }, 'stopping');
      end('signal');
      return;
    }
    const isSame = state.kind === 'stopping' && state.signal === signal && nowMs - state.sinceMs < SAME_SIGNAL_MS;
    if (!isSame) exit(SIGNAL_EXIT_CODES[signal]);
  }

  #fail(error: unknown, message: string): void {
    const owner = faultOwner();
    if (owner !== null) {
      owner(error);
      return;
    }
    this.#state = { kind: 'failing' };
    this.#options.logger.fatal({ err: error }, message);
    this.#options.end('fault');
  }
}
