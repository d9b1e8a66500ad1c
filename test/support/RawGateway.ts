import type { CompressionSettings } from '../../src/fanout/client/SocketUpgrades.ts';
import { TrustedProxies } from '../../src/http/clientAddress.ts';
import type { ClientConnections } from '../../src/http/ClientConnections.ts';
import { HttpServer } from '../../src/http/HttpServer.ts';
import type { HttpServerOptions } from '../../src/http/HttpServer.ts';
import { RawProtocol } from '../../src/raw/RawProtocol.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import type { Logger } from '../../src/shared/logger.ts';
import { clientConnections } from './clientConnections.ts';
import { LIMITS } from './limits.ts';
import { ScriptedGateway } from './ScriptedGateway.ts';
import type { ScriptedGatewayOptions } from './ScriptedGateway.ts';

export interface RawGatewayOptions extends ScriptedGatewayOptions {
  readonly heartbeatMs?: number;
  readonly maxPayloadBytes?: number;
  readonly compression?: CompressionSettings;
  readonly proxies?: TrustedProxies;
  readonly http?: Partial<HttpServerOptions>;
  readonly logger?: Logger;
}

/** The real core, HTTP server and raw protocol on a free port, fed by scripted brokers. */
export class RawGateway extends ScriptedGateway implements AsyncDisposable {
  readonly raw: RawProtocol;
  readonly http: HttpServer;

  private constructor(options: RawGatewayOptions, connections: ClientConnections) {
    super({ ...options, connections });
    const { clock = systemClock, heartbeatMs = 30_000, maxPayloadBytes = 65_536 } = options;
    const { compression = { enabled: false, thresholdBytes: 1_024 } } = options;
    this.raw = new RawProtocol({
      services: options.wrap?.(this.services) ?? this.services,
      heartbeatMs,
      maxPayloadBytes,
      compression,
    });
    this.http = new HttpServer({
      host: '127.0.0.1',
      port: 0,
      requestHandlers: new Map(),
      upgradeHandlers: new Map([['/ws', this.raw]]),
      allowedOrigins: [],
      connections,
      unreadTimeoutMs: 2 * heartbeatMs,
      shutdownTimeoutMs: 5_000,
      keepAliveTimeoutMs: 75_000,
      clock,
      logger: silentLogger(),
      ...options.http,
    });
  }

  static async start(options: RawGatewayOptions = {}): Promise<RawGateway> {
    const { clock = systemClock, proxies = new TrustedProxies([]) } = options;
    const limits = { ...LIMITS, ...options.limits };
    const gateway = new RawGateway(options, clientConnections({ limits, proxies, clock }));
    await gateway.http.listen();
    return gateway;
  }

  get url(): string {
    return this.http.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http.close();
    await this.raw.close();
    await this.closeCore();
  }
}
