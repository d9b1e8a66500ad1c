import { toText, toUnits } from '../../../test/venues/binance/units.ts';
import type { SeenData } from '../clients/events.ts';
import { LifeFollower } from './BrokerHistory.ts';
import type { CheckContext, StreamCheck } from './checks.ts';
import type { TapedTrade } from './Tape.ts';

/** The venue's last message of a candle may come so much later than its end. */
const MESSAGE_LAG_MS = 1_500;
const LENGTH_MS = { '1s': 1_000, '5s': 5_000 } as const;

/** Candles come in the order of their open times, each closed once, and none in which something was traded is missing. */
export class CandleCheck implements StreamCheck {
  readonly #context: CheckContext;
  readonly #lengthMs: number;
  #lastClosedMs: number | null = null;
  #lastOpenMs = 0;
  readonly #lives: LifeFollower;
  /** Nothing has come on this connection. */
  #isFirst = true;
  /** Candles may have been conflated. */
  #mayLack = false;

  constructor(context: CheckContext) {
    this.#context = context;
    this.#lives = new LifeFollower(context.history);
    this.#lengthMs = LENGTH_MS[context.wish.interval];
  }

  begin(goesOn: boolean): void {
    if (!goesOn) this.#lastClosedMs = null;
    this.#isFirst = true;
    this.#lastOpenMs = this.#lastClosedMs ?? 0;
    this.#mayLack = false;
  }

  restart(): void {
    this.#lastClosedMs = null;
    this.#lastOpenMs = 0;
  }

  /** The client does not read for a while. */
  pause(): void {
    this.#mayLack = true;
  }

  see(event: SeenData): void {
    const { fail } = this.#context;
    const { broker, fields } = event;
    const openMs = Date.parse(String(fields['openTime']));
    const isClosed = fields['closed'] === true;
    const name = `candle ${String(fields['openTime'])} (${isClosed ? 'closed' : 'open'})`;
    // The same subscription goes on in order, whatever adapter it is served by.
    const isAnew = isMock(broker) && this.#lives.turns(event, () => false);
    if (isAnew && this.#isFirst) this.restart();
    this.#isFirst = false;
    if (openMs % this.#lengthMs !== 0) fail(`${name}: not aligned`);
    if (openMs < this.#lastOpenMs) fail(`${name} after one of ${isoOf(this.#lastOpenMs)}`);
    const last = this.#lastClosedMs;
    if (last !== null && openMs <= last) fail(`${name} after the closed one of ${isoOf(last)}`);
    if (isClosed) {
      if (last !== null && openMs > last) this.#findHoles(last, openMs);
      this.#compare(event, openMs, name);
      this.#lastClosedMs = Math.max(openMs, last ?? openMs);
    }
    this.#lastOpenMs = Math.max(openMs, this.#lastOpenMs);
  }

  behindSinceMs(): number | null {
    const { oracle, symbol, wish } = this.#context;
    if (isMock(wish.broker) && this.#lastOpenMs > 0) return this.#lastOpenMs + this.#lengthMs;
    if (this.#lastClosedMs === null || wish.broker !== 'binance' || wish.throttleMs > 0) return null;
    const next = this.#lastClosedMs + this.#lengthMs;
    const [first] = oracle.tape(symbol).second(next);
    return first === undefined ? null : first.timeMs + this.#lengthMs;
  }

  #findHoles(last: number, openMs: number): void {
    const { hole, oracle, symbol, wish } = this.#context;
    if (this.#mayLack || wish.throttleMs > 0 || wish.broker !== 'binance') return;
    for (let at = last + this.#lengthMs; at < openMs; at += this.#lengthMs) {
      if (oracle.tape(symbol).second(at).length === 0) continue;
      const text = `the candle of ${isoOf(at)} is missing`;
      const endMs = at + this.#lengthMs;
      hole({ type: 'candle', text, fromMs: endMs, toMs: endMs, slackMs: MESSAGE_LAG_MS });
    }
  }

  #compare(event: SeenData, openMs: number, name: string): void {
    const { fail, history, oracle, symbol, wish } = this.#context;
    const { open, high, low, close, volume, tradeCount, backfilled } = event.fields;
    const told = `${String(open)} ${String(high)} ${String(low)} ${String(close)} ${String(volume)} ${String(tradeCount)}`;
    if (wish.broker === 'binance') {
      const trades = oracle.tape(symbol).second(openMs);
      // A candle without a trade repeats the last price.
      if (trades.length === 0) return;
      const made = candleOf(trades);
      if (told !== made) fail(`${name}: ${told}, but it was ${made}`);
      return;
    }
    const life = history.lifeOf(event);
    if (life.number !== life.latest) return;
    const key = `${wish.broker} ${wish.credentials?.accountId ?? ''} ${symbol} ${openMs} ${life.number} ${String(backfilled)}`;
    const other = oracle.disagreement(key, told);
    if (other !== null) fail(`${name}: ${told}, but somebody else was told ${other}`);
  }
}

function isMock(broker: string): boolean {
  return broker.startsWith('mock-');
}

function candleOf(trades: readonly TapedTrade[]): string {
  const prices = trades.map(({ price }) => toUnits(price));
  const high = prices.reduce((most, price) => (price > most ? price : most));
  const low = prices.reduce((least, price) => (price < least ? price : least));
  const volume = trades.reduce((sum, { size }) => sum + toUnits(size), 0n);
  const ends = `${trades[0]?.price ?? ''} ${toText(high)} ${toText(low)} ${trades.at(-1)?.price ?? ''}`;
  return `${ends} ${toText(volume)} ${trades.length}`;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
