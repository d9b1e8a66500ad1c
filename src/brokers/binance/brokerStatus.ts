import type { RelayState } from '../../transport/ConnectionRelay.ts';
import type { BrokerStatus } from '../BaseBroker.ts';

/** How the broker stands, from how its sockets stand. */
export function brokerStatus(sockets: readonly RelayState[], catalogKnown: boolean): BrokerStatus {
  const open = sockets.filter(({ kind }) => kind === 'open').length;
  if (open > 0) {
    if (open < sockets.length) {
      return { kind: 'degraded', reason: `${sockets.length - open} of ${sockets.length} connections are down.` };
    }
    if (!catalogKnown) return { kind: 'degraded', reason: "The venue's list of instruments is not known yet." };
    return { kind: 'connected' };
  }
  // Whoever connects is nearest to serving; else whoever tries next.
  const best = sockets.reduce((a, b) => (rank(b) < rank(a) ? b : a), sockets[0] ?? { kind: 'connecting', attempt: 1 });
  return best.kind === 'open' ? { kind: 'connected' } : best;
}

function rank(state: RelayState): number {
  return state.kind === 'waiting' ? state.delayMs : -1;
}
