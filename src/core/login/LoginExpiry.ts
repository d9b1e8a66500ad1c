import type { Clock } from '../../shared/clock.ts';
import type { Principal } from '../client.ts';
import { CLOCK_TOLERANCE_MS } from './JwtVerifier.ts';

export interface LoginExpiryOptions {
  readonly principal: Principal;
  readonly clock: Clock;
  /** Called once before the login ends, with the time of the end (milliseconds since the epoch). Null for no notice. */
  readonly onNotice: ((endsAtMs: number) => void) | null;
  /** Called once the login has ended and is no longer accepted. */
  readonly onEnd: () => void;
}

const NOTICE_MS = 60_000;
/** The time is checked at least this often: the wall clock may be set meanwhile, and a timer is limited to 24 days. */
const CHECK_EVERY_MS = 60_000;

/**
 * Watches the expiry of a connection's login. It gives notice a minute before the end, or half-way if less than two minutes are
 * left, and then reports the end, each once. A login that was accepted after its expiry, thanks to the clock tolerance, ends when
 * the tolerance does. A renewal moves both. Logins without an expiry, and a disposed watch, report nothing.
 */
export class LoginExpiry implements Disposable {
  readonly #options: LoginExpiryOptions;
  /** Null for a login without an expiry. */
  #timers: DisposableStack | null = null;
  #over = false;

  constructor(options: LoginExpiryOptions) {
    this.#options = options;
    this.renew(options.principal);
  }

  /** Replaces the login that is watched. */
  renew(principal: Principal): void {
    if (this.#over) return;
    this.#timers?.dispose();
    this.#timers = null;
    if (principal.kind !== 'jwt') return;
    const timers = new DisposableStack();
    this.#timers = timers;
    const { clock, onEnd, onNotice } = this.#options;
    const { expiresAtMs } = principal;
    const endsAtMs = clock.now() < expiresAtMs ? expiresAtMs : expiresAtMs + CLOCK_TOLERANCE_MS;
    const leftMs = endsAtMs - clock.now();
    if (onNotice !== null && leftMs > 0) {
      const notify = (): void => {
        onNotice(endsAtMs);
      };
      timers.use(atWallTime(clock, endsAtMs - Math.min(NOTICE_MS, leftMs / 2), notify));
    }
    timers.use(atWallTime(clock, endsAtMs, onEnd));
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#timers?.dispose();
  }
}

function atWallTime(clock: Clock, atMs: number, task: () => void): Disposable {
  const wait = (): Disposable =>
    clock.after(Math.min(Math.max(0, atMs - clock.now()), CHECK_EVERY_MS), () => {
      if (clock.now() >= atMs) task();
      else timer = wait();
    });
  let timer = wait();
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
    },
  };
}
