import { z } from 'zod';
import type { Level } from './DepthEngine.ts';
import { listing } from './instruments.ts';
import type { Listing } from './instruments.ts';
import { isInterval, nextOpen } from './intervals.ts';
import type { RecordedMessage, RecordedSnapshot } from './recording.ts';
import { snapshotPayload } from './payloads.ts';
import { inRange } from './SymbolSource.ts';
import type {
  AggTradeRecord,
  Bar,
  BarQuery,
  RangeQuery,
  SymbolSource,
  TradeQuery,
  TradeRecord,
} from './SymbolSource.ts';
import { selectAggTrades } from './TradeTape.ts';
import { toText, toUnits } from './units.ts';
import type { Units } from './units.ts';

const Levels = z.array(z.tuple([z.string(), z.string()], z.unknown()));
const Snapshot = z.object({ lastUpdateId: z.number(), bids: Levels, asks: Levels });
const DiffPayload = z.object({ U: z.number(), u: z.number(), b: Levels, a: Levels });
const BookTicker = z.object({ b: z.string(), B: z.string(), a: z.string(), A: z.string() });
const AggTrade = z.object({
  a: z.number(),
  p: z.string(),
  q: z.string(),
  f: z.number(),
  l: z.number(),
  T: z.number(),
  m: z.boolean(),
});
const KlinePayload = z.object({
  k: z.object({
    t: z.number(),
    i: z.string().refine(isInterval),
    f: z.number(),
    L: z.number(),
    o: z.string(),
    c: z.string(),
    h: z.string(),
    l: z.string(),
    v: z.string(),
    n: z.number(),
    q: z.string(),
    V: z.string(),
    Q: z.string(),
  }),
});

export interface RecordedMarketOptions {
  readonly symbol: string;
  /** Null if none was recorded: then the book consists of the diffs, from the first one on. */
  readonly snapshot: RecordedSnapshot | null;
  /** The payload of the first diff; null if there is none. */
  readonly firstDiff: string | null;
}

/**
 * One symbol of a recording as REST shows it, limited to what has been played so far. Requests for the book wait until
 * the playing reaches the recorded snapshot; the first request gets it, later ones the current book.
 */
export class RecordedMarket implements SymbolSource {
  readonly symbol: string;
  readonly #options: RecordedMarketOptions;
  readonly #placed = Promise.withResolvers<void>();
  readonly #requested = Promise.withResolvers<void>();
  readonly #aggTrades: AggTradeRecord[] = [];
  readonly #bars = new Map<string, Bar>();
  readonly #diffs: string[] = [];
  #best: { readonly bid: Level | null; readonly ask: Level | null } = { bid: null, ask: null };
  #served = 0;

  constructor(options: RecordedMarketOptions) {
    this.#options = options;
    this.symbol = options.symbol;
    if (options.snapshot === null && options.firstDiff === null) this.place();
  }

  /** Resolves at the first request for the book. */
  get requested(): Promise<void> {
    return this.#requested.promise;
  }

  /** The steps are the finest in the recorded book. */
  get listing(): Listing {
    const levels = this.#levels();
    const { base, quote } = assetsOf(this.symbol);
    const symbol = { symbol: this.symbol, base, quote, price: levels[0]?.[0] ?? '1.00000000' };
    if (levels.length === 0) return listing(symbol);
    const tickSize = toText(finestStep(levels.map(([price]) => toUnits(price))));
    const stepSize = toText(finestStep(levels.map(([, size]) => toUnits(size))));
    return listing({ ...symbol, tickSize, stepSize });
  }

  /** Marks that the playing has passed its snapshot (or the first diff, if there is none). */
  place(): void {
    this.#placed.resolve();
  }

