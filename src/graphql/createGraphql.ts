import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { CompressionSettings } from '../fanout/client/SocketUpgrades.ts';
import type { Services } from '../core/Services.ts';
import { atOnce } from '../shared/spread.ts';
import type { Spread } from '../shared/spread.ts';
import { ClientErrors } from './ClientErrors.ts';
import { DeliveryMeter } from '../shared/metrics.ts';
import { GraphiqlPage } from './http/GraphiqlPage.ts';
import { GraphqlHttp } from './http/GraphqlHttp.ts';
import { GraphqlWsServer } from './socket/GraphqlWsServer.ts';
import { loadSchema } from './schema.ts';
import { SharedShapes } from './shapes/SharedShapes.ts';
import { createGatewayYoga } from './yoga.ts';

export interface GraphqlOptions {
  readonly services: Services;
  /** `graphql` of the configuration. Read at each use, because it may change. */
  readonly graphql: { readonly introspection: boolean; readonly graphiql: boolean };
  /** The time between two signs of life, over WebSocket and in streams over HTTP. */
  readonly heartbeatMs: number;
  /** The largest message or request body. */
  readonly maxPayloadBytes: number;
  /** `server.compression`, for messages over WebSocket. */
  readonly compression: CompressionSettings;
  /** How long a WebSocket client may take to send connection_init. @default 10000 */
  readonly initTimeoutMs?: number;
}

/** The GraphQL half of the server. The HTTP server routes `/graphql` here. */
export interface Graphql {
  handle(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends all streams, and closes all sockets with the code, spread as asked. Resolves when nothing is left. @default at once */
  close(code: number, spread?: Spread): Promise<void>;
}

const INIT_TIMEOUT_MS = 10_000;

/** Makes the GraphQL half of the server. */
export function createGraphql(options: GraphqlOptions): Graphql {
  const { services, graphql, heartbeatMs, maxPayloadBytes, compression } = options;
  const { initTimeoutMs = INIT_TIMEOUT_MS } = options;
  const { clock, logger, metrics } = services;
  const errors = new ClientErrors({
    logger,
    metrics,
    get suggestions() {
      return graphql.introspection;
    },
  });
  const schema = loadSchema();
  const { yoga, execute } = createGatewayYoga({ schema, errors, introspection: () => graphql.introspection });
  const shapes = new SharedShapes({ schema, errors });
  const graphiql = new GraphiqlPage();
  const http = new GraphqlHttp({
    services,
    yoga,
    errors,
    shapes,
    meters: {
      sse: new DeliveryMeter({ protocol: 'graphql-sse', clock, metrics }),
      multipart: new DeliveryMeter({ protocol: 'graphql-multipart', clock, metrics }),
    },
    get graphiql() {
      return graphql.graphiql ? graphiql : null;
    },
    heartbeatMs,
    maxPayloadBytes,
  });
  const sockets = new GraphqlWsServer({
    services,
    execute,
    errors,
    meter: new DeliveryMeter({ protocol: 'graphql-ws', clock, metrics }),
    shapes,
    heartbeatMs,
    initTimeoutMs,
    maxPayloadBytes,
    compression,
  });
  return {
    handle: (request, response) => {
      http.handle(request, response);
    },
    upgrade: (request, socket, head) => {
      sockets.upgrade({ request, socket, head });
    },
    async close(code, spread = atOnce) {
      await Promise.all([http.close(spread), sockets.close(code, 'The gateway is shutting down', spread)]);
    },
  };
}
