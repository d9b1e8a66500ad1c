import type { ByteBudget } from '../fanout/client/PendingEvents.ts';
import type { Encoder, SharedEvent, SharedUpdate } from '../fanout/frames/SharedEvent.ts';
import { EventQueue, slowConsumer } from '../fanout/client/EventQueue.ts';
import { PendingEvents } from '../fanout/client/PendingEvents.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { Clock } from '../shared/clock.ts';
import type { Metrics } from '../shared/metrics.ts';

export interface EventBatchesOptions {
  /** The longest time between two lists. */
  readonly everyMs: number;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The encoder of the lists; null if it is not known how large the text of an event will be. */
  readonly encoder: Pick<Encoder, 'expansion'> | null;
  /** Called exactly once, when the iterator ends for whatever reason. */
  readonly onClose: () => void;
}

/** A list of this share of the budget leaves early, long before any of its events would be conflated. */
const EARLY_SHARE = 1 / 4;

/**
 * Gathers market data into lists: one list each `everyMs` that contains every event, and none if nothing happened. All
 * subscriptions with the same `everyMs` get their lists at the same time, so that subscriptions to the same streams
 * share lists. A list that is not taken in time waits like everything that a slow client does not read
 * (`PendingEvents`); if the budget is used up even so, the iterator ends with SLOW_CONSUMER.
 */
export class EventBatches implements Subscriber, AsyncIterable<readonly SharedEvent[], undefined>, Disposable {
  readonly #options: EventBatchesOptions;
  readonly #queue: EventQueue<readonly SharedEvent[]>;
  readonly #gathered: PendingEvents;
  /** Runs from the first event of a list until the list is due. */
  #timer: Disposable | null = null;
  /** The time of the last list in multiples of `everyMs`, because a timer may fire a little early. */
  #lastSlot = 0;
  #due = false;

  constructor(options: EventBatchesOptions) {
    this.#options = options;
    this.#gathered = new PendingEvents({
      budget: options.budget,
      onConflated: (type) => {
        options.metrics.conflated.inc({ type });
      },
    });
    this.#queue = new EventQueue({
      take: () => this.#take(),
      onClose: () => {
        this.#stopTimer();
        this.#gathered.clear();
        options.onClose();
      },
    });
  }

  get closed(): boolean {
    return this.#queue.closed;
  }

  deliver(update: SharedUpdate): void {
    for (const sharedEvent of update.events) this.#gather(sharedEvent);
  }

  room(): Promise<void> | null {
    return this.#queue.room();
  }

  #gather(sharedEvent: SharedEvent): void {
    if (this.#queue.closed) return;
    const { budget } = this.#options;
    if (!this.#gathered.push(sharedEvent, null, this.#options.encoder?.expansion)) {
      this.#queue.fail(slowConsumer());
    } else if (this.#queue.hasWaiting && budget.used > budget.limit * EARLY_SHARE) {
      this.#leave();
    } else if (!this.#due) {
      this.#timer ??= this.#startTimer();
    }
  }

  #startTimer(): Disposable {
    const { clock, everyMs } = this.#options;
    const now = clock.monotonic();
    const slot = Math.max(Math.floor(now / everyMs), this.#lastSlot) + 1;
    return clock.after(Math.ceil(slot * everyMs - now), () => {
      this.#lastSlot = slot;
      this.#leave();
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<readonly SharedEvent[], undefined> {
    return this.#queue;
  }

  [Symbol.dispose](): void {
    this.#queue[Symbol.dispose]();
  }

  /** Passes the list on, now or when it is next asked for. */
  #leave(): void {
    this.#stopTimer();
    this.#due = true;
    this.#queue.wake();
  }

  #take(): readonly SharedEvent[] | undefined {
    if (!this.#due) return undefined;
    this.#due = false;
    const events: SharedEvent[] = [];
    for (let next = this.#gathered.shift(); next !== undefined; next = this.#gathered.shift())
      events.push(next.sharedEvent);
    return events;
  }

  #stopTimer(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }
}
