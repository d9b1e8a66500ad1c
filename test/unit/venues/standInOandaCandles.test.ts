import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hasRecordings, recordingJson } from '../../support/recordings.ts';
import { DEFAULT_ACCOUNTS } from '../../venues/oanda/accounts.ts';
import { slotAt } from '../../venues/oanda/granularity.ts';
import type { Granularity } from '../../venues/oanda/granularity.ts';
import { StandInOanda } from '../../venues/oanda/StandInOanda.ts';

/** This is a Tuesday. */
const NOW = Date.UTC(2026, 4, 5, 6, 7, 30);
const [FIRST, SECOND] = DEFAULT_ACCOUNTS;
const UTC = { hour: 0, timeZone: 'UTC', weekday: 5 };

const Ohlc = z.object({ o: z.string(), h: z.string(), l: z.string(), c: z.string() });
const Candles = z.object({
  instrument: z.string(),
  granularity: z.string(),
  candles: z.array(
    z.strictObject({
      complete: z.boolean(),
      volume: z.int(),
      time: z.string(),
      mid: Ohlc.exactOptional(),
      bid: Ohlc.exactOptional(),
      ask: Ohlc.exactOptional(),
    }),
  ),
});
type Candle = z.infer<typeof Candles>['candles'][number];

async function get(venue: StandInOanda, path: string): Promise<unknown> {
  const response = await fetch(`${venue.restUrl}/v3/${path}`, { headers: { authorization: `Bearer ${FIRST.token}` } });
  return response.json();
}

async function candles(venue: StandInOanda, query: string): Promise<Candle[]> {
  return Candles.parse(await get(venue, `accounts/${FIRST.id}/instruments/EUR_USD/candles?${query}`)).candles;
}

async function refusal(venue: StandInOanda, query: string): Promise<unknown> {
  return z
    .object({ errorMessage: z.string() })
    .parse(await get(venue, `accounts/${FIRST.id}/instruments/EUR_USD/candles?${query}`)).errorMessage;
}

function start(now: () => number = () => NOW): Promise<StandInOanda> {
  return StandInOanda.start({ now, limits: { connectionsPerSecond: 100 } });
}

describe('slots', () => {
  it.each<[Granularity, string, string]>([
    ['S5', '2026-05-05T06:07:30.000Z', '2026-05-05T06:07:35.000Z'],
    ['M4', '2026-05-05T06:04:00.000Z', '2026-05-05T06:08:00.000Z'],
    ['H1', '2026-05-05T06:00:00.000Z', '2026-05-05T07:00:00.000Z'],
    ['H4', '2026-05-05T05:00:00.000Z', '2026-05-05T09:00:00.000Z'],
    ['D', '2026-05-04T21:00:00.000Z', '2026-05-05T21:00:00.000Z'],
    ['W', '2026-05-01T21:00:00.000Z', '2026-05-08T21:00:00.000Z'],
    ['M', '2026-05-01T21:00:00.000Z', '2026-06-01T21:00:00.000Z'],
  ])('of %s begin where the venue’s do by default', (granularity, startText, endText) => {
    const { startMs, endMs } = slotAt(granularity, NOW);
    expect([new Date(startMs).toISOString(), new Date(endMs).toISOString()]).toEqual([startText, endText]);
  });

  it('of a day follow daylight saving, and begin at midnight if UTC is requested', () => {
    const winter = slotAt('D', Date.UTC(2026, 0, 15, 12));
    expect(new Date(winter.startMs).toISOString()).toBe('2026-01-14T22:00:00.000Z');
    const changing = slotAt('D', Date.UTC(2018, 10, 4, 12));
    expect((changing.endMs - changing.startMs) / 3_600_000).toBe(25);
    expect(new Date(slotAt('H4', NOW, UTC).startMs).toISOString()).toBe('2026-05-05T04:00:00.000Z');
    expect(new Date(slotAt('D', NOW, UTC).startMs).toISOString()).toBe('2026-05-05T00:00:00.000Z');
  });

  it.skipIf(!hasRecordings)('of a day are those of a recorded series aligned to 20:00 in New York', () => {
    const { candles: recorded } = z
      .object({ candles: z.array(z.object({ time: z.string() })) })
      .parse(recordingJson('oanda/candles-2018-GBP_USD-D-ask-100.json'));
    const alignment = { hour: 20, timeZone: 'America/New_York', weekday: 5 };
    const starts = recorded.map(({ time }) => Date.parse(time));
    expect(starts).toHaveLength(100);
    expect(starts.map((startMs) => slotAt('D', startMs + 3_600_000, alignment).startMs)).toEqual(starts);
  });
});

