/**
 * The results of a subscription that are written past the executor: it never yields, and ends with `return`. What it stands
 * for is released exactly once.
 */
export class ParkedStream implements AsyncIterableIterator<never, undefined> {
  readonly #onClose: () => void;
  readonly #end = Promise.withResolvers<IteratorResult<never, undefined>>();
  #closed = false;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  next(): Promise<IteratorResult<never, undefined>> {
    return this.#end.promise;
  }

  return(): Promise<IteratorResult<never, undefined>> {
    if (!this.#closed) {
      this.#closed = true;
      this.#onClose();
      this.#end.resolve({ done: true, value: undefined });
    }
    return this.#end.promise;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
