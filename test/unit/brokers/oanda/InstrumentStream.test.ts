import { describe, expect, it } from 'vitest';
import type { Feed, FeedCondition } from '../../../../src/brokers/BaseBroker.ts';
import type { CandleQuestion } from '../../../../src/brokers/oanda/CandleConfirmer.ts';
import { InstrumentStream } from '../../../../src/brokers/oanda/InstrumentStream.ts';
import type { VenueCandle } from '../../../../src/brokers/oanda/restReplies.ts';
import type { VenuePrice } from '../../../../src/brokers/oanda/streamMessages.ts';
import type { FeedEventDraft } from '../../../../src/market/marketData.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { brokerContext } from '../../../support/ScriptedBroker.ts';
import { priceOf } from './prices.ts';

const TICK: Feed = { symbol: 'EUR_USD', type: 'tick', interval: null };
const BOOK: Feed = { symbol: 'EUR_USD', type: 'orderbook', interval: null };
const MINUTE: Feed = { symbol: 'EUR_USD', type: 'candle', interval: '1m' };
const NAMES = new Map([
  [TICK, 'tick'],
  [BOOK, 'book'],
  [MINUTE, 'minute'],
]);

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000001Z`;
const seconds = (event: FeedEventDraft): string => event.time.slice(17, 19);

function open(...feeds: Feed[]) {
  const clock = new FakeClock();
  const told: string[] = [];
  const questions: CandleQuestion[] = [];
  const venue = {
    price: (): Promise<VenuePrice | null> => Promise.resolve(null),
    candles: (): Promise<readonly VenueCandle[]> => Promise.resolve([]),
  };
  const stream = new InstrumentStream({
    symbol: 'EUR_USD',
    places: 5,
    rest: { fetchPrice: () => venue.price(), fetchRecentCandles: () => venue.candles() },
    confirmer: { ask: (question) => void questions.push(question) },
    onUndelivered: () => void told.push('another stream is wanted'),
    broker: {
      ...brokerContext(
        'oanda',
        {
          onEvent: (feed, event) =>
            void told.push(`${NAMES.get(feed)} ${seconds(event)}${'closed' in event && event.closed ? ' closed' : ''}`),
          onFeed: (feed, condition: FeedCondition) => void told.push(`${NAMES.get(feed)} is ${condition.kind}`),
          onStatus() {},
          onActivity() {},
          onCatalog() {},
        },
        clock,
      ),
      random: () => 0.5,
    },
  });
  stream.setFeeds(new Set(feeds));
  return {
    clock,
    stream,
    told,
    venue,
    questions,
    take: () => told.splice(0),
    receive: (second: number, fields: Parameters<typeof priceOf>[0] = {}) => {
      stream.receive(priceOf({ time: at(second), ...fields }), clock.now());
    },
  };
}

describe('an instrument', () => {
  it('is live with its first price, and then publishes each that is newer', () => {
    const { receive, take } = open(TICK, BOOK);
    expect(take()).toEqual([]);
    receive(5);
    expect(take()).toEqual(['tick 05', 'book is live', 'book 05', 'tick is live']);
    receive(6);
    receive(6);
    receive(4);
    receive(7);
    expect(take()).toEqual(['tick 06', 'book 06', 'tick 07', 'book 07']);
  });

  it('is recovering from a loss until its next price, and publishes no price twice except in a book', () => {
    const { receive, take, stream } = open(TICK, BOOK);
    receive(5);
    take();
    stream.lost('reset');
    stream.lost('reset');
    expect(take()).toEqual(['tick is recovering', 'book is recovering']);
    receive(5);
    expect(take()).toEqual(['book is live', 'book 05', 'tick is live']);
    stream.lost('reset');
    take();
    receive(3);
    expect(take()).toEqual(['book is live', 'book 05', 'tick is live']);
  });

  it('whose prices look old for more than ten seconds begins anew, for the time of the last one can not be right', async () => {
    const { receive, take, clock } = open(TICK, BOOK);
    receive(50);
    take();
    for (let second = 1; second <= 11; second += 1) {
      receive(second);
      await clock.advance(1_000);
    }
    expect(take()).toEqual([]);
    receive(12);
    expect(take()).toEqual([
      'tick is recovering',
      'book is recovering',
      'tick 12',
      'book is live',
      'book 12',
      'tick is live',
    ]);
    receive(13);
    expect(take()).toEqual(['tick 13', 'book 13']);
  });

  it('does not begin anew for old prices between newer ones, nor for one after each loss', async () => {
    const { receive, take, clock, stream } = open(TICK);
    for (let second = 5; second <= 40; second += 5) {
      receive(second);
      receive(1);
      await clock.advance(8_000);
    }
    expect(take()).toHaveLength(9);
    await clock.advance(60_000);
    receive(40);
    receive(40);
    for (let loss = 0; loss < 3; loss += 1) {
      stream.lost('reset');
      receive(2);
      await clock.advance(8_000);
    }
    expect(take().filter((told) => /\d/.test(told))).toEqual([]);
  });

  it('of a closed market is closed, not stale, and live again with its first price to trade at', () => {
    const { receive, take, stream } = open(TICK, BOOK);
    receive(5);
    take();
    receive(6, { tradeable: false });
    expect(take()).toEqual(['tick 06', 'book 06', 'tick is closed', 'book is closed']);
    receive(7, { tradeable: false });
    stream.advance(Date.UTC(2026, 0, 5));
    expect(take()).toEqual([]);
    receive(8);
    expect(take()).toEqual(['tick 08', 'book is live', 'book 08', 'tick is live']);
  });

  it('of a market that was closed before anybody came shows its last price', () => {
    const { receive, take } = open(TICK, BOOK);
    receive(5, { tradeable: false });
    expect(take()).toEqual(['tick 05', 'book 05', 'tick is closed', 'book is closed']);
  });

  it('without a quote on one side has a book and no tick', () => {
    const { receive, take } = open(TICK, BOOK);
    receive(5, { bids: [] });
    expect(take()).toEqual(['tick is withdrawn', 'book is live', 'book 05']);
    receive(6);
    expect(take()).toEqual(['tick 06', 'book 06', 'tick is live']);
  });

  it('that loses a quote withdraws its last tick at once, be its market open or closed', () => {
    const { receive, take } = open(TICK, BOOK);
    receive(5);
    take();
    receive(6, { asks: [] });
    expect(take()).toEqual(['tick is withdrawn', 'book 06']);
    receive(7);
    take();
    receive(8, { bids: [], asks: [], tradeable: false });
    expect(take()).toEqual(['tick is withdrawn', 'book 08', 'tick is closed', 'book is closed']);
  });

  it('whose sizes are not stated has ticks and no book', () => {
    const { receive, take } = open(TICK, BOOK);
    receive(5, { bids: [['1.1', null]], asks: [['1.2', '1']] });
    expect(take()).toEqual(['tick 05', 'book is withdrawn', 'tick is live']);
    receive(6);
    expect(take()).toEqual(['tick 06', 'book is live', 'book 06']);
  });

  it('is stale while its prices make no sense, until the next one that does, old or new', () => {
    const { receive, take, stream } = open(TICK, BOOK);
    receive(5);
    take();
    stream.unreadable();
    stream.unreadable();
    expect(take()).toEqual(['tick is stale', 'book is stale']);
    receive(5);
    expect(take()).toEqual(['tick is live', 'book is live']);
  });

  it('is stale if its very first price makes no sense, and recovering again if the stream is lost', () => {
    const { receive, take, stream } = open(TICK);
    stream.unreadable();
    expect(take()).toEqual(['tick is stale']);
    stream.lost('reset');
    expect(take()).toEqual(['tick is recovering']);
    receive(5);
    expect(take()).toEqual(['tick 05', 'tick is live']);
  });

  it('is stale if the venue is alive and sends no price of it, be it at the start or after a loss', () => {
    const { receive, take, stream } = open(TICK, BOOK);
    for (const second of [0, 9, 10, 11]) stream.advance(Date.UTC(2026, 0, 2, 3, 4, second));
    expect(take()).toEqual(['tick is stale', 'book is stale']);
    receive(12);
    expect(take()).toEqual(['tick 12', 'book is live', 'book 12', 'tick is live']);
    stream.advance(Date.UTC(2026, 0, 2, 3, 5));
    stream.lost('reset');
    expect(take()).toEqual(['tick is recovering', 'book is recovering']);
    for (const second of [0, 9]) stream.advance(Date.UTC(2026, 0, 2, 3, 6, second));
    expect(take()).toEqual([]);
    stream.advance(Date.UTC(2026, 0, 2, 3, 6, 10));
    expect(take()).toEqual(['tick is stale', 'book is stale']);
  });

  it('is stale while everything that comes is late, with one reason, and live again when it is in time', () => {
    const { receive, take, stream } = open(TICK, BOOK);
    receive(5);
    take();
    stream.setLateness(12_000);
    stream.setLateness(13_000);
    expect(take()).toEqual(['tick is stale', 'book is stale']);
    receive(6);
    expect(take().filter((line) => line.includes(' is '))).toEqual([]);
    stream.setLateness(null);
    expect(take()).toEqual(['tick is live', 'book is live']);
  });

  it('whose quotes cross has no book until they do no more', () => {
    const { receive, take } = open(TICK, BOOK);
    receive(5);
    take();
    const crossed = { bids: [['1.2', '1']], asks: [['1.1', '1']] } as const;
    receive(6, crossed);
    receive(7, crossed);
    expect(take()).toEqual(['tick 06', 'book is recovering', 'tick 07']);
    receive(8);
    expect(take()).toEqual(['tick 08', 'book is live', 'book 08']);
  });

  it('gives new feeds the known price, and others nothing', () => {
    const { receive, take, stream } = open(TICK);
    receive(5);
    take();
    stream.setFeeds(new Set([TICK, BOOK]));
    expect(take()).toEqual(['book is live', 'book 05']);
    stream.setFeeds(new Set([BOOK]));
    receive(6);
    expect(take()).toEqual(['book 06']);
  });

  it('reports to new feeds that its market is closed, and gives them its last price', () => {
    const { receive, take, stream } = open(TICK);
    receive(5, { tradeable: false });
    take();
    stream.setFeeds(new Set([TICK, BOOK, MINUTE]));
    expect(take()).toEqual(['book 05', 'book is closed', 'minute is closed']);
  });

  it('reports to new feeds that it is lost', () => {
    const { stream, take } = open(TICK);
    stream.lost('no stream yet');
    stream.setFeeds(new Set([TICK, BOOK]));
    expect(take()).toEqual(['tick is recovering', 'book is recovering']);
  });

  it('begins a book again from the venue, on request', async () => {
    const { receive, take, stream, venue, clock } = open(BOOK);
    receive(5);
    take();
    venue.price = () => Promise.resolve(priceOf({ time: at(9) }));
    stream.resync(BOOK, 'crossed');
    await clock.advance(0);
    expect(take()).toEqual(['book is live', 'book 09']);
    receive(8);
    expect(take()).toEqual([]);
  });

  it('begins a book again with the next price if the venue can not be asked', async () => {
    const { receive, take, stream, venue, clock } = open(BOOK);
    receive(5);
    take();
    venue.price = () => Promise.reject(new Error('not now'));
    stream.resync(BOOK, 'crossed');
    await clock.advance(0);
    receive(6);
    expect(take()).toEqual(['book is live', 'book 06']);
  });

  it('makes candles of what comes after its first price, which history has', async () => {
    const { receive, take, clock } = open(MINUTE);
    receive(5);
    expect(take()).toEqual([]);
    await clock.advance(0);
    expect(take()).toEqual(['minute is live']);
    receive(6);
    receive(6);
    receive(7, { asks: [] });
    receive(8);
    expect(take()).toEqual(['minute 06', 'minute 08']);
  });

  it('puts the price that closes a market into its candle, and stays closed when that ends', async () => {
    const { receive, take, stream, questions, clock } = open(MINUTE);
    receive(5);
    await clock.advance(0);
    receive(6, { tradeable: false });
    expect(take()).toEqual(['minute is live', 'minute 06', 'minute is closed']);
    stream.advance(Date.UTC(2026, 0, 2, 3, 6));
    questions[0]?.answer({ kind: 'none' });
    expect(take()).toEqual(['minute 00 closed', 'minute is closed']);
  });

  it('has nothing left when it is disposed of', async () => {
    const { receive, take, stream, venue, clock } = open(TICK, BOOK, MINUTE);
    receive(5);
    const { promise, resolve } = Promise.withResolvers<VenuePrice>();
    venue.price = () => promise;
    stream.resync(BOOK, 'crossed');
    take();
    stream[Symbol.dispose]();
    resolve(priceOf({ time: at(9) }));
    await clock.advance(20_000);
    expect(take()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
