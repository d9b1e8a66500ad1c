import { parseCursor } from '../../../src/market/cursor.ts';
import { levelsOf } from '../clients/events.ts';
import type { SeenData } from '../clients/events.ts';
import type { Wish } from '../clients/wishes.ts';
import { topText } from '../world/venueMessages.ts';
import { LifeFollower } from './BrokerHistory.ts';
import type { BrokerHistory } from './BrokerHistory.ts';
import type { Hole } from './gaps.ts';
import type { Oracle } from './Oracle.ts';

/** A check needs to know this. */
export interface CheckContext {
  readonly oracle: Oracle;
  readonly wish: Wish;
  readonly symbol: string;
  readonly fail: (text: string) => void;
  readonly hole: (hole: Omit<Hole, 'sinceMs'>) => void;
  /** A mock venue begins anew with each adapter of its broker. */
  readonly history: BrokerHistory;
}

/** Judges the events of one type and symbol that one client is sent, in order. */
export interface StreamCheck {
  /** A connection begins. `goesOn`: it must continue where the last one ended. */
  begin(goesOn: boolean): void;
  see(event: SeenData): void;
  /** Since when the client lacks something that the venue has made; null if it has everything, or nobody knows. */
  behindSinceMs(): number | null;
}

/** Every event's sequence is above that of the one before, as long as the epoch is the same. */
export class SequenceCheck {
  readonly #context: CheckContext;
  readonly #last = new Map<string, { readonly epoch: string; readonly sequence: number }>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  /** The newest tick, book or candle in progress may be sent again. */
  begin(): void {
    this.#last.clear();
  }

  see({ type, cursor, sequence }: SeenData): void {
    const epoch = parseCursor(cursor)?.epoch;
    if (epoch === undefined) {
      this.#context.fail(`${type}: ${cursor} is no cursor`);
      return;
    }
    const last = this.#last.get(type);
    if (last?.epoch === epoch && sequence <= last.sequence)
      this.#context.fail(`${type}: sequence ${sequence} after ${last.sequence} in the same epoch`);
    this.#last.set(type, { epoch, sequence });
  }
}

/** Trades come once each, in the order of their ids, and none is missing that is not told. */
export class TradeCheck implements StreamCheck {
  readonly #context: CheckContext;
  readonly #lives: LifeFollower;
  #lastId: number | null = null;
  #lastMs = 0;
  /** Nothing has come on this connection. */
  #isFirst = true;

  constructor(context: CheckContext) {
    this.#context = context;
    this.#lives = new LifeFollower(context.history);
  }

  begin(goesOn: boolean): void {
    if (!goesOn) this.#lastId = null;
    this.#isFirst = true;
  }

  /** Forgets what came before: the next event has nothing to do with it. */
  restart(): void {
    this.#lastId = null;
  }

  see(event: SeenData): void {
    const { fail, oracle } = this.#context;
    const { broker, fields, symbol, time } = event;
    const id = Number(fields['tradeId']);
    const timeMs = Date.parse(time);
    const known = oracle.trade(broker, symbol, id);
    if (known === null) {
      if (id >= (oracle.tape(symbol).oldestId ?? 0)) fail(`trade ${id}: the venue never made it`);
    } else {
      const { price, side, size, timeMs: madeMs } = known;
      const told = `${String(fields['price'])} ${String(fields['size'])} ${String(fields['side']).toLowerCase()}`;
      if (told !== `${price} ${size} ${side}`) fail(`trade ${id}: ${told}, but it was ${price} ${size} ${side}`);
      if (madeMs !== null && madeMs !== timeMs) fail(`trade ${id}: at ${time}, but it was ${isoOf(madeMs)}`);
    }
    const isAnew = broker !== 'binance' && this.#lives.turns(event, () => id <= (this.#lastId ?? 0));
    if (isAnew) this.#beginAnew(timeMs);
    const last = this.#lastId;
    if (last !== null && id <= last) fail(`trade ${id} comes ${id === last ? 'twice' : `after ${last}`}`);
    else if (last !== null && id > last + 1) this.#missing(last, id, { broker, timeMs });
    this.#lastId = id;
    this.#lastMs = timeMs;
    this.#isFirst = false;
  }

  behindSinceMs(): number | null {
    const { oracle, symbol, wish } = this.#context;
    if (this.#lastId === null) return null;
    // A mock market never stands still.
    if (wish.broker !== 'binance') return this.#lastMs;
    return oracle.tape(symbol).trade(this.#lastId + 1)?.timeMs ?? null;
  }

  #missing(last: number, id: number, { broker, timeMs }: { readonly broker: string; readonly timeMs: number }): void {
    const { hole, oracle, symbol } = this.#context;
    const first = oracle.trade(broker, symbol, last + 1)?.timeMs ?? this.#lastMs;
    const final = oracle.trade(broker, symbol, id - 1)?.timeMs ?? timeMs;
    hole({
      type: 'trade',
      text: `trades ${last + 1} to ${id - 1} are missing`,
      fromMs: first,
      toMs: final,
      slackMs: 0,
    });
  }

  /** Nobody knows what a market lacks that numbers its trades anew, so a client that watches is told of a gap. */
  #beginAnew(timeMs: number): void {
    if (this.#lastId !== null && !this.#isFirst) {
      const text = `trades are numbered anew after ${this.#lastId}`;
      this.#context.hole({ type: 'trade', text, fromMs: this.#lastMs, toMs: timeMs, slackMs: 0 });
    }
    this.#lastId = null;
  }
}

