import type { Principal } from '../core/Principal.ts';
import type { ClientAddress } from '../core/ClientAddress.ts';
import type { Limits } from '../core/Limits.ts';
import type { Services } from '../core/Services.ts';
import type { Session } from '../core/Sessions.ts';
import type { ByteBudget } from '../fanout/ByteBudget.ts';
import type { Outbox } from '../fanout/Outbox.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { ClientProtocol } from '../shared/metrics.ts';
import type { DeliveryMeter } from '../fanout/DeliveryMeter.ts';
import type { OperationRequest, SharedShapes } from './SharedShapes.ts';

/** Whom operations are for. */
export interface GraphqlClient {
  readonly address: ClientAddress;
  /** Whose share of the gateway's work it takes. */
  readonly asker: Asker;
  /** Who it is to the gateway itself, by the login that it has just now. */
  readonly principal: Principal;
  /** The brokers that it has given credentials of its own. */
  readonly session: Session;
  /** What it may take: its login's own limits, else the general ones. */
  readonly limits: Limits;
  /**
   * Takes a newer token in place of the login's; resolves with when that ends, in wall milliseconds, or null where it does
   * not. Null over HTTP, where a login lasts no longer than its request.
   */
  readonly renewLogin: ((token: string) => Promise<number | null>) | null;
}

/** The shapes that live subscriptions share, and an operation's place on its socket. */
export interface DirectTelling {
  readonly shapes: SharedShapes;
  readonly outbox: Outbox;
  readonly id: string;
  /** Owns the subscription from now on: nothing that the executor has of it is looked at. */
  readonly take: (subscription: Disposable) => void;
  /** Ends the operation with this error. */
  readonly fail: (error: unknown) => void;
}

/** What resolvers are given of the operation that they serve. Made for one operation; nothing in it outlives that. */
export interface GraphqlContext {
  readonly services: Services;
  readonly client: GraphqlClient;
  readonly meter: DeliveryMeter;
  /** What a subscription of this operation is counted as. */
  readonly protocol: ClientProtocol;
  /** The connection's. */
  readonly budget: ByteBudget;
  /**
   * To be called before a query is executed whose answer may hold so many values. Resolves when there is room for it: the
   * client has read its earlier answers, and has no more than its share of what is under way.
   */
  readonly admit: (values: number) => Promise<void>;
  /** Called when the client has not read what may not be dropped: it gets nothing any more but the error. */
  readonly onSlowConsumer: () => void;
  /** How a subscription may be told past the executor; null where results are pulled. */
  readonly direct: DirectTelling | null;
  /** As the client sent it, where results may be told directly. */
  readonly operation: OperationRequest | null;
}
