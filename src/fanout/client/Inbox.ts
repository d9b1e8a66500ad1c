import type { WebSocket } from 'ws';
import type { Clock } from '../../shared/clock.ts';
import type { ByteBudget } from './PendingEvents.ts';

/** How fast messages may come. */
export interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a quiet time. */
  readonly burst: number;
}

export interface InboxOptions<Message> {
  readonly socket: Pick<WebSocket, 'pause' | 'resume'>;
  readonly clock: Clock;
  /** The connection's budget; messages that wait count against it. */
  readonly budget: ByteBudget;
  /** Called for each message, because the rate may change while the client is connected. */
  readonly rate: () => Rate;
  /** Handles a message. If it returns a promise, which must not reject, the next message waits for it. */
  readonly handle: (message: Message) => Promise<void> | void;
  /** Called at most once, if the client exceeds its rate for ten seconds, or sends more than may wait. */
  readonly onOverload: () => void;
}

interface WaitingMessage<Message> {
  readonly message: Message;
  /** Taken from the budget; 0 for a message that is handled as soon as it comes. */
  bytes: number;
}

/** The socket is not read while this many messages wait. */
const MAX_WAITING = 64;
const OVERLOAD_MS = 10_000;
/** A client that had nothing waiting for this long is within its rate again. */
const CALM_MS = 1_000;

/**
 * Handles one client's messages, in order and at the rate that it is allowed. Messages that come faster are not refused
 * but read later: the socket is paused, and TCP makes the client wait. The connection owns its inbox and disposes of it
 * when the socket closes.
 */
export class Inbox<Message> implements Disposable {
  readonly #options: InboxOptions<Message>;
  readonly #bucket: TokenBucket;
  #waiting: WaitingMessage<Message>[] = [];
  /** True while a message is being handled. */
  #isBusy = false;
  /** Runs while the next message may not be handled yet. */
  #timer: Disposable | null = null;
  #isPaused = false;
  #isClosed = false;
  /** Monotonic time since which the client has exceeded its rate. */
  #overSinceMs: number | null = null;
  /** Monotonic time at which the last message that had to wait was handled. */
  #calmSinceMs = 0;

  constructor(options: InboxOptions<Message>) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.clock);
  }

  /** `bytes`: roughly what the message takes while it waits. */
  add(message: Message, bytes: number): void {
    if (this.#isClosed) return;
    const waiting = { message, bytes: 0 };
    this.#waiting.push(waiting);
    this.#run();
    if (this.#waiting.at(-1) !== waiting) return;
    if (this.#options.budget.take(bytes)) waiting.bytes = bytes;
    else this.#overload();
    if (this.#waiting.length >= MAX_WAITING) this.#pause();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    for (const { bytes } of this.#waiting.splice(0)) this.#options.budget.release(bytes);
  }

  #run(): void {
    while (!this.#isClosed && !this.#isBusy && this.#timer === null) {
      const [next] = this.#waiting;
      if (next === undefined) break;
      const waitMs = this.#bucket.take(this.#options.rate());
      if (waitMs > 0) {
        this.#waitForRate(waitMs);
        return;
      }
      this.#waiting.shift();
      this.#options.budget.release(next.bytes);
      this.#handle(next.message);
    }
    if (this.#waiting.length === 0) this.#resume();
  }

  #handle(message: Message): void {
    const handled = this.#options.handle(message);
    if (handled === undefined) return;
    this.#isBusy = true;
    void this.#runAfter(handled);
  }

  async #runAfter(handled: Promise<void>): Promise<void> {
    await handled;
    this.#isBusy = false;
    this.#run();
  }

  #waitForRate(waitMs: number): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (this.#overSinceMs === null || now - this.#calmSinceMs >= CALM_MS) this.#overSinceMs = now;
    this.#calmSinceMs = now + waitMs;
    if (now - this.#overSinceMs >= OVERLOAD_MS) {
      this.#overload();
      return;
    }
    this.#pause();
    this.#timer = clock.after(waitMs, () => {
      this.#timer = null;
      this.#run();
    });
  }

  #overload(): void {
    this[Symbol.dispose]();
    this.#options.onOverload();
  }

  #pause(): void {
    if (this.#isPaused || this.#isClosed) return;
    this.#isPaused = true;
    this.#options.socket.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#options.socket.resume();
  }
}

/** A token bucket. The rate is passed at each use, so that it may change in between. */
class TokenBucket {
  readonly #clock: Clock;
  #tokens: number | null = null;
  #atMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a token and returns 0, or takes none and returns the milliseconds until there is one. */
  take({ perSecond, burst }: Rate): number {
    const now = this.#clock.monotonic();
    const gained = ((now - this.#atMs) / 1_000) * perSecond;
    this.#tokens = this.#tokens === null ? burst : Math.min(burst, this.#tokens + gained);
    this.#atMs = now;
    if (this.#tokens < 1) return Math.max(1, Math.ceil(((1 - this.#tokens) / perSecond) * 1_000));
    this.#tokens -= 1;
    return 0;
  }
}

const MINUTE_MS = 60_000;

/** How often something happened within the last minute. Keeps no more moments than there may be. */
export class MinuteCount {
  readonly #clock: Clock;
  /** Monotonic, oldest first. */
  #moments: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts one more. Returns false, without counting, if there are `limit` already; the limit may differ at each use. */
  add(limit: number): boolean {
    const now = this.#clock.monotonic();
    this.#moments = this.#moments.filter((at) => now - at < MINUTE_MS);
    if (this.#moments.length >= limit) return false;
    this.#moments.push(now);
    return true;
  }
}
