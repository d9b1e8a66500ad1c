import type { ConnectedClient } from '../core/ConnectedClient.ts';
import type { Services } from '../core/Services.ts';
import type { ByteBudget } from '../fanout/client/PendingEvents.ts';
import type { ClientProtocol } from '../shared/metrics.ts';
import type { DocumentNode } from 'graphql';

/** An operation as its client sent it. */
export interface OperationRequest {
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variableValues: Readonly<Record<string, unknown>> | null | undefined;
}

/** Everything that resolvers are given. Made for one operation; nothing in it outlives the operation. */
export interface GraphqlContext {
  readonly services: Services;
  readonly client: ConnectedClient;
  /** The protocol that the operation's subscription is counted under. */
  readonly protocol: ClientProtocol;
  /** The connection's budget. */
  readonly budget: ByteBudget;
  /**
   * Call this before executing a query whose answer takes as much memory as this many values. Resolves when the client has read its
   * earlier answers and has its share of the memory for answers.
   */
  readonly admit: (values: number) => Promise<void>;
  readonly operation: OperationRequest;
  /** The cursors in the header Last-Event-ID, which count in place of the argument `resume`; null if there are none. */
  readonly lastCursors: readonly string[] | null;
}
