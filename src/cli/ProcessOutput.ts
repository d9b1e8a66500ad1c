import type { WriteStream } from 'node:tty';
import type { DataOutput } from './process.ts';

/** A reader may be this far behind. */
const MAX_WAITING_BYTES = 64 * 1_048_576;
/** The size of a terminal that does not know it. */
const USUAL = { columns: 80, rows: 24 };

/** The standard output of this process. A reader that has gone, as `head` does, is no error. */
export class ProcessOutput implements DataOutput {
  readonly #stream: WriteStream;
  readonly #listeners = new Set<() => void>();
  #isGone = false;

  constructor(stream: WriteStream) {
    this.#stream = stream;
    stream.on('error', () => {
      this.#isGone = true;
      this.#tell();
    });
    stream.on('resize', () => {
      this.#tell();
    });
  }

  get isTTY(): boolean {
    return this.#stream.isTTY ?? false;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#stream;
    return { columns: columns || USUAL.columns, rows: rows || USUAL.rows };
  }

  write(text: string): 'taken' | 'gone' | 'full' {
    if (this.#isGone || !this.#stream.writable) return 'gone';
    if (this.#stream.writableLength > MAX_WAITING_BYTES) return 'full';
    this.#stream.write(text);
    return 'taken';
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
