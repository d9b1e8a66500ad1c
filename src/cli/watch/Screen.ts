import type { DataOutput } from '../process.ts';

const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const CLEAR_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

/** A terminal's screen of its own, which leaves everything as it was when it is disposed of. */
export class Screen implements Disposable {
  readonly #output: DataOutput;
  #shown = '';

  constructor(output: DataOutput) {
    this.#output = output;
    output.write(ENTER);
  }

  show(lines: readonly string[]): void {
    const text = HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW;
    if (text === this.#shown) return;
    this.#shown = text;
    this.#output.write(text);
  }

  [Symbol.dispose](): void {
    this.#output.write(LEAVE);
  }
}
