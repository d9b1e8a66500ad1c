import { systemCode } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../shared/clock.ts';
import { sleep } from '../shared/clock.ts';
import { createLogger } from '../shared/logger.ts';
import type { Logger } from '../shared/logger.ts';
import { reportFaults, loadServable } from './checkConfig.ts';
import type { StopSignal, ProcessEvents, RunningServer, Surroundings } from './process.ts';
import { EXIT_CODES, SIGNAL_EXIT_CODES } from './process.ts';

/** How long open work may take to end once something went wrong that nobody handled. */
const FAULT_DRAIN_MS = 5_000;

type Ending = 'signal' | 'fault';

type Start =
  { readonly kind: 'started'; readonly server: RunningServer } | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Serves until a signal or an unhandled fault ends it, and resolves with the exit code once everything is closed or its
 * time is up. A second signal, or one that comes while a fault is being dealt with, ends the process at once.
 */
export async function serve(file: string | null, surroundings: Surroundings): Promise<number> {
  const result = loadServable(file, surroundings);
  if (!result.ok) return reportFaults(result.faults, surroundings);
  const { config } = result;
  const logger = createLogger({ ...config.log, output: surroundings.output });
  const ended = Promise.withResolvers<Ending>();
  using listening = listen({ ...surroundings, logger, end: ended.resolve });

  const start = started(surroundings, config, logger);
  const first = await Promise.race([start, ended.promise]);
  if (typeof first === 'object' && first.kind === 'failed') {
    const message = systemCode(first.error) === 'EADDRINUSE' ? 'the port is in use' : 'start failed';
    logger.fatal({ host: config.server.host, port: config.server.port, err: first.error }, message);
    return EXIT_CODES.failed;
  }
  if (typeof first === 'object') logger.info({ ...first.server.urls, version: surroundings.version }, 'listening');
  const ending = await ended.promise;
  const timeoutMs = config.server.shutdownTimeoutMs;
  const limitMs = ending === 'signal' ? timeoutMs : Math.min(timeoutMs, FAULT_DRAIN_MS);
  const clean = await shutDown({ start, logger, clock: surroundings.clock, limitMs });
  return clean && !listening.faulted ? EXIT_CODES.ok : EXIT_CODES.failed;
}

async function started(surroundings: Surroundings, config: Config, logger: Logger): Promise<Start> {
  try {
    return { kind: 'started', server: await surroundings.start({ config, logger, version: surroundings.version }) };
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

/** Also where the server is still starting: it is closed as soon as it has. False where that failed. */
async function shutDown({ start, logger, clock, limitMs }: ShutDown): Promise<boolean> {
  const closed = new AbortController();
  const outcome = closeWhenStarted(start, logger).finally(() => {
    closed.abort();
  });
  await sleep(clock, limitMs, closed.signal);
  if (closed.signal.aborted) return outcome;
  logger.warn({ limitMs }, 'not everything was closed in time');
  return true;
}

async function closeWhenStarted(start: Promise<Start>, logger: Logger): Promise<boolean> {
  try {
    const result = await start;
    if (result.kind === 'failed') throw result.error;
    await result.server.close();
    logger.info('closed');
    return true;
  } catch (err) {
    logger.error({ err }, 'stopping failed');
    return false;
  }
}

interface ListenOptions {
  readonly events: ProcessEvents;
  readonly logger: Logger;
  readonly exit: (code: number) => void;
  readonly end: (ending: Ending) => void;
}

interface Listening extends Disposable {
  /** True once anything was thrown that nobody handled. */
  readonly faulted: boolean;
}

/** Hears signals and unhandled faults until it is disposed of. */
function listen({ events, logger, exit, end }: ListenOptions): Listening {
  let ending = false;
  let faulted = false;
  const onSignal = (signal: StopSignal) => (): void => {
    if (ending) {
      exit(SIGNAL_EXIT_CODES[signal]);
      return;
    }
    ending = true;
    logger.info({ signal }, 'stopping');
    end('signal');
  };
  const onFault =
    (message: string) =>
    (error: unknown): void => {
      ending = true;
      faulted = true;
      logger.fatal({ err: error }, message);
      end('fault');
    };
  const listeners = [
    ['SIGTERM', onSignal('SIGTERM')],
    ['SIGINT', onSignal('SIGINT')],
    ['uncaughtException', onFault('uncaught exception')],
    ['unhandledRejection', onFault('unhandled rejection')],
  ] as const;
  for (const [event, listener] of listeners) events.on(event, listener);
  return {
    get faulted() {
      return faulted;
    },
    [Symbol.dispose]() {
      for (const [event, listener] of listeners) events.off(event, listener);
    },
  };
}
