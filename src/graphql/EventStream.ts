import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import type { Clock } from '../shared/clock.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { ClientErrors } from './ClientErrors.ts';

export interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly results: AsyncIterable<ExecutionResult>;
  readonly errors: ClientErrors;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly heartbeatMs: number;
}

/** How long a client that was too slow may take to read that. */
const SLOW_GRACE_MS = 2_000;

/**
 * A subscription's results as server-sent events: `next` for each, `complete` at the end. The next result is taken only when
 * the client has taken the last; one that takes nothing for two heartbeats is cut off. It owns the results: however it ends,
 * they are ended.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #iterator: AsyncIterator<ExecutionResult>;
  readonly #timers = new DisposableStack();
  #wakeWriter: (() => void) | null = null;
  #beatsUntaken = 0;
  #closed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#iterator = options.results[Symbol.asyncIterator]();
    const { response, clock, heartbeatMs } = options;
    response.on('close', () => {
      this.#end();
    });
    response.on('drain', () => {
      this.#wakeWriter?.();
    });
    const beat = clock.every(heartbeatMs, () => {
      this.#beat();
    });
    this.#timers.use(beat);
    if (response.destroyed) this.#end();
  }

  /** Writes until the results or the client come to an end. */
  async run(): Promise<void> {
    try {
      // Some browsers do not tell a page that it is connected before the first byte.
      await this.#write(':\n\n');
      while (!this.#closed) {
        const result = await this.#iterator.next();
        if (result.done === true) break;
        await this.#write(`event: next\ndata: ${JSON.stringify(this.#options.errors.formatResult(result.value))}\n\n`);
      }
      await this.#write('event: complete\ndata:\n\n');
    } finally {
      this.close();
    }
  }

  /** The client did not read what may not be dropped. */
  slow(): void {
    const { clock, metrics, response } = this.#options;
    metrics.slowConsumersClosed.inc({ protocol: 'graphql-sse' });
    if (this.#closed) return;
    this.#timers.use(clock.after(SLOW_GRACE_MS, () => response.destroy()));
  }

  /** At once and without `complete`: where the gateway goes, the client is to know that it may come again. */
  close(): void {
    const { clock, heartbeatMs, response } = this.#options;
    this.#end();
    response.end();
    if (response.closed) return;
    // The last bytes may wait for a client that never reads them.
    const cut = clock.after(2 * heartbeatMs, () => response.destroy());
    response.on('close', () => {
      cut[Symbol.dispose]();
    });
  }

  async #write(text: string): Promise<void> {
    const { response, metrics } = this.#options;
    if (this.#closed) return;
    metrics.bytesSent.inc({ protocol: 'graphql-sse' }, Buffer.byteLength(text));
    if (response.write(text)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeWriter = () => {
      this.#wakeWriter = null;
      this.#beatsUntaken = 0;
      resolve();
    };
    await promise;
  }

  #beat(): void {
    if (this.#wakeWriter === null) {
      this.#options.response.write(':\n\n');
      return;
    }
    this.#beatsUntaken += 1;
    if (this.#beatsUntaken >= 2) this.#options.response.destroy();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timers.dispose();
    this.#wakeWriter?.();
    // It settles by itself, and has nobody to tell.
    void this.#iterator.return?.().then(undefined, () => {});
  }
}
