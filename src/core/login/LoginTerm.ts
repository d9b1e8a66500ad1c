import type { Clock } from '../../shared/clock.ts';
import type { Principal } from '../client.ts';
import { CLOCK_TOLERANCE_MS } from './JwtVerifier.ts';

export interface LoginTermOptions {
  readonly principal: Principal;
  readonly clock: Clock;
  /** The login ends soon: at this moment, in wall milliseconds. Null: nobody is told. */
  readonly onNotice: ((endsAtMs: number) => void) | null;
  /** The login has ended, and is no longer accepted. */
  readonly onEnd: () => void;
}

const NOTICE_MS = 60_000;
/** The wall clock may be set while we wait, and a timer can't wait for longer than 24 days. */
const LOOK_EVERY_MS = 60_000;

/**
 * Looks after how long a connection's login lasts: a notice a minute before its end (half-way to it, where that is nearer),
 * then the end, each told once. A login that was let in after its own end, by the tolerance for clocks, ends with that. A
 * renewal moves both. Logins that don't end by themselves have neither. Disposed of, nothing more is told.
 */
export class LoginTerm implements Disposable {
  readonly #options: LoginTermOptions;
  /** Null for a login that doesn't end by itself. */
  #timers: DisposableStack | null = null;
  #over = false;

  constructor(options: LoginTermOptions) {
    this.#options = options;
    this.renew(options.principal);
  }

  /** From now on it is this login that counts. */
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
      const tell = (): void => {
        onNotice(endsAtMs);
      };
      timers.use(atWallTime(clock, endsAtMs - Math.min(NOTICE_MS, leftMs / 2), tell));
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
    clock.after(Math.min(Math.max(0, atMs - clock.now()), LOOK_EVERY_MS), () => {
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
