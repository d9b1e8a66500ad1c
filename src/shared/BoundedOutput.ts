import type { Writable } from 'node:stream';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { LogOutput } from './logger.ts';

const DEFAULT_MAX_BYTES = 1_048_576;

/**
 * The process's standard output as a log may use it: what a reader does not take at once waits in a buffer of at most
 * `maxBytes`, and what does not fit there is dropped. A reader that went away (EPIPE), a full disk or a stalled pipe never
 * stops or ends the process. Written through the stream and not to its descriptor, because a write that blocks in a thread
 * would keep the process from exiting.
 */
export class BoundedOutput implements LogOutput {
  readonly isTTY: boolean;
  readonly #stream: Writable;
  readonly #maxBytes: number;

  constructor(stream: Writable & { readonly isTTY?: boolean }, maxBytes = DEFAULT_MAX_BYTES) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.isTTY = stream.isTTY ?? false;
    stream.on('error', () => {}); // the stream is destroyed by it, and every later line is dropped
  }

  write(line: string): boolean {
    if (!this.#stream.writable || this.#stream.writableLength + line.length > this.#maxBytes) return false;
    this.#stream.write(line);
    return true;
  }

  /** Resolves when all that was written has been taken, or when `withinMs` have passed. */
  async flush(clock: Clock, withinMs: number): Promise<void> {
    if (!this.#stream.writable || this.#stream.writableLength === 0) return;
    const settled = new AbortController();
    this.#stream.write('', () => {
      settled.abort();
    });
    await sleep(clock, withinMs, settled.signal);
  }
}
