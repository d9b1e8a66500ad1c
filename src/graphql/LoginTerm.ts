import type { Principal } from '../core/Principal.ts';
import { whenLoginEnds } from '../core/login/whenLoginEnds.ts';
import type { Clock } from '../shared/clock.ts';

export interface LoginTermOptions {
  readonly principal: Principal;
  readonly clock: Clock;
  /** The login ends soon: at this moment, in wall milliseconds. */
  readonly onNotice: (expiresAtMs: number) => void;
  /** The login has ended, and is no longer accepted. */
  readonly onEnd: () => void;
}

const NOTICE_MS = 60_000;
/** The wall clock may be set while we wait, and a timer can't wait for longer than 24 days. */
const LOOK_EVERY_MS = 60_000;

/**
 * Looks after how long a connection's login lasts: a notice a minute before its end (half-way to it, where that is nearer),
 * then the end. A renewal moves both. Logins that don't end by themselves have neither.
 */
export class LoginTerm implements Disposable {
  readonly #options: LoginTermOptions;
  #timers = new DisposableStack();
  #over = false;

  constructor(options: LoginTermOptions) {
    this.#options = options;
    this.renew(options.principal);
  }

  /** From now on it is this login that counts. */
  renew(principal: Principal): void {
    if (this.#over) return;
    this.#timers.dispose();
    this.#timers = new DisposableStack();
    if (principal.kind !== 'jwt') return;
    const { clock, onEnd, onNotice } = this.#options;
    const { expiresAtMs } = principal;
    const left = expiresAtMs - clock.now();
    const noticeAtMs = expiresAtMs - Math.min(NOTICE_MS, left / 2);
    this.#timers.use(
      atWallTime(clock, noticeAtMs, () => {
        onNotice(expiresAtMs);
      }),
    );
    this.#timers.use(whenLoginEnds(principal, clock, onEnd));
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#timers.dispose();
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
