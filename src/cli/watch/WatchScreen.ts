import type { MarketData } from '../../market/marketData.ts';
import type { FeedDescription } from '../gateway/GatewayFeed.ts';
import type { CommandContext } from '../process.ts';
import type { Sight, WatchCommand } from './Sight.ts';
import { renderTable } from './renderTable.ts';
import type { TableView } from './renderTable.ts';
import { Screen } from './Screen.ts';
import { WatchedSymbol } from './WatchedSymbol.ts';

/** The screen is drawn so often at most, and as often as that while ages change. */
const FRAME_MS = 100;

/** A table on a terminal that changes in place. What was last seen stays when it ends. */
export class WatchScreen implements Sight {
  readonly hasFailed = false;
  readonly #command: WatchCommand;
  readonly #context: Pick<CommandContext, 'dataOutput' | 'clock' | 'env'>;
  readonly #symbols: readonly WatchedSymbol[];
  readonly #byName: ReadonlyMap<string, WatchedSymbol>;
  readonly #owned = new DisposableStack();
  #screen: Screen | null = null;
  #title = '';
  #hasCandles = true;
  #trouble: string | null = null;

  constructor(command: WatchCommand, context: Pick<CommandContext, 'dataOutput' | 'clock' | 'env'>) {
    this.#command = command;
    this.#context = context;
    this.#symbols = command.symbols.map((name) => new WatchedSymbol(name));
    this.#byName = new Map(this.#symbols.map((symbol) => [symbol.name, symbol]));
  }

  begin({ broker, types }: FeedDescription): Promise<void> {
    const { clock, dataOutput } = this.#context;
    const { interval, url } = this.#command;
    const kind = broker.synthetic ? `${broker.kind}, SYNTHETIC: the prices are made up` : broker.kind;
    this.#hasCandles = types.includes('candle');
    this.#title = `${broker.id} (${kind}) at ${url}${this.#hasCandles ? `, candles of ${interval}` : ''}. Ctrl+C ends.`;
    this.#screen = this.#owned.use(new Screen(dataOutput));
    this.#owned.use(
      clock.every(FRAME_MS, () => {
        this.#draw();
      }),
    );
    this.#draw();
    return Promise.resolve();
  }

  show(event: MarketData): boolean {
    this.#byName.get(event.symbol)?.apply(event, this.#context.clock.monotonic());
    return !this.#context.dataOutput.isGone;
  }

  tell(trouble: string | null): void {
    this.#trouble = trouble;
  }

  resize(): void {
    this.#draw();
  }

  [Symbol.dispose](): void {
    if (this.#screen === null) return;
    this.#screen = null;
    this.#owned.dispose();
    this.#context.dataOutput.write(`${this.#lines().join('\n')}\n`);
  }

  #draw(): void {
    this.#screen?.show(this.#lines());
  }

  #lines(): readonly string[] {
    const { clock, dataOutput, env } = this.#context;
    const view: TableView = {
      title: this.#title,
      trouble: this.#trouble,
      symbols: this.#symbols,
      hasCandles: this.#hasCandles,
      depth: this.#command.depth ?? 0,
      nowMs: clock.monotonic(),
    };
    const isColoured = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
    return renderTable(view, { ...dataOutput.size, isColoured });
  }
}
