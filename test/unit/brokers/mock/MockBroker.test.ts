import { describe, expect, it } from 'vitest';
import { checkMockCredentials } from '../../../../src/brokers/mock/MockBroker.ts';
import { add, compare, decimal, midpoint, subtract } from '../../../../src/market/decimal.ts';
import type { Decimal } from '../../../../src/market/decimal.ts';
import { CANDLE_INTERVALS } from '../../../../src/market/marketData.ts';
import type { CandleInterval, FeedEventDraft } from '../../../../src/market/marketData.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';
import { toEpochMs } from '../../../../src/market/timestamp.ts';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { BINANCE, feed, OANDA, Recorder } from './recorder.ts';

const INTERVALS = Object.keys(CANDLE_INTERVALS).filter((name): name is CandleInterval => name in CANDLE_INTERVALS);

/** What of an event the seed decides: all but the times. */
function content(event: FeedEventDraft): unknown {
  return { ...event, time: null, receivedAt: null };
}

describe('a mock broker', () => {
  it('is connected and has its catalog at once', async () => {
    await using mock = Recorder.started(BINANCE);
    expect(mock.statuses).toEqual([{ kind: 'connected' }]);
    expect(mock.catalogs[0]).toBe(mock.broker.catalog);
    expect(mock.broker.catalog?.instruments.map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT']);
    await mock.broker.catalogTried;
    expect(mock.broker.traits).toEqual({
      kind: 'mock-binance',
      supportedTypes: ['tick', 'orderbook', 'trade', 'candle'],
      synthetic: true,
      requiresAuthentication: false,
    });
  });

  it('wakes up only while something is wanted, and close leaves no timer', async () => {
    const mock = Recorder.started(BINANCE);
    expect(mock.clock.pending).toBe(0);
    mock.want(feed('BTCUSDT', 'tick'), feed('ETHUSDT', 'trade'));
    expect(mock.clock.pending).toBe(1);
    mock.want();
    expect(mock.clock.pending).toBe(0);
    mock.want(feed('BTCUSDT', 'tick'));
    await mock.broker.close();
    await mock.broker.close();
    expect(mock.clock.pending).toBe(0);
    const told = mock.events.length;
    mock.want(feed('BTCUSDT', 'trade'));
    await mock.clock.advance(1_000);
    expect(mock.events.length).toBe(told);
    expect(mock.statuses).toEqual([{ kind: 'connected' }, { kind: 'closed' }]);
  });

  it('serves what was wanted before the start, from the start', async () => {
    await using mock = new Recorder(BINANCE);
    const tick = feed('BTCUSDT', 'tick');
    mock.want(tick);
    await mock.clock.advance(1_000);
    expect([mock.events, mock.conditions, mock.clock.pending]).toEqual([[], [], 0]);
    mock.broker.start();
    await mock.clock.advance(100);
    expect(mock.ticks(tick)).toHaveLength(1);
  });

  it('reports the condition of each feed once', async () => {
    await using mock = Recorder.started(OANDA);
    const tick = feed('EUR_USD', 'tick');
    const trade = feed('EUR_USD', 'trade');
    const unlisted = feed('EURUSD', 'tick');
    mock.want(tick, trade, unlisted);
    mock.want(tick, trade, unlisted, feed('USD_JPY', 'tick'));
    expect(mock.conditions.map((each) => [each.feed.symbol, each.feed.type, each.condition.kind])).toEqual([
      ['EUR_USD', 'tick', 'live'],
      ['EURUSD', 'tick', 'closed'],
      ['EUR_USD', 'trade', 'closed'],
      ['USD_JPY', 'tick', 'live'],
    ]);
    await mock.clock.advance(1_000);
    expect(mock.of(trade)).toEqual([]);
    expect(mock.activity).toBeGreaterThan(0);
  });

  it.each([1, 4, 10, 300, 2_000])('makes %d steps a second', async (ticksPerSecond) => {
    const tick = feed('BTCUSDT', 'tick');
    await using mock = Recorder.started({ ...BINANCE, ticksPerSecond }, tick);
    await mock.clock.advance(3_000);
    const made = mock.ticks(tick).length - (ticksPerSecond === 1 ? 1 : 0); // the very first does not wait for its second
    expect(Math.abs(made - ticksPerSecond * 3)).toBeLessThanOrEqual(ticksPerSecond === 300 ? 1 : 0);
  });

  it('makes up for a stalled timer, but for no more than a second', async () => {
    const tick = feed('BTCUSDT', 'tick');
    const stalls = new FakeClock();
    let late = 0;
    const monotonic = stalls.monotonic.bind(stalls);
    stalls.monotonic = () => monotonic() + late;
    await using mock = new Recorder(BINANCE, stalls);
    mock.broker.start();
    mock.want(tick);
    await stalls.advance(100);
    late = 300;
    await stalls.advance(100);
    expect(mock.ticks(tick)).toHaveLength(5);
    late = 60_300;
    await stalls.advance(100);
    expect(mock.ticks(tick)).toHaveLength(15);
    await stalls.advance(100);
    expect(mock.ticks(tick)).toHaveLength(16);
  });

  it('refuses a start price that no market can have', () => {
    expect(() => new Recorder({ ...BINANCE, symbols: { BTCUSDT: decimal('0') } })).toThrow(RangeError);
  });

  it.each([
    [{ token: 'mock-token', accountId: 'mock-account' }, true],
    [{ token: 'mock-token', accountId: 'other' }, false],
    [{ token: 'other', accountId: 'mock-account' }, false],
    [{ token: 'mock-token' }, false],
    [{ token: null, accountId: null }, false],
    [{}, false],
  ])('mock credentials %j: %s', (credentials, expected) => {
    expect(checkMockCredentials(credentials)).toBe(expected);
  });
});

describe('the same seed gives the same prices, sizes and ids in the same order', () => {
  const types = ['tick', 'orderbook', 'trade'] as const;

  it('in another life, at another time, with another timer', async () => {
    const feeds = types.map((type) => feed('BTCUSDT', type));
    await using one = new Recorder(BINANCE, new FakeClock(Date.UTC(2026, 0, 1)));
    await using other = new Recorder({ ...BINANCE, ticksPerSecond: 40 }, new FakeClock(Date.UTC(2027, 5, 7, 8, 9, 10)));
    for (const mock of [one, other]) {
      mock.broker.start();
      mock.want(...feeds);
    }
    await one.clock.advance(20_000);
    await other.clock.advance(5_000);
    expect(one.events.length).toBeGreaterThan(600);
    expect(other.events.map(({ event }) => content(event))).toEqual(one.events.map(({ event }) => content(event)));
  });

  it('whoever else is served, and whenever the first subscriber comes', async () => {
    const alone = feed('BTCUSDT', 'trade');
    await using quiet = Recorder.started(BINANCE, alone);
    await quiet.clock.advance(5_000);
    const busyFeed = feed('BTCUSDT', 'trade');
    const others = [feed('ETHUSDT', 'tick'), feed('ETHUSDT', 'trade'), feed('ETHUSDT', 'candle', '1s')];
    await using busy = Recorder.started(
      { ...BINANCE, symbols: { ...BINANCE.symbols, SOLUSDT: decimal('98.31') } },
      ...others,
    );
    await busy.clock.advance(1_234);
    busy.want(...others, busyFeed, feed('BTCUSDT', 'orderbook'), feed('BTCUSDT', 'candle', '5s'));
    await busy.clock.advance(5_000);
    const trades = quiet.trades(alone).map(content);
    expect(trades.length).toBeGreaterThan(50);
    expect(busy.trades(busyFeed).map(content).slice(0, 50)).toEqual(trades.slice(0, 50));
  });

  it('and a symbol that is wanted again goes on from the same price', async () => {
    const tick = feed('BTCUSDT', 'tick');
    await using through = Recorder.started(BINANCE, tick);
    await through.clock.advance(2_000);
    await using paused = Recorder.started(BINANCE, tick);
    await paused.clock.advance(1_000);
    paused.want();
    await paused.clock.advance(60_000);
    paused.want(tick);
    await paused.clock.advance(1_000);
    expect(paused.ticks(tick).map(content)).toEqual(through.ticks(tick).map(content));
  });
});

describe.each([BINANCE, OANDA])('the feeds of $kind', (options) => {
  const [symbol = ''] = Object.keys(options.symbols);

  it('begin at the next beat of the timer, the book with a snapshot; then they agree at every step', async () => {
    const tick = feed(symbol, 'tick');
    const orderbook = feed(symbol, 'orderbook');
    await using mock = Recorder.started(options, tick, orderbook);
    await mock.clock.advance(250);
    expect(mock.ticks(tick).length).toBeGreaterThan(0);
    await mock.clock.advance(60_000);
    const ticks = mock.ticks(tick);
    const books = mock.books(orderbook);
    expect(books).toHaveLength(ticks.length);
    const book = new OrderBook();
    for (const [index, each] of ticks.entries()) {
      const update = books[index];
      if (update === undefined) throw new Error('no book');
      expect(update.kind).toBe(index === 0 ? 'snapshot' : 'delta');
      expect(update.time).toBe(each.time);
      book.apply(update);
      const { bids, asks } = book.top(1_000);
      expect(bids[0]).toEqual({ price: each.bid, size: each.bidSize });
      expect(asks[0]).toEqual({ price: each.ask, size: each.askSize });
      expect(book.crossed).toBe(false);
      expect(Math.min(bids.length, asks.length)).toBeGreaterThanOrEqual(50);
      expect(each.mid).toBe(midpoint(each.bid, each.ask));
      expect(each.spread).toBe(subtract(each.ask, each.bid));
      expect(ascending(update.bids.map(({ price }) => price).toReversed())).toBe(true);
      expect(ascending(update.asks.map(({ price }) => price))).toBe(true);
    }
  });

  it('have candles that hold the prices of their time, in every interval, closed on the clock', async () => {
    const tick = feed(symbol, 'tick');
    const trade = feed(symbol, 'trade');
    const feeds = INTERVALS.map((interval) => feed(symbol, 'candle', interval));
    await using mock = Recorder.started(options, tick, ...(options.kind === 'mock-binance' ? [trade] : []), ...feeds);
    await mock.clock.advance(130_000);
    const points =
      options.kind === 'mock-binance'
        ? mock.trades(trade).map(({ price, size, time }) => ({ price, size, time }))
        : mock.ticks(tick).map(({ mid, time }) => ({ price: mid, size: decimal('1'), time }));
    for (const each of feeds) {
      const candles = mock.candles(each);
      const last = new Map(candles.map((candle) => [candle.openTime, candle]));
      const lengthMs = CANDLE_INTERVALS[each.interval ?? '1s'];
      expect([...last.keys()].map(toEpochMs)).toEqual([
        ...new Set(points.map(({ time }) => Math.floor(toEpochMs(time) / lengthMs) * lengthMs)),
      ]);
      for (const candle of last.values()) {
        const mine = points.filter(({ time }) => time >= candle.openTime && time < candle.closeTime);
        expect(candle.open).toBe(mine[0]?.price);
        expect(candle.close).toBe(mine.at(-1)?.price);
        expect(mine.every(({ price }) => compare(price, candle.high) <= 0 && compare(price, candle.low) >= 0)).toBe(
          true,
        );
        expect(compare(candle.volume, mine.map(({ size }) => size).reduce(add))).toBe(0);
        expect(candle.tradeCount).toBe(options.kind === 'mock-binance' ? mine.length : null);
        expect(candle.closed).toBe(toEpochMs(candle.closeTime) <= mock.clock.now());
      }
    }
  });
});

function ascending(prices: readonly Decimal[]): boolean {
  return prices.every((price, index) => {
    const before = prices[index - 1];
    return before === undefined || compare(before, price) < 0;
  });
}

describe('a market slower than its timer', () => {
  const slow = { ...BINANCE, ticksPerSecond: 0.2 };

  it('still begins at the next beat, and sends the present state to a new feed', async () => {
    const tick = feed('BTCUSDT', 'tick');
    await using mock = Recorder.started(slow, tick);
    await mock.clock.advance(250);
    expect(mock.ticks(tick)).toHaveLength(1);
    const orderbook = feed('BTCUSDT', 'orderbook');
    const candle = feed('BTCUSDT', 'candle', '1m');
    mock.want(tick, orderbook, candle);
    await mock.clock.advance(250);
    expect(mock.ticks(tick)).toHaveLength(1);
    expect(mock.books(orderbook)).toEqual([expect.objectContaining({ kind: 'snapshot' })]);
    expect(mock.books(orderbook)[0]?.bids[0]?.price).toBe(mock.ticks(tick)[0]?.bid);
    expect(mock.candles(candle)).toEqual([expect.objectContaining({ closed: false })]);
    await mock.clock.advance(5_000);
    expect(mock.books(orderbook).map(({ kind }) => kind)).toEqual(['snapshot', 'delta']);
  });

  it('still closes its candles on the clock', async () => {
    const candle = feed('BTCUSDT', 'candle', '1s');
    await using mock = Recorder.started(slow, candle);
    await mock.clock.advance(1_500);
    expect(mock.candles(candle).map(({ closed }) => closed)).toEqual([false, true]);
  });

  it('does not send a new feed a candle that ended while nobody watched', async () => {
    const candle = feed('BTCUSDT', 'candle', '1s');
    await using mock = Recorder.started(BINANCE, candle);
    await mock.clock.advance(100);
    mock.want();
    await mock.clock.advance(60_000);
    mock.want(candle);
    await mock.clock.advance(100);
    expect(mock.candles(candle).map(({ closed }) => closed)).toEqual([false, false]);
  });
});

describe('resync', () => {
  it('sends the whole book in place of its next change, and goes on from there', async () => {
    const orderbook = feed('BTCUSDT', 'orderbook');
    const tick = feed('BTCUSDT', 'tick');
    await using mock = Recorder.started(BINANCE, orderbook, tick);
    await mock.clock.advance(500);
    mock.broker.resync(orderbook);
    expect(mock.conditions.filter((each) => each.feed === orderbook)).toHaveLength(1);
    await mock.clock.advance(300);
    const kinds = mock.books(orderbook).map(({ kind }) => kind);
    expect(kinds).toEqual(['snapshot', 'delta', 'delta', 'delta', 'delta', 'snapshot', 'delta', 'delta']);
    expect(mock.books(orderbook)[5]?.bids[0]?.price).toBe(mock.ticks(tick)[5]?.bid);
    expect(mock.conditions.filter((each) => each.feed === orderbook).map((each) => each.condition.kind)).toEqual([
      'live',
      'live',
    ]);
  });

  it('of a feed that is not wanted does nothing', async () => {
    await using mock = Recorder.started(BINANCE);
    mock.broker.resync(feed('BTCUSDT', 'orderbook'));
    expect([mock.conditions, mock.clock.pending]).toEqual([[], 0]);
  });
});

describe('queries', () => {
  it('for the tick and the book give the present state of the market, before the first step and after', async () => {
    const tick = feed('BTCUSDT', 'tick');
    await using mock = Recorder.started(BINANCE);
    const start = await mock.broker.fetchTick('BTCUSDT');
    expect(start).toMatchObject({ bid: '43250.10', last: '43250.10', time: '2026-01-02T03:04:05.000Z' });
    mock.want(tick);
    await mock.clock.advance(1_000);
    const now = await mock.broker.fetchTick('BTCUSDT');
    const streamed = mock.ticks(tick).at(-1);
    expect({ ...now, last: null }).toEqual({ ...streamed, last: null });
    const book = await mock.broker.fetchOrderBook('BTCUSDT', 5);
    expect([book.kind, book.bids.length, book.asks.length]).toEqual(['snapshot', 5, 5]);
    expect(book.bids[0]).toEqual({ price: now.bid, size: now.bidSize });
    expect((await mock.broker.fetchOrderBook('BTCUSDT', 1000)).asks.length).toBeGreaterThanOrEqual(50);
  });

  it('for trades give the latest, oldest first, with made-up ones before the first', async () => {
    const trade = feed('BTCUSDT', 'trade');
    await using mock = Recorder.started(BINANCE);
    const before = await mock.broker.fetchTrades('BTCUSDT', 20);
    expect(before).toEqual(await mock.broker.fetchTrades('BTCUSDT', 20));
    expect(before).toHaveLength(20);
    mock.want(trade);
    await mock.clock.advance(1_000);
    expect(mock.trades(trade).every(({ backfilled }) => !backfilled)).toBe(true);
    const streamed = mock.trades(trade).map((each) => ({ ...each, backfilled: true }));
    expect(await mock.broker.fetchTrades('BTCUSDT', 3)).toEqual(streamed.slice(-3));
    expect(await mock.broker.fetchTrades('BTCUSDT', streamed.length + 20)).toEqual([...before, ...streamed]);
    const ids = (await mock.broker.fetchTrades('BTCUSDT', 1_000)).map(({ tradeId }) => Number(tradeId));
    expect(ids).toEqual(Array.from(ids, (_, index) => (ids[0] ?? 0) + index));
    const times = before.map(({ time }) => time);
    expect(times).toEqual(times.toSorted());
  });

  it('for trades of mock-oanda are refused', async () => {
    await using mock = Recorder.started(OANDA);
    await expect(mock.broker.fetchTrades('EUR_USD', 1)).rejects.toMatchObject({ code: 'UNSUPPORTED_TYPE' });
  });

  it('for a symbol that is not listed, or of a closed broker, are refused', async () => {
    const mock = Recorder.started(BINANCE);
    const query = { symbol: 'toString', interval: '1m', fromMs: null, toMs: null, limit: 1 } as const;
    await expect(mock.broker.fetchTick('toString')).rejects.toMatchObject({
      code: 'UNKNOWN_SYMBOL',
      details: { symbols: ['toString'] },
    });
    await expect(mock.broker.fetchCandles(query)).rejects.toBeInstanceOf(GatewayError);
    await mock.broker.close();
    await expect(mock.broker.fetchTick('BTCUSDT')).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });
});
