import type { Clock } from '../../shared/clock.ts';
import type { Principal } from '../Principal.ts';
import { CLOCK_TOLERANCE_MS } from './JwtVerifier.ts';

/** The wall clock may be set while we wait, and a timer can't wait for longer than 24 days. */
const LOOK_EVERY_MS = 60_000;

/**
 * Calls `task` once when the principal's login ends: at its own end, or, where it was let in after that by the tolerance for
 * clocks, when the tolerance is over. Never for logins that don't end by themselves. Disposed of: not at all.
 */
export function whenLoginEnds(principal: Principal, clock: Clock, task: () => void): Disposable {
  if (principal.kind !== 'jwt') return { [Symbol.dispose]() {} };
  const { expiresAtMs } = principal;
  const endsAtMs = clock.now() < expiresAtMs ? expiresAtMs : expiresAtMs + CLOCK_TOLERANCE_MS;
  const wait = (): Disposable =>
    clock.after(Math.min(Math.max(0, endsAtMs - clock.now()), LOOK_EVERY_MS), () => {
      if (clock.now() >= endsAtMs) task();
      else timer = wait();
    });
  let timer = wait();
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
    },
  };
}
