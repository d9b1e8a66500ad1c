import type { Writable } from 'node:stream';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { LogOutput } from './logger.ts';

const DEFAULT_MAX_BYTES = 1_048_576;

/**
 * Standard output (or standard error) as a log may use it: lines that the reader does not take at once wait in a buffer of at
 * most `maxBytes`, and lines that do not fit are dropped. A reader that went away (EPIPE), a full disk or a stalled pipe never
 * blocks or ends the process. It writes through the stream instead of the file descriptor, because a write that blocks in a
 * thread would keep the process from exiting.
 */
export class BoundedOutput implements LogOutput {
  readonly isTTY: boolean;
  readonly #stream: Writable;
  readonly #maxBytes: number;

  constructor(stream: Writable & { readonly isTTY?: boolean }, maxBytes = DEFAULT_MAX_BYTES) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.isTTY = stream.isTTY ?? false;
    stream.on('error', () => {}); // the error destroys the stream, and write() drops every later line
  }

  write(line: string): boolean {
    if (!this.#stream.writable || this.#stream.writableLength + line.length > this.#maxBytes) return false;
    this.#stream.write(line);
    return true;
  }

  /** Resolves when the reader has taken everything that was written, or after `withinMs`. */
  async flush(clock: Clock, withinMs: number): Promise<void> {
    if (!this.#stream.writable || this.#stream.writableLength === 0) return;
    const settled = new AbortController();
    this.#stream.write('', () => {
      settled.abort();
    });
    await sleep(clock, withinMs, settled.signal);
  }
}
