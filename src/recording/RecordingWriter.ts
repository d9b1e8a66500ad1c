import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { constants, createGzip } from 'node:zlib';
import type { Gzip } from 'node:zlib';
import type { Clock } from '../shared/clock.ts';
import { formatHeader, formatLine } from './format.ts';
import type { RecordedLine, RecordingHeader } from './format.ts';

export interface RecordingWriterOptions {
  readonly path: string;
  /** A file of that name is replaced. */
  readonly replaces: boolean;
  readonly clock: Clock;
  /** Called once if the file can't be written any more. */
  readonly onFault: (error: unknown) => void;
}

/** Lines are on their way to the disk after this time at most, so that a recorder that is killed loses no more. */
const FLUSH_MS = 500;
/** The disk may be this far behind. */
const MAX_WAITING_BYTES = 64 * 1_048_576;

/** Writes a recording: lines of JSON, compressed with gzip. */
export class RecordingWriter implements AsyncDisposable {
  readonly #options: RecordingWriterOptions;
  readonly #gzip: Gzip;
  readonly #file: WriteStream;
  readonly #flushing: Disposable;
  #hasNews = false;
  #fault: { readonly error: unknown } | null = null;

  private constructor(file: WriteStream, options: RecordingWriterOptions) {
    this.#options = options;
    this.#file = file;
    this.#gzip = createGzip();
    file.on('error', (error) => {
      this.#fail(error);
    });
    this.#gzip.pipe(file);
    this.#flushing = options.clock.every(FLUSH_MS, () => {
      if (this.#hasNews && this.#fault === null) this.#gzip.flush(constants.Z_SYNC_FLUSH);
      this.#hasNews = false;
    });
  }

  /** Begins the file. Rejects if it can't be made, or exists and is not to be replaced. */
  static async create(header: RecordingHeader, options: RecordingWriterOptions): Promise<RecordingWriter> {
    const file = createWriteStream(options.path, { flags: options.replaces ? 'w' : 'wx' });
    await once(file, 'open');
    const writer = new RecordingWriter(file, options);
    writer.#writeText(formatHeader(header));
    return writer;
  }

  /** The size of the file so far. */
  get bytes(): number {
    return this.#file.bytesWritten;
  }

  write(line: RecordedLine): void {
    this.#writeText(formatLine(line));
  }

  /** Completes the file. Rejects if that is not possible. */
  async close(): Promise<void> {
    this.#flushing[Symbol.dispose]();
    if (this.#fault === null && !this.#gzip.writableEnded) this.#gzip.end();
    if (!this.#file.closed) await once(this.#file, 'close').catch(() => undefined);
    if (this.#fault !== null) throw this.#fault.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => undefined);
  }

  #writeText(text: string): void {
    if (this.#fault !== null || this.#gzip.writableEnded) return;
    this.#hasNews = true;
    this.#gzip.write(`${text}\n`);
    if (this.#gzip.writableLength + this.#file.writableLength > MAX_WAITING_BYTES) {
      this.#fail(new Error('The disk does not keep up.'));
    }
  }

  #fail(error: unknown): void {
    if (this.#fault !== null) return;
    this.#fault = { error };
    this.#gzip.destroy();
    this.#file.destroy();
    this.#options.onFault(error);
  }
}
