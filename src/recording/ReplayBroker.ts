import { BaseBroker } from '../brokers/BaseBroker.ts';
import type { BrokerContext, BrokerTraits, CandleQuery } from '../brokers/BaseBroker.ts';
import { InstrumentCatalog } from '../market/instrument.ts';
import type { CandleDraft, OrderBookDraft, TickDraft, TradeDraft } from '../market/marketData.ts';
import type { RecordingHeader } from './format.ts';
import type { Replay } from './Replay.ts';

/** The kind of a broker whose events come from a file. */
const KIND = 'replay';

/** The traits of the broker that stands for a recorded one. */
export function replayTraits({ broker, types }: RecordingHeader): BrokerTraits {
  return { kind: KIND, supportedTypes: types, synthetic: broker.synthetic, requiresAuthentication: false };
}

/** Answers for the venue of a recording. The events themselves come over the bus: see Replay. */
export class ReplayBroker extends BaseBroker {
  override readonly traits: BrokerTraits;
  readonly #replay: Replay;
  readonly #watching = new DisposableStack();

  constructor(context: BrokerContext, replay: Replay) {
    super(context);
    this.#replay = replay;
    this.traits = replayTraits(replay.header);
  }

  override start(): void {
    const { header } = this.#replay;
    this.setCatalog(new InstrumentCatalog(header.instruments));
    const tell = (): void => {
      this.setStatus({ kind: 'connected', note: this.#replay.note });
    };
    tell();
    this.#watching.use(
      this.#replay.watch({
        onNote: tell,
        onEvent: () => {
          this.context.sink.onActivity();
        },
      }),
    );
  }

  override reconcile(): void {}

  override resync(): void {}

  /** The recording has nothing from before its start. That is no gap in it. */
  override continueBehind(): void {}

  override async fetchCandles(query: CandleQuery): Promise<readonly CandleDraft[]> {
    return query.interval === this.#replay.header.interval ? this.#replay.history.candles(query) : [];
  }

  override async fetchTrades(symbol: string, limit: number): Promise<readonly TradeDraft[]> {
    return this.#replay.history.trades(symbol, limit);
  }

  override async fetchTradesFrom(symbol: string, tradeId: number, limit: number): Promise<readonly TradeDraft[]> {
    return this.#replay.history.tradesFrom(symbol, tradeId, limit);
  }

  override async fetchTick(symbol: string): Promise<TickDraft | null> {
    return this.#replay.history.tick(symbol);
  }

  override async fetchOrderBook(symbol: string, depth: number): Promise<OrderBookDraft | null> {
    return this.#replay.history.orderBook(symbol, depth);
  }

  override async close(): Promise<void> {
    this.#watching.dispose();
  }
}
