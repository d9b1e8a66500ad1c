import { GatewayError } from '../shared/errors.ts';

export interface HandoverOptions<T> {
  /** The next value, or undefined while there is none. */
  readonly take: () => T | undefined;
  /** Called exactly once: on return(), throw(), dispose or failure. */
  readonly onClose: () => void;
}

/**
 * The pulling side of something that keeps values by a policy of its own: an async iterator over what `take` gives. It keeps
 * nothing itself. Whoever iterates owns it; closing wakes a waiting `next()`.
 */
export class Handover<T> implements AsyncIterableIterator<T, undefined>, Disposable {
  readonly #options: HandoverOptions<T>;
  readonly #waiting: PromiseWithResolvers<IteratorResult<T, undefined>>[] = [];
  #failure: GatewayError | null = null;
  #closed = false;

  constructor(options: HandoverOptions<T>) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True while somebody waits for a value. */
  get wanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** The value goes to whoever waits for one. False, and it is not kept, where nobody does. */
  give(value: T): boolean {
    const waiting = this.#waiting.shift();
    waiting?.resolve({ done: false, value });
    return waiting !== undefined;
  }

  /** There may be values now: whoever waits gets them. */
  offer(): void {
    while (this.wanted) {
      const value = this.#options.take();
      if (value === undefined) return;
      this.give(value);
    }
  }

  /** The next `next()` rejects with this, and then it is over. */
  fail(error: GatewayError): void {
    if (this.#closed) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#failure = error;
    else waiting.reject(error);
    this[Symbol.dispose]();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const failure = this.#failure;
    if (failure !== null) {
      this.#failure = null;
      return Promise.reject(failure);
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const value = this.#options.take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    const waiting = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this[Symbol.dispose]();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    this[Symbol.dispose]();
    return Promise.reject(GatewayError.from(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.resolve({ done: true, value: undefined });
    this.#options.onClose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
