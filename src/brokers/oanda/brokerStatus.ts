import type { RelayState } from '../../transport/ConnectionRelay.ts';
import type { BrokerStatus } from '../BaseBroker.ts';
import type { CatalogState } from '../CatalogKeeper.ts';

export interface BrokerParts {
  /** Why the venue does not let us in; null: it does, or was not asked yet. */
  readonly refusal: string | null;
  readonly catalog: CatalogState;
  /** Null: no stream is wanted. */
  readonly stream: RelayState | null;
}

/** How the broker stands, from how its parts stand. */
export function brokerStatus({ refusal, catalog, stream }: BrokerParts): BrokerStatus {
  // Not `closed`, which has no reason.
  if (refusal !== null) return { kind: 'degraded', reason: refusal };
  if (catalog.kind === 'asked') return { kind: 'connecting', attempt: catalog.attempt };
  if (catalog.kind === 'waiting') return catalog;
  return stream === null || stream.kind === 'open' ? { kind: 'connected' } : stream;
}
