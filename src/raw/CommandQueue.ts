/**
 * Executes a client's commands one after the other, in the order they came. Bounded: `add` says no to what would be one too
 * many to wait. A command must not reject. Owned by its ClientConnection.
 */
export class CommandQueue implements Disposable {
  /** Resolves when the client's next command may be executed. */
  readonly #turn: () => Promise<void>;
  readonly #waiting: (() => Promise<void>)[] = [];
  #busy = false;
  #closed = false;

  constructor(turn: () => Promise<void>) {
    this.#turn = turn;
  }

  /** False where `most` wait already: the command will not be executed. */
  add(command: () => Promise<void>, most: number): boolean {
    if (this.#closed) return true;
    if (this.#waiting.length >= most) return false;
    this.#waiting.push(command);
    if (!this.#busy) void this.#run();
    return true;
  }

  /** What waits is forgotten; what runs is not waited for. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      await this.#turn();
      await this.#waiting.shift()?.();
    }
    this.#busy = false;
  }
}
