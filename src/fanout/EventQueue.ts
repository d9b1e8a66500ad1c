import { GatewayError } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { ByteBudget } from './ByteBudget.ts';
import type { Emission } from './Emission.ts';
import { PendingEvents } from './PendingEvents.ts';
import type { Subscriber } from './SubscriptionIndex.ts';

export interface EventQueueOptions {
  readonly budget: ByteBudget;
  readonly metrics: Metrics;
  /** Called exactly once: on return(), throw(), dispose or failure. */
  readonly onClose: () => void;
}

/**
 * Market data for whoever pulls it: a bounded async iterator. What is not pulled in time is conflated; over the budget
 * `next()` rejects once with SLOW_CONSUMER and the queue is at its end. Whoever iterates owns it; closing wakes a waiting
 * `next()`.
 */
export class EventQueue implements Subscriber, AsyncIterableIterator<Emission, undefined>, Disposable {
  readonly #options: EventQueueOptions;
  readonly #pending: PendingEvents;
  readonly #waiting: PromiseWithResolvers<IteratorResult<Emission, undefined>>[] = [];
  #failure: GatewayError | null = null;
  #closed = false;

  constructor(options: EventQueueOptions) {
    this.#options = options;
    const { budget, metrics } = options;
    this.#pending = new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
  }

  deliver(emission: Emission): void {
    if (this.#closed) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: emission });
    else if (!this.#pending.push(emission, null)) this.#fail();
  }

  next(): Promise<IteratorResult<Emission, undefined>> {
    const failure = this.#failure;
    if (failure !== null) {
      this.#failure = null;
      return Promise.reject(failure);
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const first = this.#pending.shift();
    if (first !== undefined) return Promise.resolve({ done: false, value: first.emission });
    const waiting = Promise.withResolvers<IteratorResult<Emission, undefined>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  return(): Promise<IteratorResult<Emission, undefined>> {
    this[Symbol.dispose]();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<Emission, undefined>> {
    this[Symbol.dispose]();
    return Promise.reject(GatewayError.from(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending.clear();
    for (const waiting of this.#waiting.splice(0)) waiting.resolve({ done: true, value: undefined });
    this.#options.onClose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #fail(): void {
    this.#failure = slowConsumer();
    this[Symbol.dispose]();
  }
}

export function slowConsumer(): GatewayError {
  return new GatewayError('SLOW_CONSUMER', 'The client did not read its messages fast enough; subscribe again.');
}
