import type { ConnectedClient } from '../core/ConnectedClient.ts';
import type { Services } from '../core/Services.ts';
import type { ByteBudget } from '../fanout/client/PendingEvents.ts';
import type { ClientProtocol } from '../shared/metrics.ts';
import type { OperationRequest } from './shapes/SharedShapes.ts';

/** What resolvers are given of the operation that they serve. Made for one operation; nothing in it outlives that. */
export interface GraphqlContext {
  readonly services: Services;
  readonly client: ConnectedClient;
  /** What a subscription of this operation is counted as. */
  readonly protocol: ClientProtocol;
  /** The connection's. */
  readonly budget: ByteBudget;
  /**
   * To be called before a query is executed whose answer may hold so many values. Resolves when there is room for it: the
   * client has read its earlier answers, and has no more than its share of what is under way.
   */
  readonly admit: (values: number) => Promise<void>;
  readonly operation: OperationRequest;
}
