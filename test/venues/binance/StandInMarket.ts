import { assertNever } from '../../../src/shared/errors.ts';
import type { Random } from '../../../src/shared/random.ts';
import { BarMaker } from './BarMaker.ts';
import type { BarFields } from './BarMaker.ts';
import { DepthEngine } from './DepthEngine.ts';
import type { BookSnapshot, Diff, Level, LevelChanges } from './DepthEngine.ts';
import { stepOf } from './instruments.ts';
import type { Listing } from './instruments.ts';
import type { Interval } from './intervals.ts';
import { openOf } from './intervals.ts';
import { KlineSchedule } from './KlineSchedule.ts';
import type { KlineTimings } from './KlineSchedule.ts';
import * as payloads from './payloads.ts';
import type { SocketHub } from './SocketHub.ts';
import { streamName } from './streamNames.ts';
import type { DepthSpeed, StreamKind } from './streamNames.ts';
import type {
  AggTradeRecord,
  Bar,
  BarQuery,
  RangeQuery,
  SymbolSource,
  TradeQuery,
  TradeRecord,
} from './SymbolSource.ts';
import type { Now } from '../timing.ts';
import type { TimeUnit } from './time.ts';
import { TradeTape } from './TradeTape.ts';
import { toText, toUnits } from './units.ts';

/** What happens to the next diff that a client would have received. */
export type DiffFault = 'skip' | 'duplicate' | 'overlap' | 'swap' | 'corrupt';
/** The alignment of the next diff with a snapshot: as it happens, `U == L + 1`, or `U <= L < u`. */
export type Alignment = 'natural' | 'exact' | 'straddle';

export interface StandInMarketOptions {
  readonly listing: Listing;
  readonly hub: SocketHub;
  readonly now: Now;
  readonly random: Random;
  readonly levels: number;
  readonly klines: KlineTimings;
}

export interface TradeOptions {
  /** If true, the taker sold. */
  readonly buyerIsMaker?: boolean;
  /** The number of trades that one taker order makes: as many `trade` messages, one `aggTrade`. @default 1 */
  readonly fills?: number;
}

const SPEEDS: readonly DepthSpeed[] = [100, 1000];
const PARTIAL_LEVELS = [5, 10, 20];

/**
 * The market of one symbol, controlled by a test: each method changes it and sends to its subscribers. Without
 * subscribers it changes all the same, so that REST has what a stream missed.
 */
export class StandInMarket implements SymbolSource {
  readonly symbol: string;
  /** Each is used up by the next diff. */
  readonly diffFaults: DiffFault[] = [];
  alignment: Alignment = 'natural';
  readonly #options: StandInMarketOptions;
  readonly #engine: DepthEngine;
  readonly #tape: TradeTape;
  readonly #bars: BarMaker;
  readonly #schedule: KlineSchedule;
  readonly #lastDiffs = new Map<DepthSpeed, Diff>();
  readonly #withheld = new Map<DepthSpeed, Diff>();
  #lag: { snapshot: BookSnapshot; times: number } | null = null;

  constructor(options: StandInMarketOptions) {
    const { listing, now, random, levels } = options;
    this.symbol = listing.info.symbol;
    this.#options = options;
    const tickSize = stepOf(listing.info, 'PRICE_FILTER');
    const stepSize = stepOf(listing.info, 'LOT_SIZE');
    const { price } = listing;
    this.#engine = new DepthEngine({ price, tickSize, stepSize, levels, random, firstUpdateId: 82_000_000_000 });
    this.#tape = new TradeTape(6_720_000_000);
    this.#bars = new BarMaker({ tape: this.#tape, now, price, tickSize });
    this.#schedule = new KlineSchedule({ bars: this.#bars, timings: options.klines, random, now });
  }

  /** The reference: what a client's book must be once it has every diff up to `lastUpdateId`. */
  book(): BookSnapshot {
    return this.#engine.snapshot();
  }

  /**
   * Sets a new best bid or ask, given or random, which bookTicker reports at once; the diff that contains it comes with
   * the next `depth`.
   */
  tick(best?: { readonly bid?: Level; readonly ask?: Level }): BookSnapshot {
    if (best === undefined) this.#engine.nudgeBest();
    else this.#engine.setBest(best);
    this.#sendBest();
    return this.book();
  }

