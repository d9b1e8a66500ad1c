import type { Config } from '../config/schema.ts';
import { systemCode } from '../config/environment.ts';
import { RecordingFault } from '../recording/format.ts';
import { Recording } from '../recording/Recording.ts';
import { Replay } from '../recording/Replay.ts';
import { EXIT_CODES } from './process.ts';
import type { CommandContext, RunningServer } from './process.ts';
import { serve } from './serve.ts';

export interface ReplayCommand {
  readonly path: string;
  readonly speed: number;
  readonly port: number | null;
  readonly loops: boolean;
  /** The configuration of the gateway; its brokers are left out. */
  readonly config: string | null;
}

/** Serves a recording as a broker until a signal, and resolves with the exit code. */
export async function replay(command: ReplayCommand, context: CommandContext): Promise<number> {
  const { path, speed, loops, port } = command;
  let recording: Recording;
  try {
    recording = await Recording.open(path);
  } catch (error) {
    context.errorOutput.write(`tickgraph: ${path} can't be replayed. ${reasonOf(error)}\n`);
    return EXIT_CODES.failed;
  }
  const { damage, events } = recording.summary;
  if (damage !== null) {
    context.errorOutput.write(`tickgraph: ${path}: ${damage} The ${events} events up to there are served.\n`);
  }
  const played = new Replay({ recording, speed, loops, clock: context.clock });
  const { TICKGRAPH_SERVER__PORT: _port, ...env } = context.env;
  return serve(command.config, {
    ...context,
    env: port === null ? context.env : { ...env, PORT: String(port) },
    start: async (options) => {
      const server = await context.start({ ...options, config: withoutBrokers(options.config), replay: played });
      return new ReplayServer(server);
    },
  });
}

/** A gateway whose only broker is a recording, whatever its configuration becomes. */
class ReplayServer implements RunningServer {
  readonly #server: RunningServer;

  constructor(server: RunningServer) {
    this.#server = server;
  }

  get parts(): RunningServer['parts'] {
    return this.#server.parts;
  }

  get urls(): RunningServer['urls'] {
    return this.#server.urls;
  }

  reconfigure(next: Config): ReturnType<RunningServer['reconfigure']> {
    return this.#server.reconfigure(withoutBrokers(next));
  }

  countReload(outcome: Parameters<RunningServer['countReload']>[0]): void {
    this.#server.countReload(outcome);
  }

  close(withinMs: number): Promise<void> {
    return this.#server.close(withinMs);
  }
}

function withoutBrokers(config: Config): Config {
  return { ...config, brokers: {}, bus: { ...config.bus, engine: 'memory' } };
}

function reasonOf(error: unknown): string {
  if (error instanceof RecordingFault) return error.message;
  switch (systemCode(error)) {
    case 'ENOENT':
      return 'There is no such file.';
    case 'EISDIR':
      return 'It is a folder.';
    case 'EACCES':
      return 'It may not be read.';
    default:
      return 'It could not be read.';
  }
}
