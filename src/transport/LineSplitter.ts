const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What came since the last line end is longer than any line may be. */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

/**
 * Makes lines of bytes that come in pieces cut anywhere, within a character too. A line ends with a line feed; a carriage
 * return before it is not part of it, and empty lines are left out.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #tail: Buffer[] = [];
  #tailBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that this piece completes, without their ends. Throws a LineTooLongError after those before it. */
  *push(piece: Buffer): Generator<Buffer, void, undefined> {
    let from = 0;
    for (let at = piece.indexOf(LINE_FEED); at !== -1; at = piece.indexOf(LINE_FEED, from)) {
      this.#keep(piece.subarray(from, at));
      from = at + 1;
      const line = this.#take();
      if (line.length > 0) yield line;
    }
    this.#keep(piece.subarray(from));
  }

  #keep(bytes: Buffer): void {
    this.#tailBytes += bytes.length;
    if (this.#tailBytes > this.#maxBytes) throw new LineTooLongError(`a line of more than ${this.#maxBytes} bytes`);
    if (bytes.length > 0) this.#tail.push(bytes);
  }

  #take(): Buffer {
    const [only] = this.#tail;
    const line = only !== undefined && this.#tail.length === 1 ? only : Buffer.concat(this.#tail, this.#tailBytes);
    this.#tail = [];
    this.#tailBytes = 0;
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  }
}