  /** Changes the given levels or some others, and sends the diff and the partial books. */
  depth(changes?: LevelChanges): BookSnapshot {
    this.change(changes);
    this.flush();
    return this.book();
  }

  /** Changes levels without a diff; the next one will contain them. Changed best prices are reported at once. */
  change(changes?: LevelChanges): void {
    const before = this.#bestText();
    if (changes === undefined) this.#engine.nudgeDepth();
    else this.#engine.apply(changes);
    if (this.#bestText() !== before) this.#sendBest();
  }

  /** Makes one taker's order: `trade` messages and one `aggTrade`. */
  trade(price?: string | number, quantity?: string | number, options: TradeOptions = {}): readonly TradeRecord[] {
    const { random } = this.#options;
    const buyerIsMaker = options.buyerIsMaker ?? random() < 0.5;
    const side = this.#engine.best(buyerIsMaker ? 'bids' : 'asks');
    const fill = {
      price: text(price ?? side?.[0] ?? this.lastPrice()),
      quantity: text(quantity ?? (1 + Math.floor(random() * 1000)) / 100),
      timeMs: Math.floor(this.#options.now()),
      buyerIsMaker,
    };
    const more = Array.from({ length: (options.fills ?? 1) - 1 }, () => fill);
    const { trades, aggregate } = this.#tape.execute([fill, ...more]);
    for (const trade of trades)
      this.#publish({ kind: 'trade' }, (stamp) => payloads.tradePayload(this.symbol, trade, stamp));
    this.#publish({ kind: 'aggTrade' }, (stamp) => payloads.aggTradePayload(this.symbol, aggregate, stamp));
    return trades;
  }

  /**
   * Sends the running bar (or the one that `fields.t` names) with these values instead of those that the trades gave.
   */
  kline(interval: Interval, fields: BarFields & { readonly x?: boolean } = {}): Bar {
    const { x: closed = false, ...values } = fields;
    const bar = this.#bars.write(interval, values);
    this.#sendKline({ interval, bar, closed });
    return bar;
  }

  /** Sends the bar before the running one as final. */
  closeKline(interval: Interval, fields: BarFields = {}): Bar {
    const open = openOf(interval, openOf(interval, this.#options.now()) - 1);
    return this.kline(interval, { t: open, ...fields, x: true });
  }

  /** Sends the changes since the last diff of each speed; nothing if there are none. */
  flush(speeds: readonly DepthSpeed[] = SPEEDS): void {
    const fault = this.diffFaults[0] ?? null;
    let used = false;
    for (const speed of speeds) {
      const diff = this.#engine.takeDiff(speed);
      if (diff === null) continue;
      const isSubscribed = this.#options.hub.has(streamName(this.symbol, { kind: 'depth', speed }));
      this.#sendDiff(speed, diff, isSubscribed ? fault : null);
      used ||= isSubscribed;
      for (const levels of PARTIAL_LEVELS) this.#sendPartial(levels, speed);
    }
    if (used && fault !== null) this.diffFaults.shift();
  }

  /** Sends one message of a stream, whatever its kind. */
  emit(kind: StreamKind): void {
    switch (kind.kind) {
      case 'trade':
      case 'aggTrade':
        this.trade();
        break;
      case 'bookTicker':
        this.tick();
        break;
      case 'kline':
        this.kline(kind.interval);
        break;
      case 'depth':
      case 'partialDepth':
        this.depth();
        break;
      default:
        assertNever(kind);
    }
  }

  /** Keeps the next `times` snapshots at the current book, which then changes, so that all following diffs are newer. */
  lagSnapshot(times: number): void {
    this.flush();
    this.#lag = { snapshot: this.book(), times };
    this.change();
    this.change();
    this.flush();
  }

  /** Sends the klines of these intervals that are due by the clock. */
  sendDueKlines(intervals: readonly Interval[]): void {
    for (const update of this.#schedule.due(intervals)) this.#sendKline(update);
  }

  depthReply(limit: number): string {
    return payloads.snapshotPayload(this.#snapshot(limit));
  }

  trades(query: TradeQuery): readonly TradeRecord[] {
    return this.#tape.trades(query);
  }

  aggTrades(query: RangeQuery & TradeQuery): readonly AggTradeRecord[] {
    return this.#tape.aggTrades(query);
  }

  bars(query: BarQuery): readonly Bar[] {
    return this.#bars.bars(query);
  }

  best(): { readonly bid: Level | null; readonly ask: Level | null } {
    return { bid: this.#engine.best('bids'), ask: this.#engine.best('asks') };
  }

  lastPrice(): string {
    return this.#tape.last?.price ?? this.#options.listing.price;
  }

  #snapshot(limit: number): BookSnapshot {
    if (this.#lag !== null) {
      const { snapshot } = this.#lag;
      this.#lag.times -= 1;
      if (this.#lag.times <= 0) this.#lag = null;
      return { ...snapshot, bids: snapshot.bids.slice(0, limit), asks: snapshot.asks.slice(0, limit) };
    }
    if (this.alignment === 'exact') this.flush();
    if (this.alignment === 'straddle') this.change();
    const snapshot = this.#engine.snapshot(limit);
    if (this.alignment === 'straddle') this.change();
    return snapshot;
  }

  #bestText(): string {
    return JSON.stringify(this.best());
  }

  #sendBest(): void {
    const best = { updateId: this.#engine.lastUpdateId, ...this.best() };
    this.#publish({ kind: 'bookTicker' }, () => payloads.bookTickerPayload(this.symbol, best));
  }

  #sendDiff(speed: DepthSpeed, diff: Diff, fault: DiffFault | null): void {
    const previous = this.#lastDiffs.get(speed);
    this.#lastDiffs.set(speed, diff);
    switch (fault) {
      case 'skip':
        return;
      case 'swap':
        this.#withheld.set(speed, diff);
        return;
      case 'overlap':
        this.#publishDiff(speed, previous === undefined ? diff : merged(previous, diff));
        break;
      case 'duplicate':
        this.#publishDiff(speed, diff);
        this.#publishDiff(speed, diff);
        break;
      case 'corrupt':
        this.#publishDiff(speed, this.#corrupted(diff));
        break;
      case null:
        this.#publishDiff(speed, diff);
        break;
      default:
        assertNever(fault);
    }
    const withheld = this.#withheld.get(speed);
    if (withheld === undefined) return;
    this.#withheld.delete(speed);
    this.#publishDiff(speed, withheld);
  }

  /** Raises the best bid's quantity by one step: only the bookTicker of the same id shows the error. */
  #corrupted(diff: Diff): Diff {
    const best = this.#engine.best('bids');
    if (best === null) return diff;
    const wrong: Level = [best[0], toText(toUnits(best[1]) + 1n)];
    return { ...diff, b: [wrong, ...diff.b.filter(([price]) => price !== best[0])] };
  }

  #publishDiff(speed: DepthSpeed, diff: Diff): void {
    this.#publish({ kind: 'depth', speed }, (stamp) => payloads.depthPayload(this.symbol, diff, stamp));
  }

  #sendPartial(levels: number, speed: DepthSpeed): void {
    this.#publish({ kind: 'partialDepth', levels, speed }, () =>
      payloads.snapshotPayload(this.#engine.snapshot(levels)),
    );
  }

  #sendKline(update: payloads.KlineUpdate): void {
    this.#publish({ kind: 'kline', interval: update.interval }, (stamp) =>
      payloads.klinePayload(this.symbol, update, stamp),
    );
  }

  #publish(kind: StreamKind, render: (stamp: payloads.Stamp) => string): void {
    const eventMs = this.#options.now();
    this.#options.hub.publish(streamName(this.symbol, kind), (unit: TimeUnit) => render({ eventMs, unit }));
  }
}

/** Merges both diffs into one: what a client gets if the diffs are cut at other times. */
function merged(previous: Diff, diff: Diff): Diff {
  return { U: previous.U, u: diff.u, b: overlaid(previous.b, diff.b), a: overlaid(previous.a, diff.a) };
}

function overlaid(old: readonly Level[], fresh: readonly Level[]): Level[] {
  return [...old.filter(([price]) => !fresh.some(([other]) => other === price)), ...fresh];
}

function text(value: string | number): string {
  return toText(toUnits(value));
}
