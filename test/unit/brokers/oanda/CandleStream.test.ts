import { describe, expect, it } from 'vitest';
import type { CandleQuestion, Verdict } from '../../../../src/brokers/oanda/CandleConfirmer.ts';
import { CandleStream } from '../../../../src/brokers/oanda/CandleStream.ts';
import type { VenueCandle } from '../../../../src/brokers/oanda/restReplies.ts';
import { SecondsStream } from '../../../../src/brokers/oanda/SecondsStream.ts';
import { decimal } from '../../../../src/market/decimal.ts';
import type { CandleDraft } from '../../../../src/market/marketData.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { brokerContext } from '../../../support/ScriptedBroker.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 2, 3);

/** Open, high, low, close, volume of the minute. */
function venueCandle(
  minute: number,
  [open, high, low, close, volume]: readonly string[],
  complete = true,
): VenueCandle {
  const [o, h, l, c, v] = [open, high, low, close, volume].map((text) => decimal(text ?? '1'));
  if (!o || !h || !l || !c || !v) throw new Error('incomplete');
  return {
    openMs: START + minute * MINUTE,
    complete,
    bar: { open: o, high: h, low: l, close: c, volume: v, tradeCount: null },
  };
}

const short = ({ openTime, open, high, low, close, volume, closed }: CandleDraft) =>
  `${openTime.slice(14, 19)} ${open} ${high} ${low} ${close} ${volume}${closed ? ' closed' : ''}`;

function context() {
  const clock = new FakeClock(START);
  const metrics = new Metrics();
  const told: string[] = [];
  const listener = {
    onCandle: (candle: CandleDraft) => void told.push(short(candle)),
    onGap: (_reason: string, to: string | null) => void told.push(to === null ? 'gap' : `gap to ${to.slice(14, 19)}`),
    onAwaited: () => void told.push('awaited'),
    onLive: () => void told.push('live'),
  };
  const broker = {
    ...brokerContext('oanda', { onEvent() {}, onFeed() {}, onStatus() {}, onActivity() {}, onCatalog() {} }, clock),
    random: () => 0.5,
    metrics,
  };
  const counted = async () => (await metrics.gaps.get()).values.map(({ labels, value }) => [labels['type'], value]);
  return { clock, told, listener, broker, counted };
}

function minutes() {
  const { clock, told, listener, broker, counted } = context();
  const asked: (number | null)[] = [];
  const questions: CandleQuestion[] = [];
  const venue = {
    history: (_signal?: AbortSignal): Promise<readonly VenueCandle[]> => Promise.resolve([]),
  };
  const stream = new CandleStream({
    symbol: 'EUR_USD',
    interval: '1m',
    broker,
    listener,
    confirmer: { ask: (question) => void questions.push(question) },
    history: {
      fetchRecentCandles: (_specification, fromMs, asking) => {
        asked.push(fromMs === null ? null : (fromMs - START) / MINUTE);
        return venue.history(asking?.signal);
      },
    },
  });
  return {
    clock,
    told,
    stream,
    asked,
    questions,
    venue,
    counted,
    take: () => told.splice(0),
    price: (minute: number, price: string) => {
      stream.add({ price: decimal(price), timeMs: START + minute * MINUTE });
    },
    /** The venue's word on the oldest question that is open. */
    answer: (verdict: Verdict) => {
      questions.shift()?.answer(verdict);
    },
    begin: async (...history: VenueCandle[]) => {
      venue.history = () => Promise.resolve(history);
      stream.begin();
      await clock.advance(0);
    },
  };
}

const candleVerdict = (candle: VenueCandle): Verdict => ({ kind: 'candle', candle });

