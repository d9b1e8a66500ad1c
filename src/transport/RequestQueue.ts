import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { SlidingWindow } from './SlidingWindow.ts';
import { WeightBudget } from './WeightBudget.ts';

/**
 * What a request does while the venue is not to be asked. `wait`: it waits until it may be sent, however long (the live
 * feed's), and goes before all others. `fail`: it fails at once, or after a few seconds in the queue (a client's).
 */
export type Patience = 'wait' | 'fail';

export interface Demand {
  /** What the venue counts for it. */
  readonly weight: number;
  readonly patience: Patience;
}

export interface RequestQueueOptions {
  /** The broker's id, for sentences. */
  readonly name: string;
  readonly clock: Clock;
  readonly concurrency: number;
  readonly weightPerMinute: number;
  /** Requests of each patience that may wait; one more is refused with RATE_LIMITED. */
  readonly bounds: Readonly<Record<Patience, number>>;
  /** Shared with others who ask the same venue: how many requests it bears in a while. */
  readonly pace?: SlidingWindow | undefined;
}

interface Ticket extends Demand {
  readonly admit: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Part of the venue's limit that may be used: the rest is for others at our address; clients leave room for the feed. */
const SHARES: Readonly<Record<Patience, number>> = { wait: 0.8, fail: 0.6 };
const LONGEST_WAIT_MS = 5_000;
/** Timers can't be set for longer than some weeks; waking up to look again costs nothing. */
const LONGEST_NAP_MS = 3_600_000;
const SOON_MS = 1_000;

/**
 * Decides when a request may go out to one venue: so many at a time, within the weight budget, never during a pause that the
 * venue asked for. First come, first served within a patience. Owned by a RestClient.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #budget: WeightBudget;
  readonly #tickets: Readonly<Record<Patience, Set<Ticket>>> = { wait: new Set(), fail: new Set() };
  #active = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #closed: Error | null = null;
  #alarm: Disposable | null = null;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
    this.#budget = new WeightBudget(options.weightPerMinute);
  }

  set weightPerMinute(limit: number) {
    this.#budget.limitPerMinute = limit;
    this.#pump();
  }

  /** Monotonic; null when no pause is in force. */
  get pausedUntilMs(): number | null {
    return this.#pauseMs > 0 ? this.#pausedUntil : null;
  }

  get #pauseMs(): number {
    return Math.max(this.#pausedUntil - this.#options.clock.monotonic(), 0);
  }

  /**
   * Resolves when the request may be sent; then `leave` must be called when it has ended. Rejects with a GatewayError when it
   * may not be sent in time, or with the reason of the signal.
   */
  async enter(demand: Demand, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const refusal = this.#refusal(demand);
    if (refusal !== null) throw refusal;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ticket: Ticket = { ...demand, admit: resolve, reject };
    using stack = new DisposableStack();
    const abort = (): void => {
      this.#refuse(ticket, signal.reason);
      this.#pump();
    };
    signal.addEventListener('abort', abort, { once: true });
    stack.defer(() => {
      signal.removeEventListener('abort', abort);
    });
    if (demand.patience === 'fail') stack.use(this.#impatience(ticket));
    this.#tickets[demand.patience].add(ticket);
    this.#pump();
    await promise;
  }

  /** A request that had entered has ended; `used` is the venue's count of this minute's weight, null where it did not say. */
  leave(demand: Demand, used: number | null): void {
    this.#active -= 1;
    this.#budget.settle(demand.weight, used, this.#options.clock.monotonic());
    this.#pump();
  }

  /** Nothing is sent for so long; requests that would rather fail do so now. */
  pause(durationMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#options.clock.monotonic() + durationMs);
    for (const ticket of this.#tickets.fail) this.#refuse(ticket, this.#pausedError());
    this.#pump();
  }

  /** Refuses all that wait and all that will come with this reason. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const ticket of [...this.#tickets.wait, ...this.#tickets.fail]) this.#refuse(ticket, reason);
    this.#pump();
  }

  #pump(): void {
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
    while (this.#active < this.#options.concurrency) {
      const ticket = first(this.#tickets.wait) ?? first(this.#tickets.fail);
      if (ticket === undefined) return;
      const waitMs = Math.max(this.#pauseMs, this.#budgetWaitMs(ticket), this.#options.pace?.delayMs ?? 0);
      if (waitMs === 0) {
        this.#admit(ticket);
      } else if (ticket.patience === 'fail' && waitMs > LONGEST_WAIT_MS) {
        this.#refuse(ticket, this.#exhausted(waitMs));
      } else {
        // Nobody overtakes: a light request would for ever go before a heavy one.
        this.#alarm = this.#options.clock.after(Math.min(waitMs, LONGEST_NAP_MS), () => {
          this.#pump();
        });
        return;
      }
    }
  }

  #admit(ticket: Ticket): void {
    this.#tickets[ticket.patience].delete(ticket);
    this.#budget.take(ticket.weight, this.#options.clock.monotonic());
    this.#options.pace?.tryTake();
    this.#active += 1;
    ticket.admit();
  }

  /** It leaves the queue at once: one that was refused must not be admitted before it hears of it. */
  #refuse(ticket: Ticket, reason: unknown): void {
    this.#tickets[ticket.patience].delete(ticket);
    ticket.reject(reason);
  }

  #budgetWaitMs({ weight, patience }: Demand): number {
    return this.#budget.waitMs(weight, SHARES[patience], this.#options.clock.monotonic());
  }

  #impatience(ticket: Ticket): Disposable {
    return this.#options.clock.after(LONGEST_WAIT_MS, () => {
      this.#refuse(ticket, this.#exhausted(this.#budgetWaitMs(ticket)));
      this.#pump();
    });
  }

  #refusal(demand: Demand): Error | null {
    if (this.#closed !== null) return this.#closed;
    const hurried = demand.patience === 'fail';
    if (hurried && this.#pauseMs > 0) return this.#pausedError();
    const waitMs = Math.max(this.#pauseMs, this.#budgetWaitMs(demand));
    const full = this.#tickets[demand.patience].size >= this.#options.bounds[demand.patience];
    return full || (hurried && waitMs > LONGEST_WAIT_MS) ? this.#exhausted(waitMs) : null;
  }

  #pausedError(): GatewayError {
    return new GatewayError('BROKER_UNAVAILABLE', `The venue told broker ${this.#options.name} to pause.`, {
      retryAfterMs: Math.ceil(this.#pauseMs),
    });
  }

  #exhausted(waitMs: number): GatewayError {
    return new GatewayError('RATE_LIMITED', `Broker ${this.#options.name} has used up its requests for the moment.`, {
      retryAfterMs: Math.ceil(Math.max(waitMs, SOON_MS)),
    });
  }
}

function first(tickets: ReadonlySet<Ticket>): Ticket | undefined {
  const [ticket] = tickets;
  return ticket;
}