  /** Records a message that was played. */
  note({ stream, payload }: RecordedMessage): void {
    const kind = stream.slice(stream.indexOf('@') + 1);
    if (kind.startsWith('depth')) {
      this.#diffs.push(payload);
      if (this.#options.snapshot === null) this.place();
    } else if (kind === 'bookTicker') {
      const { b, B, a, A } = BookTicker.parse(JSON.parse(payload));
      this.#best = { bid: [b, B], ask: [a, A] };
    } else if (kind === 'aggTrade') this.#aggTrades.push(AggTrade.parse(JSON.parse(payload)));
    else if (kind.startsWith('kline_')) {
      const { i, ...bar } = KlinePayload.parse(JSON.parse(payload)).k;
      this.#bars.set(`${i} ${bar.t}`, { ...bar, endMs: nextOpen(i, bar.t) });
    }
  }

  async depthReply(limit: number): Promise<string> {
    this.#requested.resolve();
    await this.#placed.promise;
    this.#served += 1;
    const { snapshot } = this.#options;
    if (this.#served === 1 && snapshot !== null) {
      const { bids, asks } = this.#recordedSnapshot();
      if (Math.max(bids.length, asks.length) <= limit) return snapshot.body;
    }
    return this.#book(limit, this.#served > 1);
  }

  /** The recordings have aggregate trades only. */
  trades(_query: TradeQuery): readonly TradeRecord[] {
    return [];
  }

  aggTrades(query: RangeQuery & TradeQuery): readonly AggTradeRecord[] {
    return selectAggTrades(this.#aggTrades, query);
  }

  bars(query: BarQuery): readonly Bar[] {
    const bars = [...this.#bars].filter(([key]) => key.startsWith(`${query.interval} `)).map(([, bar]) => bar);
    return inRange(
      bars.toSorted((a, b) => a.t - b.t),
      ({ t }) => t,
      query,
    );
  }

  best(): { readonly bid: Level | null; readonly ask: Level | null } {
    return this.#best;
  }

  lastPrice(): string {
    return this.#aggTrades.at(-1)?.p ?? this.#best.bid?.[0] ?? '0.00000000';
  }

  #levels(): Level[] {
    const { bids, asks } = this.#recordedSnapshot();
    const { firstDiff } = this.#options;
    const diff = firstDiff === null ? null : DiffPayload.parse(JSON.parse(firstDiff));
    return [...bids, ...asks, ...(diff?.b ?? []), ...(diff?.a ?? [])].map(([price, size]) => [price, size]);
  }

  #recordedSnapshot(): z.infer<typeof Snapshot> {
    const { snapshot, firstDiff } = this.#options;
    if (snapshot !== null) return Snapshot.parse(JSON.parse(snapshot.body));
    const before = firstDiff === null ? 0 : DiffPayload.parse(JSON.parse(firstDiff)).U - 1;
    return { lastUpdateId: before, bids: [], asks: [] };
  }

  #book(limit: number, withDiffs: boolean): string {
    const recorded = this.#recordedSnapshot();
    let { lastUpdateId } = recorded;
    const bids = new Map(recorded.bids.map(([price, size]) => [toUnits(price), size]));
    const asks = new Map(recorded.asks.map(([price, size]) => [toUnits(price), size]));
    for (const payload of withDiffs ? this.#diffs : []) {
      const diff = DiffPayload.parse(JSON.parse(payload));
      if (diff.u <= lastUpdateId) continue;
      change(bids, diff.b);
      change(asks, diff.a);
      lastUpdateId = diff.u;
    }
    return snapshotPayload({
      lastUpdateId,
      bids: sorted(bids, -1).slice(0, limit),
      asks: sorted(asks, 1).slice(0, limit),
    });
  }
}

function change(side: Map<Units, string>, levels: z.infer<typeof Levels>): void {
  for (const [price, size] of levels) {
    if (toUnits(size) === 0n) side.delete(toUnits(price));
    else side.set(toUnits(price), size);
  }
}

function sorted(side: ReadonlyMap<Units, string>, direction: 1 | -1): Level[] {
  const levels = [...side].toSorted(([a], [b]) => (a < b ? -direction : direction));
  return levels.map(([price, size]) => [toText(price), size]);
}

/** The largest power of ten that divides all. */
function finestStep(values: readonly Units[]): Units {
  let step = 100_000_000n;
  while (step > 1n && values.some((value) => value % step !== 0n)) step /= 10n;
  return step;
}

const QUOTES = ['USDT', 'USDC', 'BUSD', 'BTC', 'ETH', 'BNB', 'AUD', 'BRL', 'EUR', 'USD'];

function assetsOf(symbol: string): { base: string; quote: string } {
  const quote = QUOTES.find((asset) => symbol.endsWith(asset) && symbol.length > asset.length) ?? '';
  return { base: symbol.slice(0, symbol.length - quote.length), quote };
}