describe('candles', () => {
  it('end on both paths with the running one, and all others are complete', async () => {
    await using venue = await start();
    const last = await candles(venue, 'granularity=M5&count=3&price=MBA');
    expect(last.map(({ time, complete }) => [time, complete])).toEqual([
      ['2026-05-05T05:55:00.000000000Z', true],
      ['2026-05-05T06:00:00.000000000Z', true],
      ['2026-05-05T06:05:00.000000000Z', false],
    ]);
    expect(last[2]?.mid?.c).toBe('1.08452');
    const classic = await get(venue, 'instruments/EUR_USD/candles?granularity=M5&count=3&price=MBA');
    expect(JSON.stringify(classic)).toMatch(
      /"complete":true,"volume":\d+,"time":"[^"]+","bid":[^}]+\},"mid":[^}]+\},"ask"/,
    );
    expect(classic).toEqual({ instrument: 'EUR_USD', granularity: 'M5', candles: last });
    expect(await candles(venue, '')).toHaveLength(500);
  });

  it('are made of prices: mid rounded half up, volume the number of prices, for each account its own', async () => {
    let now = NOW;
    await using venue = await start(() => now);
    now = Date.UTC(2026, 4, 5, 6, 10);
    venue.price(FIRST.id, 'EUR_USD', { bid: '1.10719', ask: '1.10736' });
    now += 20_000;
    venue.price(FIRST.id, 'EUR_USD', { bid: '1.10700', ask: '1.10710' });
    venue.price(FIRST.id, 'EUR_USD', { bids: [], asks: [] });
    venue.price(FIRST.id, 'EUR_USD', { bid: '9.00000', ask: '9.00000', time: '2026-05-05T06:10:01Z' });
    now += 40_000;
    expect((await candles(venue, 'granularity=M1&count=1&price=MBA')).map(({ time }) => time)).toEqual([
      '2026-05-05T06:10:00.000000000Z',
    ]);
    expect(await candles(venue, 'granularity=M5&count=1&price=MBA')).toEqual([
      {
        complete: false,
        volume: 2,
        time: '2026-05-05T06:10:00.000000000Z',
        bid: { o: '1.10719', h: '1.10719', l: '1.10700', c: '1.10700' },
        mid: { o: '1.10728', h: '1.10728', l: '1.10705', c: '1.10705' },
        ask: { o: '1.10736', h: '1.10736', l: '1.10710', c: '1.10710' },
      },
    ]);
    expect(venue.accountMarket(SECOND.id, 'EUR_USD').last?.bids[0]?.price).toBe('1.08945');
  });

  it('are absent if there was no price: `count` counts candles, not slots', async () => {
    let now = NOW;
    await using venue = await start(() => now);
    now = NOW + 600_000;
    venue.market('EUR_USD').tick();
    const minutes = await candles(venue, 'granularity=M1&count=3');
    expect(minutes.map(({ time }) => time.slice(11, 16))).toEqual(['06:06', '06:07', '06:17']);
    const seconds = await candles(venue, 'granularity=S5&count=20');
    expect(seconds).toHaveLength(20);
    const starts = seconds.map(({ time }) => Date.parse(time));
    expect((starts.at(-2) ?? 0) - (starts[0] ?? 0)).toBeGreaterThan(19 * 5000);
  });

  it('in a range begin with the one that covers `from`, up to `to`, or with the next if the first is excluded', async () => {
    await using venue = await start();
    const times = async (query: string): Promise<string[]> => {
      return (await candles(venue, `granularity=H1&${query}`)).map(({ time }) => time.slice(8, 13));
    };
    const from = 'from=2026-05-04T10:30:00Z';
    expect(await times(`${from}&count=2`)).toEqual(['04T10', '04T11']);
    expect(await times(`${from}&count=2&includeFirst=false`)).toEqual(['04T11']);
    expect(await times(`${from}&to=2026-05-04T13:00:00Z`)).toEqual(['04T10', '04T11', '04T12']);
    expect(await times('to=1777892400.000000000&count=2')).toEqual(['04T09', '04T10']);
    expect((await times('from=2026-05-04T10:30:00%2B02:00')).slice(0, 1)).toEqual(['04T08']);
    expect((await times(from)).at(-1)).toBe('05T06');
    const shifted = await candles(venue, 'granularity=D&count=1&dailyAlignment=0&alignmentTimezone=UTC');
    expect(shifted[0]?.time).toBe('2026-05-05T00:00:00.000000000Z');
  });

  it('open where the one before closed, if smooth ones are requested', async () => {
    await using venue = await start();
    venue.accountMarket(FIRST.id, 'EUR_USD').candles.write('M1', Date.UTC(2026, 4, 5, 6, 5), { mid: { c: '7.00000' } });
    const [before, after] = await candles(venue, 'granularity=M1&count=3&smooth=true');
    expect([before?.mid?.c, after?.mid?.o]).toEqual(['7.00000', '7.00000']);
  });

  it('have the values that a test wrote into them, and are absent if a test removed them', async () => {
    await using venue = await start();
    const written = venue.accountMarket(FIRST.id, 'EUR_USD').candles;
    written.write('M1', Date.UTC(2026, 4, 5, 6, 6), { volume: 9, complete: false });
    written.remove('M1', Date.UTC(2026, 4, 5, 6, 5));
    const [gone, kept] = await candles(venue, 'granularity=M1&from=2026-05-05T06:04:00Z&count=2');
    expect([gone?.time.slice(11, 16), kept]).toMatchObject(['06:04', { volume: 9, complete: false }]);
  });

  it('are absent in slots that the test declares quiet', async () => {
    const weekend = Date.UTC(2026, 4, 3);
    await using venue = await StandInOanda.start({ now: () => NOW, isQuiet: (_, startMs) => startMs < weekend });
    expect(await candles(venue, 'granularity=M1&from=2026-05-02T00:00:00Z&to=2026-05-02T10:00:00Z')).toEqual([]);
    const [first] = await candles(venue, 'granularity=M1&from=2026-05-02T00:00:00Z&count=1');
    expect(first?.time).toBe('2026-05-03T00:00:00.000000000Z');
  });
});

