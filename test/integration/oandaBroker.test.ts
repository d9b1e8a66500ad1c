import { describe, expect, it } from 'vitest';
import type { Feed } from '../../src/brokers/BaseBroker.ts';
import { OandaBudgets } from '../../src/brokers/oanda/OandaBudgets.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { seededRandom } from '../../src/shared/random.ts';
import { feedOf } from '../support/BrokerRecord.ts';
import { ACCOUNT, OTHER_ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const TICK = feedOf('EUR_USD', 'tick');
const BOOK = feedOf('EUR_USD', 'orderbook');
const FIVE_SECONDS = feedOf('EUR_USD', 'candle', '5s');
const MINUTE = feedOf('EUR_USD', 'candle', '1m');
const EVERY_PRICE = { windowMs: 0 };

describe('the OANDA broker and its venue', () => {
  it('carries ticks and books, digit for digit, and finds out which instruments the account may trade', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK]);
    await gateway.waitForState('live', TICK, BOOK);
    const sent = gateway.venue.price(
      ACCOUNT.id,
      'EUR_USD',
      {
        bids: [
          { price: '1.08450', liquidity: 2_000_000 },
          { price: '1.08460', liquidity: 1_000_000 },
        ],
        asks: [{ price: '1.08470', liquidity: 500_000 }],
      },
      { liquidity: 'fraction' },
    );
    await gateway.waitForTicks(TICK, 2);
    expect(gateway.ticks(TICK)[1]).toMatchObject({ bid: '1.08460', bidSize: '1000000.0', askSize: '500000.0' });
    expect(gateway.ticks(TICK)[1]?.time).toMatch(new RegExp(`\\.${String(sent.time).slice(-9)}Z$`));
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08400', ask: '1.08501' });
    await waitFor(() => gateway.ticks(TICK).some(({ bid }) => bid === '1.08400'));
    expect(gateway.ticks(TICK).at(-1)).toMatchObject({
      ask: '1.08501',
      bidSize: '10000000',
      mid: '1.084505',
      spread: '0.00101',
      last: null,
    });
    expect(gateway.books(BOOK).at(-1)).toMatchObject({
      kind: 'snapshot',
      bids: [{ price: '1.08400', size: '10000000' }],
      asks: [{ price: '1.08501', size: '10000000' }],
    });
    expect(gateway.broker.catalog?.get('XAU_JPY')).toMatchObject({ tickSize: '1', displayName: 'Gold/JPY' });
    expect(gateway.broker.catalog?.get('DE30_EUR')).toMatchObject({ lotSize: '0.1', base: 'DE30', quote: 'EUR' });
    expect(gateway.statuses).toEqual([{ kind: 'connecting', attempt: 1 }, { kind: 'connected' }]);
  });

  it.each([
    ['sizes with a fraction', { liquidity: 'fraction' }],
    ['sizes as text', { liquidity: 'string' }],
    ['times since the epoch', { timeFormat: 'UNIX' }],
    ['whole seconds', { timeDigits: 0 }],
    ['neither type nor tradeable', { omit: ['type', 'tradeable'] }],
    ['members in another order, and unknown ones', { reordered: true, extra: { tags: [1], note: 'zwölf €' } }],
  ] as const)('understands prices with %s', async (_name, style) => {
    await using gateway = await startOandaBroker([TICK], {
      before: (venue) => {
        venue.faults.stream.style = { ...style };
      },
    });
    await gateway.waitForState('live', TICK);
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', {
      bid: '1.08400',
      time: BigInt(gateway.clock.now() + 2_000) * 1_000_000n,
    });
    await waitFor(() => gateway.ticks(TICK).at(-1)?.bid === '1.08400');
    expect(gateway.ticks(TICK).at(-1)?.bidSize).toMatch(/^10000000(\.0)?$/);
    expect((await gateway.metrics.invalidMessages.get()).values).toEqual([]);
  });

  it('reports the same for a stream that is cut at every byte, has other line ends, or comes in one piece', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK], { venue: EVERY_PRICE });
    await gateway.waitForState('live', TICK, BOOK);
    const { stream } = gateway.venue.faults;
    const manners = [
      { cut: 'bytes' },
      { lineEnd: '\r\n', blankLines: true },
      { cut: 'none', coalesced: true },
    ] as const;
    const expected: (string | undefined)[] = [];
    for (const manner of manners) {
      Object.assign(stream, manner);
      for (let count = 0; count < 5; count += 1) {
        gateway.venue.market('EUR_USD').tick();
        expected.push(gateway.venue.lastPrice(ACCOUNT.id, 'EUR_USD')?.bids[0]?.price);
      }
    }
    await gateway.waitForTicks(TICK, 16);
    expect(
      gateway
        .ticks(TICK)
        .map(({ bid }) => bid)
        .slice(1),
    ).toEqual(expected);
    expect(
      gateway
        .books(BOOK)
        .map(({ bids }) => bids[0]?.price)
        .slice(1),
    ).toEqual(expected);
    expect((await gateway.metrics.invalidMessages.get()).values).toEqual([]);
  });

  it('opens a stream only while something is wanted', async () => {
    await using gateway = await startOandaBroker([]);
    await waitFor(() => gateway.statuses.at(-1)?.kind === 'connected');
    expect(gateway.venue.streamAttempts()).toBe(0);
    gateway.want(TICK);
    await gateway.waitForState('live', TICK);
    gateway.want();
    await gateway.venue.waitForStreams(ACCOUNT.id, 0);
    await waitFor(() => gateway.statuses.at(-1)?.kind === 'connected');
  });

  it('changes instruments under load without a gap and without a repeated price', async () => {
    await using gateway = await startOandaBroker([TICK], { venue: EVERY_PRICE });
    await gateway.waitForState('live', TICK);
    const made: (bigint | undefined)[] = [];
    const changes = [['USD_JPY'], ['USD_JPY', 'XAU_USD'], ['GBP_USD']];
    for (const names of changes) {
      gateway.want(TICK, ...names.map((name) => feedOf(name, 'tick')));
      let ticks = 0;
      await waitFor(() => {
        gateway.venue.market('EUR_USD').tick();
        made.push(gateway.venue.lastPrice(ACCOUNT.id, 'EUR_USD')?.time);
        ticks += 1;
        const [only, ...others] = gateway.venue.streamsOf(ACCOUNT.id);
        return ticks > 30 && others.length === 0 && names.every((name) => only?.has(name));
      }, 'one stream with all instruments');
    }
    await waitFor(() => gateway.ticks(TICK).length === made.length + 1, `all ${made.length} prices`);
    const times = gateway.ticks(TICK).map(({ time }) => time);
    expect(new Set(times).size).toBe(times.length);
    expect(times).toEqual(times.toSorted());
    expect(gateway.conditions(TICK)).toEqual([{ kind: 'live' }]);
    expect(gateway.venue.mostStreams(ACCOUNT.id)).toBe(2);
    expect(gateway.venue.streamsOpened()).toBe(4);
  });

  it('has one stream with at least what is wanted, after any number of changes', async () => {
    await using gateway = await startOandaBroker([TICK]);
    await gateway.waitForState('live', TICK);
    const random = seededRandom(7);
    const symbols = gateway.broker.catalog?.instruments.map(({ symbol }) => symbol) ?? [];
    let wanted: Feed[] = [];
    for (let change = 0; change < 100; change += 1) {
      wanted = symbols.filter(() => random() < 0.4).map((symbol) => feedOf(symbol, 'tick'));
      gateway.want(TICK, ...wanted);
      // The broker and its venue share this process: both make progress while its event loop turns.
      for (let turn = random() * 40; turn > 1; turn -= 1) await new Promise(setImmediate);
    }
    await gateway.waitForState('live', TICK, ...wanted);
    await gateway.venue.waitForStreams(ACCOUNT.id, 1);
    expect(wanted.every(({ symbol }) => gateway.venue.streamsOf(ACCOUNT.id)[0]?.has(symbol))).toBe(true);
    expect(gateway.venue.requests.filter(({ status }) => status >= 400)).toEqual([]);
    expect(gateway.conditions(TICK)).toEqual([{ kind: 'live' }]);
  });

  it('never mixes the prices of two accounts, even if they share a budget', async () => {
    await using venue = await StandInOanda.start({ heartbeatMs: 100, ...EVERY_PRICE });
    const budgets = new OandaBudgets({ clock: systemClock });
    const [ours, theirs] = [feedOf('EUR_USD', 'tick'), feedOf('EUR_USD', 'tick')];
    await using mine = await startOandaBroker([ours], { standIn: venue, broker: { budgets } });
    await using other = await startOandaBroker([theirs], {
      standIn: venue,
      broker: { budgets },
      account: OTHER_ACCOUNT,
    });
    await mine.waitForState('live', ours);
    await other.waitForState('live', theirs);
    for (let count = 0; count < 10; count += 1) venue.market('EUR_USD').tick('1.08452');
    await mine.waitForTicks(ours, 11);
    await other.waitForTicks(theirs, 11);
    expect(new Set(mine.ticks(ours).map(({ mid }) => mid))).toEqual(new Set(['1.08452']));
    expect(new Set(other.ticks(theirs).map(({ mid }) => mid))).toEqual(new Set(['1.08952']));
  });

  it('answers queries from the venue', async () => {
    await using gateway = await startOandaBroker([]);
    const { broker, venue } = gateway;
    const { bids, asks } = venue.price(ACCOUNT.id, 'EUR_JPY');
    expect(await broker.fetchTick('EUR_JPY')).toMatchObject({ bid: bids[0]?.price, ask: asks[0]?.price });
    const book = await broker.fetchOrderBook('EUR_JPY', 2);
    expect(book?.bids.map(({ price }) => price)).toEqual(bids.slice(0, 2).map(({ price }) => price));
    await expect(broker.fetchTick('NO_SUCH')).rejects.toMatchObject({ code: 'UNKNOWN_SYMBOL' });
    await expect(broker.fetchTrades('EUR_JPY', 1)).rejects.toMatchObject({ code: 'UNSUPPORTED_TYPE' });
  });
});

