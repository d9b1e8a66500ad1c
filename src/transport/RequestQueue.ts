import { Backoff } from '../shared/backoff.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker, Askers } from '../shared/FairQueue.ts';
import type { Random } from '../shared/random.ts';
import type { SlidingWindow } from './SlidingWindow.ts';
import { WeightBudget } from './WeightBudget.ts';

/**
 * A request does this while the venue must not be asked. `wait`, for the live feed: it waits until it may be sent, and
 * goes before all others. `fail`, for a client: it fails at once, or after a few seconds in the queue.
 */
export type Patience = 'wait' | 'fail';

/** How a request is made. */
export interface AskOptions {
  readonly patience: Patience;
  /**
   * The clients on whose behalf it is made, looked up whenever that matters. Requests of nobody in particular go first.
   */
  readonly askers?: Askers | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Requests with the same name of a series are sent one after another. Left out: it belongs to none. */
  readonly series?: string | undefined;
  /** Called when a patient request has to wait for long, and again when that has changed. Must not throw. */
  readonly onParked?: ((parking: Parking) => void) | undefined;
}

/** Why a request waits, and for how long from now. */
export interface Parking {
  /** A sentence for a person, without its full stop. */
  readonly reason: string;
  readonly forMs: number;
}

/** Options of a request that a client waits for; without an asker it is made for nobody in particular. */
export function impatientOptions(asker: Asker | undefined, signal: AbortSignal): AskOptions {
  return { patience: 'fail', askers: () => (asker === undefined ? [] : [asker]), signal };
}

export interface Demand extends Pick<AskOptions, 'patience' | 'askers' | 'series' | 'onParked'> {
  /** The weight that the venue counts for it. */
  readonly weight: number;
}

export interface RequestQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Request weight a minute that the venue allows, until it is set to another value. At most 80 % of it is used. */
  readonly weightPerMinute: number;
  /** Limits requests in a short time; shared with other queues. */
  readonly pace?: SlidingWindow;
  /** @default 4 */
  readonly concurrency?: number;
  /** Called when the venue has asked for a pause. It must not throw. */
  readonly onPaused?: (durationMs: number) => void;
  /** Requests of each patience that may wait; one more is refused with RATE_LIMITED. @default 2048 */
  readonly bound?: number;
}

interface Entrant extends Demand {
  /** The broker's id, for sentences. */
  readonly name: string;
}

interface Ticket extends Entrant {
  readonly admit: (pass: Pass) => void;
  readonly reject: (reason: unknown) => void;
}

/** The permission to send a request, to be returned by `leave`. */
export interface Pass {
  readonly demand: Demand;
  /** Monotonic. */
  readonly admittedAtMs: number;
}

/** A ticket with the asker whose turn it is; null: it is nobody's in particular. */
interface Candidate {
  readonly ticket: Ticket;
  readonly asker: Asker | null;
}

/**
 * The part of the venue's limit that may be used. The rest is for others at our address; clients leave room for the
 * live feed.
 */
const SHARES: Readonly<Record<Patience, number>> = { wait: 0.8, fail: 0.6 };
const LONGEST_WAIT_MS = 5_000;
/** Timers can't be set for longer than some weeks; waking up early costs nothing. */
const LONGEST_NAP_MS = 3_600_000;
const SOON_MS = 1_000;
const PAUSED = 'The venue wants no requests for a while';
const USED_UP = 'The requests that the venue allows are used up for the moment';
/** Owners whose last turn is remembered: far more than wait at a time. */
const MAX_OWNERS = 4_096;

/**
 * Decides when a request may go out to one host: a few at a time, within the weight budget, never during a pause that
 * the venue asked for. Within a patience owners take turns, and so do the connections of each; none of them can use all
 * of the weight. If the venue counts by our address, every RestClient of the host has the same queue. It has nothing to
 * close: its one timer runs only while somebody waits.
 */
export class RequestQueue {
  readonly concurrency: number;
  readonly #options: RequestQueueOptions;
  readonly #budget: WeightBudget;
  /** Grows while one pause follows another. */
  readonly #pauses: Backoff;
  readonly #tickets: Readonly<Record<Patience, Set<Ticket>>> = { wait: new Set(), fail: new Set() };
  readonly #turns = new Turns();
  /** Series of which a request is under way. */
  readonly #series = new Set<string>();
  #active = 0;
  #pausedAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #pauseReason = PAUSED;
  /** Until then everybody who waits has been notified, on the monotonic clock. */
  #parkedUntil = Number.NEGATIVE_INFINITY;
  #alarm: Disposable | null = null;
  /** None of those who wait may use more of the weight until then, on the monotonic clock. */
  #exhaustedUntil = Number.NEGATIVE_INFINITY;

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

