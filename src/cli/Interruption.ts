import type { CommandContext, StopSignal } from './process.ts';
import { SAME_SIGNAL_MS, SIGNAL_EXIT_CODES } from './process.ts';

/** Aborts its signal on SIGINT and SIGTERM, until disposed of. A second one ends the process at once. */
export class Interruption implements Disposable {
  readonly #context: Pick<CommandContext, 'events' | 'clock' | 'exit'>;
  readonly #abort = new AbortController();
  #sinceMs = 0;

  constructor(context: Pick<CommandContext, 'events' | 'clock' | 'exit'>) {
    this.#context = context;
    context.events.on('SIGINT', this.#onInterrupt);
    context.events.on('SIGTERM', this.#onTerminate);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The command has come to its end by itself. */
  end(): void {
    this.#abort.abort();
  }

  [Symbol.dispose](): void {
    this.#context.events.off('SIGINT', this.#onInterrupt);
    this.#context.events.off('SIGTERM', this.#onTerminate);
  }

  readonly #onInterrupt = (): void => {
    this.#stop('SIGINT');
  };

  readonly #onTerminate = (): void => {
    this.#stop('SIGTERM');
  };

  #stop(signal: StopSignal): void {
    const { clock, exit } = this.#context;
    if (this.#sinceMs > 0 && clock.monotonic() - this.#sinceMs >= SAME_SIGNAL_MS) exit(SIGNAL_EXIT_CODES[signal]);
    if (this.#sinceMs === 0) this.#sinceMs = clock.monotonic();
    this.#abort.abort();
  }
}
