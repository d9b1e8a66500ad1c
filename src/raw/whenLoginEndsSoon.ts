import { whenLoginEnds } from '../core/login/whenLoginEnds.ts';
import type { Principal } from '../core/Principal.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';

/** How long before its login ends a client is told. */
const NOTICE_MS = 60_000;

/**
 * Calls `tell` once, a minute before the login says that it ends, or half-way there where less is left. Never for logins
 * that don't end by themselves. Disposed of: not at all.
 */
export function whenLoginEndsSoon(
  principal: Principal,
  clock: Clock,
  tell: (expiresAt: Timestamp) => void,
): Disposable {
  if (principal.kind !== 'jwt') return { [Symbol.dispose]() {} };
  const { expiresAtMs } = principal;
  const leftMs = expiresAtMs - clock.now();
  const noticeAtMs = expiresAtMs - (leftMs > NOTICE_MS ? NOTICE_MS : leftMs / 2);
  // The same wait, for an earlier end. One that is over its end already is closed before long, and told nothing.
  if (leftMs <= 0) return { [Symbol.dispose]() {} };
  return whenLoginEnds({ ...principal, expiresAtMs: noticeAtMs }, clock, () => {
    tell(fromEpochMs(expiresAtMs));
  });
}
