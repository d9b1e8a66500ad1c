import type { ByteBudget } from '../fanout/client/PendingEvents.ts';
import type { SharedUpdate, SharedEvent } from '../fanout/frames/SharedEvent.ts';
import { EventQueue, slowConsumer } from '../fanout/client/EventQueue.ts';
import type { Encoder } from '../fanout/frames/EncodingCache.ts';
import { PendingEvents } from '../fanout/client/PendingEvents.ts';
import type { Subscriber } from '../fanout/routing/SubscriberGroup.ts';
import type { Clock } from '../shared/clock.ts';
import type { Metrics } from '../shared/metrics.ts';

export interface EventBatchesOptions {
  /** How long events are gathered at most. */
  readonly everyMs: number;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Makes the text of what is gathered; null where nobody knows yet how large that is. */
  readonly encoder: Pick<Encoder, 'expansion'> | null;
  /** Called exactly once, at the end, whoever ended it. */
  readonly onClose: () => void;
}

/** A list that takes this share of the budget leaves early, long before anything in it would be conflated. */
const EARLY_SHARE = 1 / 4;

/**
 * Market data gathered into lists: one list each `everyMs`, none while nothing happened, every event in it. Whoever has the
 * same `everyMs` is told at the same times: who listens to the same is told the same lists. What is not
 * taken when it is due is kept like all that waits for a slow client (`PendingEvents`); over the budget even so, the
 * iterator ends with SLOW_CONSUMER.
 */
export class EventBatches implements Subscriber, AsyncIterable<readonly SharedEvent[], undefined>, Disposable {
  readonly #options: EventBatchesOptions;
  readonly #queue: EventQueue<readonly SharedEvent[]>;
  readonly #gathered: PendingEvents;
  /** Runs from the first event of a list until it is due. */
  #timer: Disposable | null = null;
  /** Of the last list, in multiples of `everyMs` of monotonic time: a timer may be a little early. */
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

  /** What was gathered goes to whoever waits for it, now or next. */
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