describe('candles of the venue', () => {
  it('begin as the venue has them, and go on with mid prices', async () => {
    const { begin, price, take, asked } = minutes();
    await begin(venueCandle(0, ['1', '1', '1', '1', '9']), venueCandle(1, ['2', '4', '1', '3', '7'], false));
    expect(take()).toEqual(['01:00 2 4 1 3 7', 'live']);
    expect(asked).toEqual([null]);
    price(1.5, '5');
    price(1.6, '0.5');
    expect(take()).toEqual(['01:00 2 5 1 5 8', '01:00 2 5 0.5 0.5 9']);
  });

  it('are closed once, as the venue has them, before the next is published', async () => {
    const { begin, price, take, answer, questions, stream } = minutes();
    await begin(venueCandle(0, ['2', '4', '1', '3', '7'], false));
    price(1.1, '6');
    stream.advance(START + 2 * MINUTE - 1, true);
    price(1.2, '7');
    expect(take()).toEqual(['00:00 2 4 1 3 7', 'live']);
    expect(questions.map(({ openMs }) => openMs)).toEqual([START]);
    answer(candleVerdict(venueCandle(0, ['2', '9', '1', '3', '12'])));
    expect(take()).toEqual(['00:00 2 9 1 3 12 closed', '01:00 6 7 6 7 2']);
    price(0.9, '100');
    price(1.3, '8');
    expect(take()).toEqual(['01:00 6 8 6 8 3']);
  });

  it('are closed as they were built if the venue has none', async () => {
    const { begin, price, take, answer } = minutes();
    await begin(venueCandle(0, ['2', '4', '1', '3', '7'], false));
    price(0.5, '5');
    price(1, '6');
    take();
    answer({ kind: 'none' });
    expect(take()).toEqual(['00:00 2 5 1 5 8 closed', '01:00 6 6 6 6 1']);
  });

  it("are never closed with our own sum if the venue can't be asked: its history is, until it has them", async () => {
    const { begin, price, take, answer, venue, clock, asked, stream } = minutes();
    await begin(venueCandle(0, ['2', '4', '1', '3', '7'], false));
    price(0.5, '5');
    price(1, '6');
    take();
    venue.history = () => Promise.reject(new Error('not now'));
    answer({ kind: 'unknown' });
    await clock.advance(20_000);
    price(1.5, '7');
    expect(take()).toEqual(['awaited']);
    expect(stream.isLive).toBe(false);
    venue.history = () =>
      Promise.resolve([venueCandle(0, ['2', '9', '1', '5', '9'], false), venueCandle(1, ['6'], false)]);
    await clock.advance(30_000);
    expect(take()).toEqual([]);
    venue.history = () =>
      Promise.resolve([venueCandle(0, ['2', '9', '1', '5', '9']), venueCandle(1, ['6', '6', '6', '6', '1'], false)]);
    await clock.advance(30_000);
    expect(take()).toEqual(['00:00 2 9 1 5 9 closed', '01:00 6 6 6 6 1', 'live', '01:00 6 7 6 7 2']);
    expect(asked.slice(1).every((fromMs) => fromMs === 0)).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('do not wait in any number: if many do, the history of the venue is asked for all of them', async () => {
    const { begin, price, take, venue, clock, asked, questions } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    take();
    const { promise, resolve } = Promise.withResolvers<readonly VenueCandle[]>();
    venue.history = () => promise;
    for (let minute = 1; minute <= 1_000; minute += 1) price(minute, '3');
    expect(questions.length).toBeLessThan(30);
    expect(questions.filter(({ isOpen }) => isOpen())).toEqual([]);
    expect(asked.slice(1)).toEqual([0]);
    expect(take()).toEqual(['awaited']);
    const closed = Array.from({ length: 1_000 }, (_, minute) => venueCandle(minute, ['3', '3', '3', '3', '1']));
    resolve([...closed, venueCandle(1_000, ['3', '4', '3', '4', '2'], false)]);
    await clock.advance(0);
    const told = take();
    expect(told.filter((line) => line.endsWith('closed'))).toHaveLength(1_000);
    expect(told.slice(-3)).toEqual(['40:00 3 4 3 4 2', 'live', '40:00 3 4 3 3 3']);
  });

  it('are closed when the time of the venue says so, with no price at all, and a moment later', async () => {
    const { begin, take, answer, stream, questions } = minutes();
    await begin(venueCandle(0, ['2', '4', '1', '3', '7'], false));
    take();
    stream.advance(START + MINUTE, true);
    expect(questions).toEqual([]);
    stream.advance(START + MINUTE + 1_000, true);
    answer({ kind: 'none' });
    expect(take()).toEqual(['00:00 2 4 1 3 7 closed']);
  });

  it('are published though no price of them was streamed, if the venue has them', async () => {
    const { begin, take, answer, stream } = minutes();
    await begin(venueCandle(0, ['2', '4', '1', '3', '7']));
    take();
    stream.advance(START + MINUTE + 1_000, true);
    stream.advance(START + 2 * MINUTE + 1_000, true);
    answer(candleVerdict(venueCandle(1, ['3', '3', '3', '3', '1'])));
    stream.advance(START + 3 * MINUTE + 1_000, true);
    answer({ kind: 'none' });
    expect(take()).toEqual(['01:00 3 3 3 3 1 closed']);
  });

  it('come in their order when the words on them do not', async () => {
    const { begin, price, take, questions } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    price(1, '3');
    price(2, '4');
    take();
    questions[1]?.answer(candleVerdict(venueCandle(1, ['3', '3', '3', '3', '5'])));
    expect(take()).toEqual([]);
    questions[0]?.answer({ kind: 'none' });
    expect(take()).toEqual(['00:00 2 2 2 2 1 closed', '01:00 3 3 3 3 5 closed', '02:00 4 4 4 4 1']);
  });

  it('are not waited for while the market is closed', async () => {
    const { begin, price, take, answer, stream, questions } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    stream.advance(START + MINUTE + 1_000, false);
    answer({ kind: 'none' });
    for (let minute = 2; minute < 10; minute += 1) stream.advance(START + minute * MINUTE + 1_000, false);
    expect(questions).toEqual([]);
    price(100, '7');
    expect(take()).toEqual(['00:00 2 2 2 2 1', 'live', '00:00 2 2 2 2 1 closed', '40:00 7 7 7 7 1']);
  });

  it('take what came while history was on its way', async () => {
    const { clock, venue, stream, price, take } = minutes();
    const { promise, resolve } = Promise.withResolvers<readonly VenueCandle[]>();
    venue.history = () => promise;
    stream.begin();
    price(0.5, '9');
    expect(stream.isLive).toBe(false);
    resolve([venueCandle(0, ['2', '4', '1', '3', '7'], false)]);
    await clock.advance(0);
    expect(take()).toEqual(['00:00 2 4 1 3 7', 'live', '00:00 2 9 1 9 8']);
  });

  it('that were missed in an interruption come first, each closed once', async () => {
    const { begin, price, take, answer, stream, asked } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    price(1, '3');
    answer({ kind: 'none' });
    take();
    stream.interrupt();
    price(1.5, '99');
    await begin(
      venueCandle(0, ['8', '8', '8', '8', '8']),
      venueCandle(1, ['3', '4', '3', '4', '2']),
      venueCandle(3, ['5', '5', '5', '5', '1']),
      venueCandle(4, ['6', '6', '6', '6', '1'], false),
    );
    expect(asked).toEqual([null, 0]);
    expect(take()).toEqual(['01:00 3 4 3 4 2 closed', '03:00 5 5 5 5 1 closed', '04:00 6 6 6 6 1', 'live']);
  });

  it('that waited for the answer of the venue when the stream was lost are closed by history', async () => {
    const { begin, price, take, questions, stream } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    price(1, '3');
    take();
    stream.interrupt();
    await begin(venueCandle(0, ['2', '5', '2', '2', '3']), venueCandle(1, ['3', '3', '3', '3', '1'], false));
    expect(take()).toEqual(['00:00 2 5 2 2 3 closed', '01:00 3 3 3 3 1', 'live']);
    questions[0]?.answer(candleVerdict(venueCandle(0, ['2', '7', '2', '2', '3'])));
    expect(take()).toEqual([]);
  });

  it('are reported as missing if history can not be had, and the one that lacks its beginning is left to the venue', async () => {
    const { begin, price, take, answer, stream, venue, clock, counted } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    take();
    stream.interrupt();
    venue.history = () => Promise.reject(new Error('not now'));
    stream.begin();
    await clock.advance(0);
    price(3.5, '7');
    expect(take()).toEqual(['gap', 'live']);
    expect(await counted()).toEqual([['candle', 1]]);
    price(4, '8');
    answer({ kind: 'none' });
    expect(take()).toEqual(['04:00 8 8 8 8 1']);
    price(5, '9');
    answer(candleVerdict(venueCandle(4, ['8', '9', '8', '9', '6'])));
    expect(take()).toEqual(['04:00 8 9 8 9 6 closed', '05:00 9 9 9 9 1']);
  });

  it('do not wait for history for ever', async () => {
    const { venue, stream, take, clock } = minutes();
    venue.history = (signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          reject(new Error('late'));
        });
      });
    stream.begin();
    await clock.advance(9_999);
    expect(take()).toEqual([]);
    await clock.advance(1);
    expect(take()).toEqual(['live']);
    stream[Symbol.dispose]();
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it('whose beginning could not be had are asked for again, for as long as they grow', async () => {
    const { venue, stream, take, clock, price, asked } = minutes();
    venue.history = () => Promise.reject(new Error('not now'));
    stream.begin();
    await clock.advance(0);
    price(0.1, '5');
    await clock.advance(30_000);
    price(0.6, '6');
    expect(take()).toEqual(['live']);
    venue.history = () => Promise.resolve([venueCandle(0, ['2', '6', '1', '6', '40'], false)]);
    await clock.advance(30_000);
    price(0.9, '7');
    expect(take()).toEqual(['00:00 2 6 1 6 40', '00:00 2 7 1 7 41']);
    await clock.advance(120_000);
    expect(asked).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  it('of so long ago that one answer does not hold them are reported as missing', async () => {
    const { begin, take, stream, clock, asked } = minutes();
    await begin(venueCandle(0, ['2', '2', '2', '2', '1'], false));
    take();
    stream.interrupt();
    await clock.advance(6_000 * MINUTE);
    await begin(venueCandle(6_000, ['3', '3', '3', '3', '1'], false));
    expect(asked[1]).toBeGreaterThan(1_000);
    expect(take()).toEqual(['gap to 00:00', '00:00 3 3 3 3 1', 'live']);
  });
});

describe('candles of one second', () => {
  function seconds() {
    const { told, listener, broker, counted } = context();
    const stream = new SecondsStream({ symbol: 'EUR_USD', broker, listener });
    return {
      stream,
      counted,
      take: () => told.splice(0),
      price: (second: number, price: string) => {
        stream.add({ price: decimal(price), timeMs: START + second * 1_000 });
      },
      advance: (second: number) => {
        stream.advance(START + second * 1_000);
      },
    };
  }

  it('are made of mid prices alone, beginning with the first whole second', () => {
    const { stream, price, take, advance } = seconds();
    stream.begin();
    price(0.5, '1');
    price(1.1, '2');
    price(1.9, '3');
    price(3, '4');
    advance(4.4);
    advance(4.5);
    expect(take()).toEqual([
      'live',
      '00:01 2 2 2 2 1',
      '00:01 2 3 2 3 2',
      '00:01 2 3 2 3 2 closed',
      '00:03 4 4 4 4 1',
      '00:03 4 4 4 4 1 closed',
    ]);
    price(3.9, '9');
    expect(take()).toEqual([]);
  });

  it('that were lost in an interruption are reported as missing, and none is closed twice', async () => {
    const { stream, price, take, counted } = seconds();
    stream.begin();
    price(0.5, '1');
    price(1, '2');
    stream.interrupt();
    price(2, '3');
    take();
    stream.begin();
    price(5.5, '4');
    price(6, '5');
    expect(take()).toEqual(['gap', 'live', '00:06 5 5 5 5 1']);
    expect(await counted()).toEqual([['candle', 1]]);
  });
});
