import type { Clock } from '../../shared/clock.ts';
import type { Random } from '../../shared/random.ts';
import type { BrokerNames } from './names.ts';
import type { RedisLink } from './RedisLink.ts';

export interface LeaseOptions {
  /** Names this gateway, and this life of it. */
  readonly node: string;
  readonly names: BrokerNames;
  readonly link: Pick<RedisLink, 'run' | 'isReady' | 'serverMs'>;
  readonly clock: Clock;
  readonly random: Random;
  /** The lease is held from now on, with this fence: greater than that of every tenure before. */
  readonly onHeld: (fence: number) => void;
  /** It is not held any more: nothing may be published under its fence. */
  readonly onLost: () => void;
  /** Another gateway holds it. */
  readonly onTaken: () => void;
}

const TTL_MS = 3_000;
const RENEW_MS = 1_000;
/** How often a lease that another gateway holds is tried. */
const TRY_MS = 500;
/** An attempt that Redis begins later is void. */
const PATIENCE_MS = 1_000;
/** It is given up so long before it ends by the clock of Redis. */
const MARGIN = 0.1;

// A server that was frozen executes what it finds in its sockets, although whoever sent it has given up: hence the deadline.
// A holder that was away for a moment may still have it. The fence is no less than the time in seconds, so that it rises
// even if Redis has forgotten the last one.
const ACQUIRE = `
local time = redis.call('time')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[4]) then return -1 end
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
local fence = redis.call('incr', KEYS[2])
if fence < tonumber(ARGV[3]) then
  fence = tonumber(ARGV[3])
  redis.call('set', KEYS[2], fence)
end
return fence`;
const RENEW = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`;
const RELEASE = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
return redis.call('publish', KEYS[2], ARGV[2])`;

/**
 * The right to lead one broker. At most one gateway has it: it ends by itself unless it is renewed each second, and on the
 * holder's side somewhat earlier, by a clock that never jumps.
 */
export class Lease implements AsyncDisposable {
  readonly #options: LeaseOptions;
  #isWanted = false;
  #fence: number | null = null;
  /** Monotonic time until which it is held. */
  #heldUntilMs = 0;
  #timer: Disposable | null = null;
  #asking: Promise<void> = Promise.resolve();
  #isAsking = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** The fence of the present tenure; null if the lease is not held, or may have ended. */
  get fence(): number | null {
    this.#checkEnd();
    return this.#fence;
  }

  /** Whether it is tried to get it. One that is held and not wanted any more is released. */
  set isWanted(isWanted: boolean) {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    if (isWanted) this.try();
    else void this.release();
  }

  /** Tries to get it now, or to renew it. */
  try(): void {
    if (!this.#isWanted || this.#isAsking) return;
    this.#isAsking = true;
    this.#asking = this.#ask();
  }

  /** Lets the gateway try first that had it before Redis was away. */
  postpone(): void {
    this.#tryAfter(2 * TRY_MS);
  }

  /** Another gateway has a later one: Redis has lost this one. */
  abandon(): void {
    this.#lose();
  }

  /** Lets another gateway have it at once. */
  async release(): Promise<void> {
    const wasHeld = this.#fence !== null;
    this.#lose();
    this.#timer?.[Symbol.dispose]();
    if (!wasHeld) return;
    const { names, node } = this.#options;
    await this.#run(RELEASE, [names.lease, names.control], [node, JSON.stringify({ kind: 'released', node })]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isWanted = false;
    await this.#asking;
    await this.release();
  }

  async #ask(): Promise<void> {
    const { clock, names, node, random, onHeld } = this.#options;
    const beganMs = clock.monotonic();
    const isRenewal = this.fence !== null;
    const deadline = String((this.#options.link.serverMs ?? 0) + PATIENCE_MS);
    const seconds = Math.floor(clock.now() / 1_000);
    const answer = isRenewal
      ? await this.#run(RENEW, [names.lease], [node, String(TTL_MS)])
      : await this.#run(ACQUIRE, [names.lease, names.fence], [node, String(TTL_MS), String(seconds), deadline]);
    this.#isAsking = false;
    if (!this.#isWanted) {
      if (!isRenewal && typeof answer === 'number' && answer > 0) {
        this.#fence = answer;
        await this.release();
      }
      return;
    }
    if (typeof answer === 'number' && answer > 0) {
      this.#heldUntilMs = beganMs + TTL_MS * (1 - MARGIN);
      if (!isRenewal) {
        this.#fence = answer;
        onHeld(answer);
      }
    } else if (answer === 0) {
      this.#lose();
      if (!isRenewal) this.#options.onTaken();
    }
    this.#checkEnd();
    this.#tryAfter(this.#fence === null ? TRY_MS * (0.75 + random() / 2) : RENEW_MS);
  }

  #tryAfter(pauseMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.clock.after(pauseMs, () => {
      this.try();
    });
  }

  /** Null if Redis could not be asked. */
  async #run(script: string, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    if (!this.#options.link.isReady) return null;
    try {
      return await this.#options.link.run(script, keys, values);
    } catch {
      return null;
    }
  }

  #checkEnd(): void {
    if (this.#fence !== null && this.#options.clock.monotonic() >= this.#heldUntilMs) this.#lose();
  }

  #lose(): void {
    if (this.#fence === null) return;
    this.#fence = null;
    this.#options.onLost();
  }
}
