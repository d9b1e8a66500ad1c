import { GatewayError } from '../shared/errors.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { Subscriber } from './Audience.ts';
import type { ByteBudget } from './ByteBudget.ts';
import type { Delivery, Emission } from './Emission.ts';
import { Handover } from './Handover.ts';
import { PendingEvents } from './PendingEvents.ts';

export interface EventQueueOptions {
  readonly budget: ByteBudget;
  readonly metrics: Metrics;
  /** Called exactly once: on return(), throw(), dispose or failure. */
  readonly onClose: () => void;
}

/**
 * Market data for whoever pulls it: a bounded async iterator. What is not pulled in time is conflated; over the budget
 * `next()` rejects once with SLOW_CONSUMER and the queue is at its end.
 */
export class EventQueue extends Handover<Emission> implements Subscriber {
  readonly #pending: PendingEvents;

  constructor({ budget, metrics, onClose }: EventQueueOptions) {
    const pending = new PendingEvents({
      budget,
      onConflated: (type) => {
        metrics.conflated.inc({ type });
      },
    });
    super({
      take: () => pending.shift()?.emission,
      onClose: () => {
        pending.clear();
        onClose();
      },
    });
    this.#pending = pending;
  }

  deliver({ emissions }: Delivery): void {
    for (const emission of emissions) {
      if (this.closed) return;
      if (!this.give(emission) && !this.#pending.push(emission, null)) this.fail(slowConsumer());
    }
  }
}

export function slowConsumer(): GatewayError {
  return new GatewayError('SLOW_CONSUMER', 'The client did not read its messages fast enough; subscribe again.');
}