describe('refusals', () => {
  it.each([
    ['granularity=M3', "Invalid value specified for 'granularity'"],
    ['price=MX', "Invalid value specified for 'price'"],
    ['price=MM', "Invalid value specified for 'price'"],
    ['count=0', "Invalid value specified for 'count'"],
    ['count=5001', "Maximum value for 'count' exceeded"],
    ['from=lately', "Invalid value specified for 'from'"],
    ['to=2026-05-05T06:07:31Z', "Invalid value specified for 'to'. Time is in the future"],
    ['from=1777961260', "Invalid value specified for 'from'. Time is in the future"],
    ['from=2026-05-04T00:00:00Z&to=2026-05-05T00:00:00Z', "Maximum value for 'count' exceeded"],
    [
      'from=2026-05-05T00:00:00Z&to=2026-05-05T01:00:00Z&count=3',
      "'count' cannot be specified when 'to' and 'from' parameters are set",
    ],
    ['dailyAlignment=24', "Invalid value specified for 'dailyAlignment'"],
    ['alignmentTimezone=Mars/Base', "Invalid value specified for 'alignmentTimezone'"],
    ['weeklyAlignment=Fri', "Invalid value specified for 'weeklyAlignment'"],
    ['includeFirst=maybe', "Invalid value specified for 'includeFirst'"],
  ])('of %s say what is wrong', async (query, message) => {
    await using venue = await start();
    expect(await refusal(venue, query)).toBe(message);
  });

  it('name the instrument in the path or in a specification', async () => {
    await using venue = await start();
    const bad = { errorMessage: "Invalid value specified for 'instrument'" };
    expect(await get(venue, 'instruments/EUR%2FUSD/candles')).toEqual(bad);
    expect(await get(venue, `accounts/${FIRST.id}/instruments/NOPE/candles`)).toEqual(bad);
    const latest = `accounts/${FIRST.id}/candles/latest`;
    expect(await get(venue, latest)).toEqual({ errorMessage: 'The request was missing required data' });
    expect(await get(venue, `${latest}?candleSpecifications=NOPE:M1:M`)).toEqual({
      errorMessage: "Invalid value specified for 'candleSpecifications'",
    });
  });

  it('apply to pages over a smaller limit, as the venue once had', async () => {
    await using venue = await StandInOanda.start({ now: () => NOW, limits: { candles: 500 } });
    expect(await refusal(venue, 'count=501')).toBe("Maximum value for 'count' exceeded");
    expect(await candles(venue, 'count=500')).toHaveLength(500);
  });
});

describe('the latest candles', () => {
  it('are the last complete one and the running one of each specification, in that order', async () => {
    await using venue = await start();
    const body = await get(
      venue,
      `accounts/${FIRST.id}/candles/latest?candleSpecifications=USD_JPY:M1:A,EUR_USD::,USD_JPY:M5:BA`,
    );
    const { latestCandles } = z.object({ latestCandles: z.array(Candles) }).parse(body);
    expect(latestCandles.map(({ instrument, granularity }) => [instrument, granularity])).toEqual([
      ['USD_JPY', 'M1'],
      ['EUR_USD', 'S5'],
      ['USD_JPY', 'M5'],
    ]);
    for (const entry of latestCandles) expect(entry.candles.map(({ complete }) => complete)).toEqual([true, false]);
    expect(Object.keys(latestCandles[0]?.candles[0] ?? {})).toEqual(['complete', 'volume', 'time', 'ask']);
    expect(latestCandles[2]?.candles[1]?.time).toBe('2026-05-05T06:05:00.000000000Z');
  });
});
