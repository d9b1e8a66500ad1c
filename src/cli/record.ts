import { resolve } from 'node:path';
import { systemCode } from '../config/environment.ts';
import type { CandleInterval, FeedType } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import { GatewayFault } from './gateway/GatewayClient.ts';
import { GatewayFeed } from './gateway/GatewayFeed.ts';
import { accessOf } from './gateway/accessOf.ts';
import { Interruption } from './Interruption.ts';
import { EXIT_CODES } from './process.ts';
import type { CommandContext } from './process.ts';
import { OwnGateway } from './record/OwnGateway.ts';
import { Recorder } from './record/Recorder.ts';
import type { RecordingFormat } from './record/Recorder.ts';

export interface RecordCommand {
  readonly broker: string;
  readonly symbols: readonly string[];
  /** Null: all that the broker has. */
  readonly types: readonly FeedType[] | null;
  readonly interval: CandleInterval;
  readonly depth: number;
  readonly path: string;
  /** Null: until a signal. */
  readonly forMs: number | null;
  /** The gateway; null: one of this process alone, which also gives the venue's own frames. */
  readonly url: string | null;
  /** The configuration of the gateway of this process; null for the usual one. */
  readonly config: string | null;
  readonly format: RecordingFormat;
  readonly replaces: boolean;
}

const ALL: readonly FeedType[] = ['tick', 'candle', 'orderbook', 'trade'];

/** Records live data of a gateway until its time is over or a signal, and resolves with the exit code. */
export async function record(command: RecordCommand, context: CommandContext): Promise<number> {
  const { url } = command;
  using interruption = new Interruption(context);
  await using recorder = new Recorder({
    ...command,
    path: resolve(context.cwd, command.path),
    context,
    onFault: () => {
      interruption.end();
    },
  });
  if (url !== null) return await recordFrom(url, command, { context, interruption, recorder });
  const { clock } = context;
  const own = await OwnGateway.start({
    ...command,
    context,
    onFrame: (text) => {
      recorder.write({ type: 'raw', at: fromEpochMs(clock.now()), text });
    },
  });
  if (typeof own === 'number') return own;
  await using gateway = own;
  return await recordFrom(gateway.url, command, { context, interruption, recorder });
}

interface Recording {
  readonly context: CommandContext;
  readonly interruption: Interruption;
  readonly recorder: Recorder;
}

async function recordFrom(
  url: string,
  command: RecordCommand,
  { context, interruption, recorder }: Recording,
): Promise<number> {
  const { broker, symbols, types, interval, depth, forMs } = command;
  const { clock, errorOutput } = context;
  let awayAtMs: number | null = null;
  using timers = new DisposableStack();
  const feed = new GatewayFeed({
    ...accessOf(context.env),
    ...context,
    url,
    request: { broker, symbols, types, usual: ALL, interval, depth, book: 'delta' },
    listener: {
      onReached: async (description) => {
        await recorder.begin(description);
        if (forMs !== null)
          timers.use(
            clock.after(forMs, () => {
              interruption.end();
            }),
          );
      },
      onEvent: (event) => {
        recorder.write(event);
      },
      onAway: (reason) => {
        awayAtMs = clock.now();
        recorder.tell(`${reason} It is tried again.`);
      },
      onBack: () => {
        const from = fromEpochMs(awayAtMs ?? clock.now());
        recorder.write({ type: 'outage', from, to: fromEpochMs(clock.now()) });
        recorder.tell('The gateway is back.');
      },
    },
  });
  let fault: unknown = null;
  try {
    await feed.run(interruption.signal);
  } catch (error) {
    fault = error;
  }
  try {
    await recorder.end();
  } catch (error) {
    fault ??= error;
  }
  fault = recorder.fault ?? fault;
  if (fault === null) return EXIT_CODES.ok;
  errorOutput.write(`tickgraph: ${sentenceOf(fault, command.path)}\n`);
  return EXIT_CODES.failed;
}

function sentenceOf(fault: unknown, path: string): string {
  if (fault instanceof GatewayFault) return fault.message;
  switch (systemCode(fault)) {
    case 'EEXIST':
      return `${path} exists already; --force replaces it.`;
    case 'ENOSPC':
      return `${path}: the disk is full. What was written before can be replayed.`;
    case 'ENOENT':
      return `${path}: there is no such folder.`;
    case 'EACCES':
    case 'EROFS':
      return `${path} may not be written.`;
    case 'EISDIR':
      return `${path} is a folder.`;
    default:
      return `${path}: ${fault instanceof Error ? fault.message : 'it could not be written'}`;
  }
}
