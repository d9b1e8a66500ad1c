import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { createLogger } from '../../shared/logger.ts';
import { reportFaults } from '../checkConfig.ts';
import type { CommandContext, RunningServer } from '../process.ts';

export interface OwnGatewayOptions {
  /** The broker that is opened. */
  readonly broker: string;
  /** The configuration file; null for the usual one. */
  readonly config: string | null;
  readonly context: CommandContext;
  /** Is told each frame of the venue's live data, as it came. */
  readonly onFrame: (text: string) => void;
}

/** A client that has gone needs no time to close. */
const CLOSE_MS = 1_000;

/** A gateway of one broker in this process, for this command alone: it listens on loopback, at a port that nobody knows. */
export class OwnGateway implements AsyncDisposable {
  readonly #server: RunningServer;

  private constructor(server: RunningServer) {
    this.#server = server;
  }

  /** Resolves with the exit code if the configuration is not valid, which has been said. */
  static async start({ broker, config: file, context, onFrame }: OwnGatewayOptions): Promise<OwnGateway | number> {
    const loaded = loadConfig({ ...context, file });
    if (!loaded.ok) return reportFaults(loaded.faults, context);
    const logger = createLogger({ level: 'warn', pretty: 'auto', output: context.errorOutput });
    const { version } = context;
    const server = await context.start({ config: ownConfig(loaded.config, broker), logger, version, onFrame });
    return new OwnGateway(server);
  }

  get url(): string {
    return this.#server.urls.http;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close(CLOSE_MS);
  }
}

function ownConfig(config: Config, broker: string): Config {
  const own = config.brokers[broker];
  return {
    ...config,
    server: { ...config.server, host: '127.0.0.1', port: 0 },
    auth: { ...config.auth, mode: 'none' },
    bus: { ...config.bus, engine: 'memory' },
    brokers: own === undefined ? {} : { [broker]: own },
  };
}
