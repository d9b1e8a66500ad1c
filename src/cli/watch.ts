import type { MarketData } from '../market/marketData.ts';
import { encodable, encodeEvent } from '../raw/messages.ts';
import { GatewayFault } from './gateway/GatewayClient.ts';
import { GatewayFeed } from './gateway/GatewayFeed.ts';
import { accessOf } from './gateway/accessOf.ts';
import { Interruption } from './Interruption.ts';
import { EXIT_CODES } from './process.ts';
import type { CommandContext } from './process.ts';
import { plainLine } from './watch/plainLine.ts';
import type { Sight, WatchCommand } from './watch/Sight.ts';
import { WatchScreen } from './watch/WatchScreen.ts';

const DEPTH = 10;

/** Shows live data of a running gateway until a signal, or until nobody reads any more. Resolves with the exit code. */
export async function watch(command: WatchCommand, context: CommandContext): Promise<number> {
  const { broker, symbols, types, interval, depth, url } = command;
  const { dataOutput, errorOutput } = context;
  using interruption = new Interruption(context);
  using sight =
    dataOutput.isTTY && !command.isJson ? new WatchScreen(command, context) : new LineSight(command, context);
  using _changes = dataOutput.onChange(() => {
    if (dataOutput.isGone) interruption.end();
    else sight.resize();
  });
  const feed = new GatewayFeed({
    ...accessOf(context.env),
    ...context,
    url,
    request: {
      broker,
      symbols,
      types,
      usual: ['tick', 'trade', 'candle', ...(depth === null ? [] : ['orderbook' as const])],
      interval,
      depth: depth ?? DEPTH,
      book: 'snapshot',
    },
    listener: {
      onReached: (description) => sight.begin(description),
      onEvent: (event) => {
        if (!sight.show(event)) interruption.end();
      },
      onAway: (reason) => {
        sight.tell(`${reason} It is tried again.`);
      },
      onBack: () => {
        sight.tell(null);
      },
    },
  });
  try {
    await feed.run(interruption.signal);
  } catch (error) {
    sight[Symbol.dispose]();
    if (!(error instanceof GatewayFault)) throw error;
    errorOutput.write(`tickgraph: ${error.message}\n`);
    return EXIT_CODES.failed;
  }
  if (!sight.hasFailed) return EXIT_CODES.ok;
  errorOutput.write('tickgraph: the output is read too slowly.\n');
  return EXIT_CODES.failed;
}

/** A line for each event. */
class LineSight implements Sight {
  readonly #context: Pick<CommandContext, 'dataOutput' | 'errorOutput'>;
  readonly #isJson: boolean;
  hasFailed = false;

  constructor({ isJson }: WatchCommand, context: Pick<CommandContext, 'dataOutput' | 'errorOutput'>) {
    this.#isJson = isJson;
    this.#context = context;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  show(event: MarketData): boolean {
    const outcome = this.#context.dataOutput.write(`${this.#isJson ? jsonLine(event) : plainLine(event)}\n`);
    if (outcome === 'full') this.hasFailed = true;
    return outcome === 'taken';
  }

  tell(trouble: string | null): void {
    this.#context.errorOutput.write(`tickgraph: ${trouble ?? 'The gateway is back.'}\n`);
  }

  resize(): void {}

  [Symbol.dispose](): void {}
}

/** Returns what the raw protocol sends: the `data` of an event, and a status as it is. */
function jsonLine(event: MarketData): string {
  return event.type === 'status' ? encodeEvent(event) : JSON.stringify(encodable(event));
}
