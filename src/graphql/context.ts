import type { Services } from '../core/Services.ts';
import type { ByteBudget } from '../fanout/ByteBudget.ts';
import type { ClientProtocol } from '../shared/metrics.ts';
import type { DeliveryMeter } from './DeliveryMeter.ts';

/** What resolvers are given of the operation that they serve. Made for one operation; nothing in it outlives that. */
export interface GraphqlContext {
  readonly services: Services;
  readonly meter: DeliveryMeter;
  /** What a subscription of this operation is counted as. */
  readonly protocol: ClientProtocol;
  /** The connection's. */
  readonly budget: ByteBudget;
  /** Called when the client has not read what may not be dropped: it gets nothing any more but the error. */
  readonly onSlowConsumer: () => void;
}
