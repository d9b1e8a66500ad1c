/** Counts the writes of a connection that the operating system has not accepted yet. */
export class Writes {
  #waiting = 0;
  #waiters: (() => void)[] = [];
  #isOver = false;

  /** Counts one write; the returned function is called when the write is done. */
  begin(): () => void {
    this.#waiting += 1;
    return () => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#wake();
    };
  }

  /** Ends all waiting, because the connection has closed. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /**
   * Resolves when the operating system has accepted everything that was written before, or the connection has closed.
   */
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
