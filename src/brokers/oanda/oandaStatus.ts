import type { RelayState } from '../../transport/ConnectionRelay.ts';
import type { BrokerStatus } from '../BaseBroker.ts';
import type { CatalogState } from '../CatalogKeeper.ts';

/** The states that the status of the broker depends on. */
export interface OandaParts {
  /** Why the venue refuses the credentials; null if it does not, or was not asked yet. */
  readonly refusal: string | null;
  readonly catalog: CatalogState;
  /** Null if no stream is wanted. */
  readonly stream: RelayState | null;
}

/** The status of the broker, from the states of its parts. */
export function oandaStatus({ refusal, catalog, stream }: OandaParts): BrokerStatus {
  // Not `closed`, which has no reason.
  if (refusal !== null) return { kind: 'degraded', reason: refusal };
  if (catalog.kind === 'asked') return { kind: 'connecting', attempt: catalog.attempt };
  if (catalog.kind === 'waiting') return catalog;
  return stream === null || stream.kind === 'open' ? { kind: 'connected' } : stream;
}
