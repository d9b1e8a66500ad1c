import { HttpServer } from '../../src/http/HttpServer.ts';
import type { HttpServerOptions } from '../../src/http/HttpServer.ts';
import type { RequestHandler } from '../../src/http/respond.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { clientConnections } from './clientConnections.ts';

/** The real HTTP server on a free port, with these handlers by path. */
export async function serve(
  handlers: Readonly<Record<string, RequestHandler>>,
  options: Partial<HttpServerOptions> = {},
): Promise<HttpServer> {
  const server = new HttpServer({
    host: '127.0.0.1',
    port: 0,
    requestHandlers: new Map(Object.entries(handlers)),
    upgradeHandlers: new Map(),
    allowedOrigins: [],
    connections: clientConnections(),
    unreadTimeoutMs: 24_000,
    shutdownTimeoutMs: 5_000,
    keepAliveTimeoutMs: 75_000,
    clock: systemClock,
    logger: silentLogger(),
    ...options,
  });
  await server.listen();
  return server;
}
