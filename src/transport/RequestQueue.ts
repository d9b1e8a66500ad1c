import { Backoff } from '../shared/backoff.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Random } from '../shared/random.ts';
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
  readonly clock: Clock;
  readonly random: Random;
  /** Request weight a minute that the venue allows, until the setter says better. At most 80 % of it is used. */
  readonly weightPerMinute: number;
  /** How many requests the venue bears in a while, shared with other queues. */
  readonly pace?: SlidingWindow;
  /** @default 4 */
  readonly concurrency?: number;
  /** Requests of each patience that may wait; one more is refused with RATE_LIMITED. @default 2048 */
  readonly bound?: number;
}

interface Entrant extends Demand {
  /** The broker's id, for sentences. */
  readonly name: string;
}

interface Ticket extends Entrant {
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
 * Decides when a request may go out to one host: so many at a time, within the weight budget, never during a pause that the
 * venue asked for. First come, first served within a patience. Every RestClient of the host is given the same one where the
 * venue counts for our address. It has nothing to close: its one timer runs only while somebody waits.
 */
export class RequestQueue {
  readonly concurrency: number;
  readonly #options: RequestQueueOptions;
  readonly #budget: WeightBudget;
  /** Grows while one pause follows another. */
  readonly #pauses: Backoff;
  readonly #tickets: Readonly<Record<Patience, Set<Ticket>>> = { wait: new Set(), fail: new Set() };
  #active = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #alarm: Disposable | null = null;

  constructor(options: RequestQueueOptions) {
    const { random, concurrency = 4 } = options;
    this.#options = options;
    this.concurrency = concurrency;
    this.#pauses = new Backoff({ baseMs: 1_000, maxMs: 120_000, random });
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
  async enter(entrant: Entrant, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const refusal = this.#refusal(entrant);
    if (refusal !== null) throw refusal;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ticket: Ticket = { ...entrant, admit: resolve, reject };
    using stack = new DisposableStack();
    const abort = (): void => {
      this.#refuse(ticket, signal.reason);
      this.#pump();
    };
    signal.addEventListener('abort', abort, { once: true });
    stack.defer(() => {
      signal.removeEventListener('abort', abort);
    });
    if (ticket.patience === 'fail') stack.use(this.#impatience(ticket));
    this.#tickets[ticket.patience].add(ticket);
    this.#pump();
    await promise;
  }

  /** A request that had entered has ended; `used` is the venue's count of this minute's weight, null where it did not say. */
  leave(demand: Demand, used: number | null): void {
    this.#active -= 1;
    this.#budget.settle(demand.weight, used, this.#options.clock.monotonic());
    this.#pump();
  }

  /**
   * Nothing is sent for at least so long, and longer where one pause follows another; requests that would rather fail do so
   * now. Gives the milliseconds.
   */
  pause(askedMs: number): number {
    const durationMs = Math.ceil(this.#pauses.next(askedMs));
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#options.clock.monotonic() + durationMs);
    for (const ticket of this.#tickets.fail) this.#refuse(ticket, this.#pausedError(ticket));
    this.#pump();
    return durationMs;
  }

  /** The venue has answered: the next pause follows no other. */
  answered(): void {
    this.#pauses.reset();
  }

  #pump(): void {
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
    while (this.#active < this.concurrency) {
      const ticket = first(this.#tickets.wait) ?? first(this.#tickets.fail);
      if (ticket === undefined) return;
      const waitMs = Math.max(this.#pauseMs, this.#budgetWaitMs(ticket), this.#options.pace?.delayMs ?? 0);
      if (waitMs === 0) {
        this.#admit(ticket);
      } else if (ticket.patience === 'fail' && waitMs > LONGEST_WAIT_MS) {
        this.#refuse(ticket, this.#exhausted(ticket, waitMs));
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
      this.#refuse(ticket, this.#exhausted(ticket, this.#budgetWaitMs(ticket)));
      this.#pump();
    });
  }

  #refusal(entrant: Entrant): GatewayError | null {
    const { bound = 2_048 } = this.#options;
    const hurried = entrant.patience === 'fail';
    if (hurried && this.#pauseMs > 0) return this.#pausedError(entrant);
    const waitMs = Math.max(this.#pauseMs, this.#budgetWaitMs(entrant));
    const full = this.#tickets[entrant.patience].size >= bound;
    return full || (hurried && waitMs > LONGEST_WAIT_MS) ? this.#exhausted(entrant, waitMs) : null;
  }

  #pausedError({ name }: Entrant): GatewayError {
    return new GatewayError('BROKER_UNAVAILABLE', `The venue told broker ${name} to pause.`, {
      retryAfterMs: Math.ceil(this.#pauseMs),
    });
  }

  #exhausted({ name }: Entrant, waitMs: number): GatewayError {
    return new GatewayError('RATE_LIMITED', `Broker ${name} has used up its requests for the moment.`, {
      retryAfterMs: Math.ceil(Math.max(waitMs, SOON_MS)),
    });
  }
}

function first(tickets: ReadonlySet<Ticket>): Ticket | undefined {
  const [ticket] = tickets;
  return ticket;
}
