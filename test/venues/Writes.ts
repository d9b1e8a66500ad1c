/** Counts what was given to a connection and is not with the operating system yet. */
export class Writes {
  #waiting = 0;
  #waiters: (() => void)[] = [];
  #isOver = false;

  /** Counts one write; what it returns is called when the write is done. */
  begin(): () => void {
    this.#waiting += 1;
    return () => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#wake();
    };
  }

  /** The connection has closed: nobody has to wait any more. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Resolves when all that was written before is with the operating system, or the connection has closed. */
  done(): Promise<void> {
    if (this.#waiting === 0 || this.#isOver) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