  /** Why nothing is sent at present; null when no pause is in force. */
  get parking(): Parking | null {
    return this.#pauseMs > 0 ? { reason: this.#pauseReason, forMs: this.#pauseMs } : null;
  }

  get #pauseMs(): number {
    return Math.max(this.#pausedUntil - this.#now, 0);
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  /**
   * Resolves when the request may be sent; then `leave` must be called when it has ended. Rejects with a GatewayError
   * when it may not be sent in time, or with the reason of the signal.
   */
  async enter(entrant: Entrant, signal: AbortSignal): Promise<Pass> {
    signal.throwIfAborted();
    const refusal = this.#refusal(entrant);
    if (refusal !== null) throw refusal;
    const { promise, resolve, reject } = Promise.withResolvers<Pass>();
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
    this.#notify(ticket);
    // If every asker in the queue has used up its share, one more such asker changes nothing.
    if (this.#now + this.#shareWaitMs(ticket) + 1 < this.#exhaustedUntil || this.#now >= this.#exhaustedUntil)
      this.#pump();
    return await promise;
  }

  /**
   * A request that had entered has ended; `used` is the venue's count of this minute's weight, null if it did not say.
   */
  leave({ demand }: Pick<Pass, 'demand'>, used: number | null): void {
    this.#active -= 1;
    if (demand.series !== undefined) this.#series.delete(demand.series);
    this.#budget.settle(demand.weight, used, this.#now);
    this.#pump();
  }

  /**
   * Nothing is sent for at least this time, and longer if one pause follows another; impatient requests fail now. The
   * answer to a request that was under way when the pause began (`pass`) does not begin another pause. Returns the
   * duration in milliseconds. `reason` is a sentence without its full stop.
   */
  pause(askedMs: number, pass?: Pass, reason = PAUSED): number {
    const now = this.#now;
    const isNew = pass === undefined || pass.admittedAtMs > this.#pausedAt;
    const durationMs = isNew ? Math.ceil(this.#pauses.next(askedMs)) : askedMs;
    if (isNew) this.#pausedAt = now;
    this.holdOff(durationMs, reason);
    if (isNew) this.#options.onPaused?.(durationMs);
    return durationMs;
  }

  /** Nothing is sent for this time: the venue has asked somebody else at our address for a pause. */
  holdOff(durationMs: number, reason = PAUSED): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#now + durationMs);
    this.#pauseReason = reason;
    for (const ticket of this.#tickets.wait) this.#notify(ticket);
    for (const ticket of this.#tickets.fail) this.#refuse(ticket, this.#pausedError(ticket));
    this.#pump();
  }

  /** The venue has answered: the next pause follows no other. */
  answered(): void {
    this.#pauses.reset();
  }

  #pump(): void {
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
    this.#exhaustedUntil = Number.NEGATIVE_INFINITY;
    while (this.#active < this.concurrency) {
      const candidate = this.#next('wait') ?? this.#next('fail');
      if (candidate === null) {
        this.#wakeForShares();
        return;
      }
      const { ticket } = candidate;
      const waitMs = Math.max(this.#pauseMs, this.#budgetWaitMs(ticket), this.#options.pace?.delayMs ?? 0);
      if (waitMs === 0) {
        this.#admit(candidate);
      } else if (ticket.patience === 'fail' && waitMs > LONGEST_WAIT_MS) {
        this.#refuse(ticket, this.#exhausted(ticket, waitMs));
      } else {
        // No request overtakes: light ones could hold up a heavy one for ever.
        this.#notifyAll(waitMs);
        this.#wakeAfter(waitMs);
        return;
      }
    }
  }

  /** Notifies a patient request that waits for the end of a pause. */
  #notify({ patience, onParked }: Ticket): void {
    const { parking } = this;
    if (patience === 'wait' && parking !== null) onParked?.(parking);
  }

  /** Notifies all patient requests that even the first of them has to wait long for its weight. */
  #notifyAll(waitMs: number): void {
    if (this.parking !== null || waitMs <= LONGEST_WAIT_MS || this.#now < this.#parkedUntil) return;
    this.#parkedUntil = this.#now + waitMs;
    for (const { onParked } of this.#tickets.wait) onParked?.({ reason: USED_UP, forMs: waitMs });
  }

  #wakeAfter(waitMs: number): void {
    this.#alarm = this.#options.clock.after(Math.min(waitMs, LONGEST_NAP_MS), () => {
      this.#pump();
    });
  }

  /** Every asker in the queue has used up its share: looks again when the first share is free. */
  #wakeForShares(): void {
    let soonest = Infinity;
    for (const ticket of [...this.#tickets.wait, ...this.#tickets.fail]) {
      // The end of the one that it waits for wakes it.
      if (ticket.series !== undefined && this.#series.has(ticket.series)) continue;
      soonest = Math.min(soonest, this.#shareWaitMs(ticket));
    }
    if (soonest === Infinity) return;
    this.#exhaustedUntil = this.#now + soonest;
    this.#wakeAfter(Math.max(soonest, 1));
  }

  /** The ticket whose turn it is, among those whose asker may use more of the weight. */
  #next(patience: Patience): Candidate | null {
    let best: Candidate | null = null;
    for (const ticket of this.#tickets[patience]) {
      if (ticket.series !== undefined && this.#series.has(ticket.series)) continue;
      const askers = ticket.askers?.() ?? [];
      if (askers.length === 0) return { ticket, asker: null };
      for (const asker of askers) {
        const isSooner = best === null || best.asker === null || this.#turns.isSooner(asker, best.asker);
        if (isSooner && this.#shareWaitMsOf(asker, ticket) === 0) best = { ticket, asker };
      }
    }
    return best;
  }

  #admit({ ticket, asker }: Candidate): void {
    this.#tickets[ticket.patience].delete(ticket);
    const now = this.#now;
    this.#budget.take(ticket.weight, now, asker);
    if (asker !== null) this.#turns.note(asker);
    this.#options.pace?.tryTake();
    this.#active += 1;
    if (ticket.series !== undefined) this.#series.add(ticket.series);
    ticket.admit({ demand: ticket, admittedAtMs: now });
  }

  /** Removes it from the queue at once, so that a refused request can't be admitted any more. */
  #refuse(ticket: Ticket, reason: unknown): void {
    this.#tickets[ticket.patience].delete(ticket);
    ticket.reject(reason);
  }

  #budgetWaitMs({ weight, patience }: Demand): number {
    return this.#budget.waitMs(weight, SHARES[patience], this.#now);
  }

  /** Milliseconds until one of its askers may use this much more. */
  #shareWaitMs(demand: Demand): number {
    const askers = demand.askers?.() ?? [];
    return askers.length === 0 ? 0 : Math.min(...askers.map((asker) => this.#shareWaitMsOf(asker, demand)));
  }

  #shareWaitMsOf(asker: Asker, { weight, patience }: Demand): number {
    return this.#budget.shareWaitMs(asker, { weight, share: SHARES[patience], now: this.#now });
  }

  #impatience(ticket: Ticket): Disposable {
    return this.#options.clock.after(LONGEST_WAIT_MS, () => {
      this.#refuse(ticket, this.#exhausted(ticket, Math.max(this.#budgetWaitMs(ticket), this.#shareWaitMs(ticket))));
      this.#pump();
    });
  }

  #refusal(entrant: Entrant): GatewayError | null {
    const { bound = 2_048 } = this.#options;
    const hurried = entrant.patience === 'fail';
    if (hurried && this.#pauseMs > 0) return this.#pausedError(entrant);
    const waitMs = Math.max(this.#pauseMs, this.#budgetWaitMs(entrant), this.#shareWaitMs(entrant));
    const full = this.#tickets[entrant.patience].size >= bound;
    return full || (hurried && waitMs > LONGEST_WAIT_MS) ? this.#exhausted(entrant, waitMs) : null;
  }

  #pausedError({ name }: Entrant): GatewayError {
    const message = this.#pauseReason === PAUSED ? `The venue asked broker ${name} to pause.` : `${this.#pauseReason}.`;
    return new GatewayError('BROKER_UNAVAILABLE', message, {
      retryAfterMs: Math.ceil(this.#pauseMs),
    });
  }

  #exhausted({ name }: Entrant, waitMs: number): GatewayError {
    return new GatewayError('RATE_LIMITED', `Broker ${name} has used up its requests for the moment.`, {
      retryAfterMs: Math.ceil(Math.max(waitMs, SOON_MS)),
    });
  }
}

/** Remembers turns: the owner that waited longest goes first, and among its connections the one that waited longest. */
class Turns {
  #count = 0;
  /** The longest ago first. */
  readonly #owners = new Map<string, number>();
  readonly #askers = new WeakMap<Asker, number>();

  isSooner(asker: Asker, other: Asker): boolean {
    const byOwner = (this.#owners.get(asker.owner) ?? 0) - (this.#owners.get(other.owner) ?? 0);
    return byOwner < 0 || (byOwner === 0 && (this.#askers.get(asker) ?? 0) < (this.#askers.get(other) ?? 0));
  }

  note(asker: Asker): void {
    this.#count += 1;
    this.#askers.set(asker, this.#count);
    this.#owners.delete(asker.owner);
    this.#owners.set(asker.owner, this.#count);
    for (const longestAgo of this.#owners.keys()) {
      if (this.#owners.size <= MAX_OWNERS) break;
      this.#owners.delete(longestAgo);
    }
  }
}
