import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../../src/brokers/BaseBroker.ts';
import type { FeedEventDraft } from '../../../../src/market/marketData.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';
import { content, fault, steps, story, watchful } from './faulty.ts';
import { BINANCE, feed, OANDA } from './recorder.ts';
import type { Recorder } from './recorder.ts';

describe.each([BINANCE, OANDA])('with any faults at once the same seed of $kind', (options) => {
  const [symbol = ''] = Object.keys(options.symbols);
  const feeds = (['tick', 'orderbook', 'trade'] as const).map((type) => feed(symbol, type));
  const [ticks, books, trades] = feeds;
  if (ticks === undefined || books === undefined || trades === undefined) throw new Error('no feeds');
  const anyFault = fc.record({
    kind: fc.constantFrom(
      ...(['silence', 'disconnect', 'gap', 'duplicate', 'outOfOrder', 'crossedBook', 'halt'] as const),
    ),
    afterMs: fc.integer({ min: 0, max: 8_000 }),
    forMs: fc.integer({ min: 1, max: 3_000 }),
    everyMs: fc.constant(null),
    symbols: fc.constantFrom(null, [symbol]),
  });

  it('gives the same in the same order but for what is lost; books are right, holes are told, all ends well', async () => {
    await using clean = watchful(options, ...feeds);
    await clean.clock.advance(16_000);
    const all = {
      ticks: clean.ticks(ticks).map(text),
      trades: clean.trades(trades).map(text),
      books: booksOf(clean, books),
    };
    await fc.assert(
      fc.asyncProperty(fc.array(anyFault, { minLength: 1, maxLength: 8 }), async (faults) => {
        await using mock = watchful({ ...options, faults }, ...feeds);
        await mock.clock.advance(15_000);
        expect(isPartOf(mock.ticks(ticks).map(text), all.ticks)).toBe(true);
        expect(isPartOf(mock.trades(trades).map(text), all.trades)).toBe(true);
        const shown = booksOf(mock, books);
        expect(isPartOf(shown, all.books)).toBe(true);
        expect(mock.strays).toBe(0);
        const holes = steps(mock.trades(trades).map(({ tradeId }) => Number(tradeId))).filter((step) => step > 1);
        expect(story(mock, trades).filter((told) => told === 'gap')).toHaveLength(holes.length);
        for (const each of feeds) {
          const last = mock.conditions.findLast(
            ({ feed: of, condition }) => of === each && condition.kind !== 'gap',
          )?.condition;
          expect(last?.kind).toBe(each === trades && options.kind === 'mock-oanda' ? 'closed' : 'live');
        }
        const { bids, asks } = await mock.broker.fetchOrderBook(symbol, 1_000);
        expect(shown.at(-1)).toBe(JSON.stringify({ bids, asks }));
      }),
      { numRuns: 60 },
    );
  });
});

const text = (event: FeedEventDraft): string => JSON.stringify(content(event));

it('a change that is late is not applied to the snapshot that has it already', async () => {
  const book = feed('BTCUSDT', 'orderbook');
  const faults = [fault('outOfOrder', { afterMs: 0, forMs: 10_000 })];
  await using clean = watchful(BINANCE, book);
  await using mock = watchful({ ...BINANCE, faults }, book);
  await clean.clock.advance(11_000);
  for (const ms of [100, 200, 300, 400, 500, 600]) {
    await mock.clock.advance(ms);
    mock.broker.resync(book);
  }
  await mock.clock.advance(8_900);
  expect(isPartOf(booksOf(mock, book), booksOf(clean, book))).toBe(true);
});

/** The whole book after each event of the feed. */
function booksOf(mock: Recorder, wanted: Feed): readonly string[] {
  const kept = new OrderBook();
  return mock.books(wanted).map((event) => {
    kept.apply(event);
    return JSON.stringify(kept.top(1_000));
  });
}

/** True if all of `part` is in `whole`, in the same order and each once. */
function isPartOf(part: readonly string[], whole: readonly string[]): boolean {
  let at = -1;
  return part.every((each) => {
    at = whole.indexOf(each, at + 1);
    return at !== -1;
  });
}