describe('candles of OANDA', () => {
  it('begin with the venue’s values, grow with its prices, and are closed once with the venue’s values', async () => {
    await using gateway = await startOandaBroker([FIVE_SECONDS, MINUTE], { venue: EVERY_PRICE });
    await gateway.waitForState('live', FIVE_SECONDS, MINUTE);
    using _run = gateway.venue.run({ everyMs: 100 });
    await gateway.clock.hurryUntil(
      () => gateway.candles(FIVE_SECONDS).filter(({ closed }) => closed).length === 2,
      'two candles',
    );
    const candles = gateway.candles(FIVE_SECONDS);
    const opens = candles.map(({ openTime }) => openTime);
    expect(opens).toEqual(opens.toSorted());
    for (const closed of candles.filter((candle) => candle.closed)) {
      const [same] = await gateway.broker.fetchCandles({
        symbol: 'EUR_USD',
        interval: '5s',
        limit: 1,
        fromMs: Date.parse(closed.openTime),
        toMs: Date.parse(closed.openTime),
      });
      expect(same?.backfilled).toBe(true);
      expect(closed).toEqual({ ...same, receivedAt: closed.receivedAt, backfilled: false });
      const index = candles.indexOf(closed);
      expect(candles.slice(index + 1).every(({ openTime }) => openTime > closed.openTime)).toBe(true);
    }
    expect(gateway.candles(MINUTE).length).toBeGreaterThan(10);
  });

  it('are closed as the venue counted them, and not before it can be asked, which is told as recovering', async () => {
    await using gateway = await startOandaBroker([FIVE_SECONDS], { venue: EVERY_PRICE });
    await gateway.waitForState('live', FIVE_SECONDS);
    using _run = gateway.venue.run({ everyMs: 100 });
    const market = gateway.venue.accountMarket(ACCOUNT.id, 'EUR_USD');
    const growing = await waitFor(() => gateway.candles(FIVE_SECONDS).at(-1));
    const openMs = Date.parse(growing.openTime);
    market.candles.write('S5', openMs, { volume: 4_711 });
    const closed = (openTime: number) =>
      gateway.clock.hurryUntil(
        () => gateway.candles(FIVE_SECONDS).find((each) => each.closed && Date.parse(each.openTime) === openTime),
        'a closed candle',
      );
    expect(await closed(openMs)).toMatchObject({ volume: '4711' });
    gateway.venue.faults.maintenance = 502;
    await gateway.waitForState('recovering', FIVE_SECONDS);
    market.candles.write('S5', openMs + 5_000, { volume: 4_712 });
    gateway.venue.faults.maintenance = null;
    expect(await closed(openMs + 5_000)).toMatchObject({ volume: '4712' });
    await gateway.waitForState('live', FIVE_SECONDS);
  });

  it('that ended while the stream was lost come first, with the venue’s values', async () => {
    await using gateway = await startOandaBroker([FIVE_SECONDS], { venue: EVERY_PRICE });
    await gateway.waitForState('live', FIVE_SECONDS);
    using _run = gateway.venue.run({ everyMs: 100 });
    await gateway.clock.hurryUntil(() => gateway.candles(FIVE_SECONDS).length > 3, 'a candle that grows');
    const firstMs = Date.parse(gateway.candles(FIVE_SECONDS).at(-1)?.openTime ?? '');
    gateway.venue.faults.opening.nextReply(503, { times: 1_000 });
    await gateway.venue.faults.hangUp('reset');
    await gateway.waitForState('recovering', FIVE_SECONDS);
    const market = gateway.venue.market('EUR_USD');
    await gateway.clock.hurryUntil(() => {
      market.tick();
      return gateway.clock.now() > firstMs + 11_000;
    }, 'two candles to pass');
    gateway.venue.faults.opening.clear();
    await gateway.waitForState('live', FIVE_SECONDS);
    const closed = gateway.candles(FIVE_SECONDS).filter((candle) => candle.closed);
    const opens = closed.map(({ openTime }) => Date.parse(openTime)).filter((openMs) => openMs >= firstMs);
    expect(opens.slice(0, 2)).toEqual([firstMs, firstMs + 5_000]);
    expect(gateway.gaps(FIVE_SECONDS)).toEqual([]);
  });

  it('of the past come in order, aligned to UTC, but never for one second', async () => {
    await using gateway = await startOandaBroker([]);
    const { broker } = gateway;
    const query = { symbol: 'EUR_USD', fromMs: null, toMs: null, limit: 30 };
    for (const [interval, lengthMs] of [
      ['5s', 5_000],
      ['4h', 14_400_000],
      ['1d', 86_400_000],
    ] as const) {
      const askedMs = gateway.clock.now();
      const candles = await broker.fetchCandles({ ...query, interval });
      const answeredMs = gateway.clock.now();
      const opens = candles.map(({ openTime }) => Date.parse(openTime));
      expect(opens).toHaveLength(30);
      expect(opens).toEqual([...new Set(opens)].toSorted((a, b) => a - b));
      expect(opens.filter((openMs) => openMs % lengthMs !== 0)).toEqual([]);
      // A candle that ends while it is being fetched may be reported either way.
      const endOf = ({ openTime }: { readonly openTime: string }): number => Date.parse(openTime) + lengthMs;
      const sure = candles.filter((candle) => endOf(candle) <= askedMs || endOf(candle) > answeredMs);
      expect(sure.map(({ closed }) => closed)).toEqual(sure.map((candle) => endOf(candle) <= askedMs));
    }
    await expect(broker.fetchCandles({ ...query, interval: '1s' })).rejects.toMatchObject({ code: 'UNSUPPORTED_TYPE' });
    await expect(broker.fetchCandles({ ...query, symbol: 'NO_SUCH', interval: '1m' })).rejects.toMatchObject({
      code: 'UNKNOWN_SYMBOL',
    });
  });

  it('of a time span are complete, whatever the size of a page', async () => {
    await using gateway = await startOandaBroker([], { venue: { limits: { candles: 500 } } });
    const toMs = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
    const fromMs = toMs - 1_199 * 60_000;
    const candles = await gateway.broker.fetchCandles({
      symbol: 'EUR_USD',
      interval: '1m',
      fromMs,
      toMs,
      limit: 5_000,
    });
    expect(candles.map(({ openTime }) => Date.parse(openTime))).toEqual(
      Array.from({ length: 1_200 }, (_, index) => fromMs + index * 60_000),
    );
    const newest = await gateway.broker.fetchCandles({
      symbol: 'EUR_USD',
      interval: '1m',
      fromMs: null,
      toMs,
      limit: 1_200,
    });
    expect(newest.map(({ openTime }) => openTime)).toEqual(candles.map(({ openTime }) => openTime));
  });
});
