import { PendingEvents } from './PendingEvents.ts';
import type { ByteBudget } from './PendingEvents.ts';
import type { SharedUpdate, SharedEvent } from '../frames/SharedEvent.ts';
import type { Subscriber } from '../routing/Topic.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { Metrics } from '../../shared/metrics.ts';

export interface EventQueueOptions<T> {
  /** Returns the next value, or undefined if there is none now. */
  readonly take: () => T | undefined;
  /** Called exactly once: on return(), throw(), dispose or failure. */
  readonly onClose: () => void;
}

/**
 * The pulling end of a bounded queue: an async iterator over the values that `take` returns. It keeps no value itself;
 * the owner of the values decides what is kept. Whoever iterates owns it. Closing it wakes a waiting `next()`.
 */
export class EventQueue<T> implements AsyncIterableIterator<T, undefined>, Disposable {
  readonly #options: EventQueueOptions<T>;
  readonly #waiting: PromiseWithResolvers<IteratorResult<T, undefined>>[] = [];
  /** Resolved when the next value is waited for. */
  #hungry: PromiseWithResolvers<void> | null = null;
  #failure: GatewayError | null = null;
  #closed = false;

  constructor(options: EventQueueOptions<T>) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True while a `next()` waits for a value. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Passes the value to a waiting `next()`. Returns false, and does not keep the value, if none waits. */
  pass(value: T): boolean {
    const waiting = this.#waiting.shift();
    waiting?.resolve({ done: false, value });
    return waiting !== undefined;
  }

  /** Resolves when a value is waited for, or the queue is closed; null if one is waited for now. */
  room(): Promise<void> | null {
    if (this.#closed || this.hasWaiting) return null;
    this.#hungry ??= Promise.withResolvers<void>();
    return this.#hungry.promise;
  }

  /** Call this when `take` may have values: waiting calls of `next()` get them. */
  wake(): void {
    while (this.hasWaiting) {
      const value = this.#options.take();
      if (value === undefined) return;
      this.pass(value);
    }
  }

  /** The next `next()` rejects with this error, and then the iterator is done. */
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
    this.#feed();
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
    this.#feed();
    this.#options.onClose();
  }

  #feed(): void {
    this.#hungry?.resolve();
    this.#hungry = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

export interface MarketDataQueueOptions {
  readonly budget: ByteBudget;
  readonly metrics: Metrics;
  /** Called exactly once: on return(), throw(), dispose or failure. */
  readonly onClose: () => void;
}

/**
 * Market data as a bounded async iterator. Events that are not pulled in time are conflated. If the budget is used up
 * even so, `next()` rejects once with SLOW_CONSUMER and the iterator is done.
 */
export class MarketDataQueue extends EventQueue<SharedEvent> implements Subscriber {
  readonly #pending: PendingEvents;

  constructor({ budget, metrics, onClose }: MarketDataQueueOptions) {
    const pending = new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
    super({
      take: () => pending.shift()?.sharedEvent,
      onClose: () => {
        pending.clear();
        onClose();
      },
    });
    this.#pending = pending;
  }

  deliver({ events }: SharedUpdate): void {
    for (const sharedEvent of events) {
      if (this.closed) return;
      if (!this.pass(sharedEvent) && !this.#pending.push(sharedEvent, null)) this.fail(slowConsumer());
    }
  }
}

/** The error of a client that did not read fast enough. */
export function slowConsumer(): GatewayError {
  return new GatewayError('SLOW_CONSUMER', 'The client did not read its messages fast enough; subscribe again.');
}