/** Each state of a book, or of the best prices, is one that the venue had, and none is older than the one before. */
export class StateCheck implements StreamCheck {
  readonly #context: CheckContext;
  readonly #lives: LifeFollower;
  readonly #of: 'books' | 'ticks';
  readonly #bids = new Map<string, string>();
  readonly #asks = new Map<string, string>();
  #place = 0;
  #lastTime: string | null = null;
  #hasSnapshot = false;

  constructor(context: CheckContext, of: 'books' | 'ticks') {
    this.#context = context;
    this.#lives = new LifeFollower(context.history);
    this.#of = of;
  }

  begin(): void {
    this.#place = 0;
    this.#lastTime = null;
    this.#hasSnapshot = false;
  }

  restart(): void {
    this.#place = 0;
  }

  see(event: SeenData): void {
    const text = this.#of === 'ticks' ? this.#tick(event) : this.#book(event);
    if (text === null) return;
    if (event.broker === 'oanda') this.#seePrice(event, text);
    else this.#seeState(event, text);
  }

  behindSinceMs(): number | null {
    const { oracle, symbol, wish } = this.#context;
    const time = this.#lastTime;
    if (time === null) return null;
    if (wish.broker === 'oanda') return oracle.nextPriceMs(wish.credentials?.accountId ?? '', symbol, time);
    return wish.broker === 'binance' ? oracle.tape(symbol)[this.#of].nextAtMs(this.#place) : Date.parse(time);
  }

  #seeState(event: SeenData, text: string): void {
    const { fail, oracle } = this.#context;
    const { broker, symbol, time, type } = event;
    const tape = broker === 'binance' ? oracle.tape(symbol) : null;
    const mock = oracle.mock(symbol);
    const find = (from: number): number | null =>
      tape === null ? (mock?.find(this.#of, text, from) ?? null) : tape[this.#of].find(text, from);
    if (broker !== 'binance' && this.#lives.turns(event, () => find(this.#place) === null)) this.#place = 0;
    const place = find(this.#place);
    if (place === null) {
      const earlier = find(0);
      fail(`${type} of ${time}: ${earlier === null ? 'the venue never had it' : 'older than the one before'}: ${text}`);
      return;
    }
    this.#place = place;
    this.#lastTime = time;
  }

  #seePrice({ symbol, time, type }: SeenData, text: string): void {
    const { fail, oracle, wish } = this.#context;
    const account = wish.credentials?.accountId ?? '';
    const made = oracle.price(account, symbol, time);
    const expected = this.#of === 'ticks' ? made?.tick : made?.book;
    if (expected !== text) {
      const isForeign = this.#of === 'ticks' && oracle.isForeign(account, symbol, text);
      fail(`${type} of ${time}: ${isForeign ? 'the price of ANOTHER ACCOUNT' : 'not the price then'}: ${text}`);
    }
    if (this.#lastTime !== null && time < this.#lastTime) fail(`${type} of ${time} after that of ${this.#lastTime}`);
    this.#lastTime = time;
  }

  #tick({ fields }: SeenData): string {
    const text = (name: string): string => String(fields[name]);
    return topText([[text('bid'), text('bidSize')]], [[text('ask'), text('askSize')]]);
  }

  /** Null if there is nothing to compare. */
  #book({ fields, time }: SeenData): string | null {
    const { fail, wish } = this.#context;
    const kind = String(fields['kind']).toLowerCase();
    if (kind === 'snapshot') {
      this.#bids.clear();
      this.#asks.clear();
      this.#hasSnapshot = true;
    } else if (!this.#hasSnapshot) {
      fail(`orderbook of ${time}: a delta without a snapshot`);
      return null;
    }
    for (const [side, name] of [
      [this.#bids, 'bids'],
      [this.#asks, 'asks'],
    ] as const) {
      for (const [price, size] of levelsOf(fields[name])) {
        if (Number(size) === 0) side.delete(price);
        else side.set(price, size);
      }
    }
    const bids = sorted(this.#bids, -1);
    const asks = sorted(this.#asks, 1);
    if (bids.length > wish.depth || asks.length > wish.depth) fail(`orderbook of ${time}: deeper than ${wish.depth}`);
    const [bid] = bids;
    const [ask] = asks;
    if (bid !== undefined && ask !== undefined && Number(bid[0]) >= Number(ask[0]))
      fail(`orderbook of ${time} is crossed: ${bid[0]} and ${ask[0]}`);
    return topText(bids, asks);
  }
}

function sorted(side: ReadonlyMap<string, string>, direction: 1 | -1): (readonly [string, string])[] {
  return [...side].toSorted(([a], [b]) => direction * (Number(a) - Number(b)));
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
