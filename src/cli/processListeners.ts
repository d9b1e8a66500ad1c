import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { SIGNAL_EXIT_CODES } from './process.ts';
import type { ProcessEvents, StopSignal } from './process.ts';

/** Why the gateway ends: a signal asked for it, or there was an error that nobody handled. */
export type Ending = 'signal' | 'fault';

export interface ProcessListenersOptions {
  readonly events: ProcessEvents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly exit: (code: number) => void;
  /** Called when the gateway has to end, perhaps more than once. */
  readonly end: (ending: Ending) => void;
  /** Called on SIGHUP. */
  readonly reload: () => void;
}

/** Ctrl+C under npm delivers the signal twice: the terminal does to all its processes, and npm passes it on. */
const SAME_SIGNAL_MS = 1_000;

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'stopping'; readonly signal: StopSignal; readonly sinceMs: number }
  | { readonly kind: 'failing' };

/** Listens for signals and unhandled errors until it is disposed of. */
export class ProcessListeners implements Disposable {
  readonly #options: ProcessListenersOptions;
  readonly #listeners: readonly (readonly [Parameters<ProcessEvents['on']>[0], (subject: unknown) => void])[];
  #state: State = { kind: 'running' };
  #faulted = false;

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
    return this.#faulted;
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
    this.#state = { kind: 'failing' };
    this.#faulted = true;
    this.#options.logger.fatal({ err: error }, message);
    this.#options.end('fault');
  }
}
