import { describe, expect, it } from 'vitest';
import {
  toCandle,
  toOandaInstrument,
  toVenueCandle,
  Account,
  Accounts,
  CandleEntry,
  Candles,
  InstrumentInfo,
  InstrumentList,
  LatestCandles,
  credentialsRefused,
  toRefusal,
} from '../../../../src/brokers/oanda/restReplies.ts';
import { hasRecordings, recordingJson, recordingText } from '../../../support/recordings.ts';

const candlesOf = (body: unknown) => Candles.parse(body).candles.map((each) => CandleEntry.parse(each));
const instrument = (fields: object) => toOandaInstrument(InstrumentInfo.parse({ name: 'EUR_USD', ...fields }));

describe('instruments', () => {
  it('have names, steps and parts', () => {
    expect(
      instrument({ displayName: 'EUR/USD', displayPrecision: 5, tradeUnitsPrecision: 0, minimumTradeSize: '1' }),
    ).toEqual({
      symbol: 'EUR_USD',
      displayName: 'EUR/USD',
      base: 'EUR',
      quote: 'USD',
      tickSize: '0.00001',
      lotSize: '1',
      tradable: true,
    });
  });

  it.each([
    ['EUR_USD', 'EUR', 'USD'],
    ['USB10Y_USD', 'USB10Y', 'USD'],
    ['SINGLE', null, null],
    ['A_B_C', null, null],
    ['_USD', null, null],
  ])('of the name %s have the base %s and the quote %s', (name, base, quote) => {
    expect(instrument({ name })).toMatchObject({ symbol: name, displayName: name, base, quote });
  });

  it.each([
    [{ displayPrecision: 0 }, '1', null],
    [{ displayPrecision: 1, tradeUnitsPrecision: 1 }, '0.1', '0.1'],
    [{ minimumTradeSize: '0.1' }, null, '0.1'],
    [{ minimumTradeSize: '0' }, null, null],
    [{}, null, null],
  ])('of %j have the steps %s and %s', (fields, tickSize, lotSize) => {
    expect(instrument(fields)).toMatchObject({ tickSize, lotSize });
  });
});

describe('an instrument', () => {
  it.each([
    ['displayPrecision', { displayPrecision: -1 }],
    ['tradeUnitsPrecision', { tradeUnitsPrecision: 'none' }],
    ['minimumTradeSize', { minimumTradeSize: 1 }],
    ['displayName', { displayName: null }],
  ])('is listed even if its %s makes no sense: that alone is not known', (_name, fields) => {
    expect(instrument(fields)).toMatchObject({ symbol: 'EUR_USD', tickSize: null, lotSize: null });
  });
});

describe('candles', () => {
  const entry = {
    complete: true,
    volume: 132,
    time: '2016-10-17T19:35:00.000000000Z',
    mid: { o: '10503.8', h: '10508.0', l: '10503.7', c: '10506.0' },
  };

  it('have the digits of the venue, and are closed if the venue calls them complete', () => {
    const [candle] = candlesOf({ candles: [entry] }).map(toVenueCandle);
    expect(candle && toCandle(candle, '5m', Date.UTC(2016, 9, 17, 20))).toEqual({
      type: 'candle',
      time: '2016-10-17T19:40:00.000Z',
      receivedAt: '2016-10-17T20:00:00.000Z',
      interval: '5m',
      openTime: '2016-10-17T19:35:00.000Z',
      closeTime: '2016-10-17T19:40:00.000Z',
      open: '10503.8',
      high: '10508.0',
      low: '10503.7',
      close: '10506.0',
      volume: '132',
      tradeCount: null,
      closed: true,
      backfilled: true,
    });
  });

  it('in progress have the time of receipt', () => {
    const [candle] = candlesOf({ candles: [{ ...entry, complete: false }] }).map(toVenueCandle);
    expect(candle && toCandle(candle, '5m', Date.UTC(2016, 9, 17, 19, 36))).toMatchObject({
      time: '2016-10-17T19:36:00.000Z',
      closed: false,
      backfilled: true,
    });
  });

  it('have times in either of the forms of the venue', () => {
    expect(candlesOf({ candles: [{ ...entry, time: '1476732900.000000000' }] })[0]?.time).toBe(
      Date.UTC(2016, 9, 17, 19, 35),
    );
  });

  it.each([
    ['time', { time: 'now' }],
    ['mid', { mid: undefined }],
    ['prices', { mid: { ...entry.mid, c: 10506 } }],
    ['price above zero', { mid: { ...entry.mid, l: '0' } }],
    ['highest price', { mid: { ...entry.mid, h: entry.mid.l } }],
    ['lowest price', { mid: { ...entry.mid, l: entry.mid.h } }],
    ['time since the epoch', { time: '0001-01-01T00:00:00Z' }],
    ['volume', { volume: 1.5 }],
    ['completeness', { complete: 'yes' }],
  ])('without a %s that makes sense are refused', (_name, fields) => {
    expect(CandleEntry.safeParse({ ...entry, ...fields }).success).toBe(false);
  });
});

describe.runIf(hasRecordings)('recorded answers', () => {
  it.each([
    ['oanda/account-instruments-2016-6.json', 6],
    ['oanda/account-instruments-2019-70fx.json', 70],
    ['oanda/account-instruments-2023-mixed17.json', 17],
  ])('all of %s are instruments', (file, count) => {
    const entries = InstrumentList.parse(recordingJson(file)).instruments;
    const instruments = entries.map((each) => toOandaInstrument(InstrumentInfo.parse(each)));
    expect(instruments).toHaveLength(count);
    for (const { base, quote, tickSize, lotSize } of instruments) {
      expect([base, quote, tickSize, lotSize]).not.toContain(null);
    }
  });

  it('precision is what the venue says, never what a name suggests', () => {
    const entries = InstrumentList.parse(recordingJson('oanda/account-instruments-2019-70fx.json')).instruments;
    const known = new Map(
      entries.map((each) => toOandaInstrument(InstrumentInfo.parse(each))).map((each) => [each.symbol, each]),
    );
    expect(known.get('HKD_JPY')?.tickSize).toBe('0.00001');
    expect(known.get('USD_JPY')?.tickSize).toBe('0.001');
    expect(known.get('USD_THB')?.tickSize).toBe('0.001');
  });

  it.each([
    ['oanda/accounts.json', ['101-004-1435156-002', '101-004-1435156-001']],
    ['oanda/accounts-masked.json', ['000-000-0000000-000']],
  ])('%s lists accounts', (file, ids) => {
    expect(Accounts.parse(recordingJson(file)).accounts.map((each) => Account.parse(each).id)).toEqual(ids);
  });

  it.each([
    ['oanda/candles-2016-DE30_EUR-M5-mid.json', 5],
    ['oanda/candles-2017-EUR_USD-H1-mid-count10-includeFirst.json', 10],
    ['oanda/candles-2017-EUR_USD-H1-mid-count10-returned9.json', 9],
  ])('%s holds candles, ascending', (file, count) => {
    const candles = candlesOf(recordingJson(file));
    expect(candles).toHaveLength(count);
    expect(candles.map(({ time }) => time)).toEqual(candles.map(({ time }) => time).toSorted((a, b) => a - b));
  });

  it.each(['oanda/candles-2018-GBP_USD-D-ask-100.json'])('%s, of asks alone, is not what was asked for', (file) => {
    expect(() => candlesOf(recordingJson(file))).toThrow();
  });

  it('the newest candles come in the order of the question', () => {
    const text = JSON.stringify(recordingJson('oanda/candles-latest-2023-part1.json'));
    // Asks and bids were recorded; mids are written the same way.
    const { latestCandles } = LatestCandles.parse(
      JSON.parse(text.replaceAll('"ask":', '"mid":').replaceAll('"bid":', '"mid":')),
    );
    expect(latestCandles.map((each) => candlesOf(each).map(({ complete }) => complete))).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
  });
});

describe('refusals of the venue', () => {
  it.each([
    [401, 'Insufficient authorization to perform request.', 'token'],
    [401, null, 'token'],
    [401, 'The provided request was forbidden.', 'account'],
    [403, 'The provided request was forbidden.', 'account'],
    [403, 'Insufficient authorization to perform request.', 'account'],
    [403, null, 'account'],
    [400, "Invalid value specified for 'accountID'", 'account'],
    [400, "Invalid value specified for 'instruments'", 'instrument'],
    [400, "Invalid value specified for 'instrument'", 'instrument'],
    [400, "Invalid value specified for 'candleSpecifications'", 'instrument'],
    [400, 'NAS100_USD is not a valid instrument', 'instrument'],
    [400, "Invalid value specified for 'to'. Time is in the future", 'future'],
    [400, "Maximum value for 'count' exceeded", 'count'],
    [400, "Invalid value specified for 'from'", 'from'],
    [400, "Invalid value specified for 'to'", 'to'],
    [400, "Invalid value specified for 'granularity'", 'interval'],
    [400, "Invalid value specified for 'price'", 'other'],
    [400, null, 'other'],
    [404, null, 'other'],
    [405, "Invalid value specified for 'accountID'", 'other'],
  ] as const)('HTTP %i with %j is about: %s', (status, message, expected) => {
    expect(toRefusal(status, message)).toBe(expected);
  });

  it('says of credentials in which way they are bad, and of nothing else', () => {
    expect(credentialsRefused('token')).toContain('token');
    expect(credentialsRefused('account')).toContain('account');
    expect(credentialsRefused('token')).not.toBe(credentialsRefused('account'));
    for (const other of ['instrument', 'future', 'count', 'from', 'to', 'interval', 'other'] as const)
      expect(credentialsRefused(other)).toBeNull();
  });

  it.runIf(hasRecordings)('reads those that were recorded', () => {
    const refusals = recordingText('oanda/errors.ndjson')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { httpStatus: number; body: { errorMessage: string } })
      .map(({ httpStatus, body }) => toRefusal(httpStatus, body.errorMessage));
    expect(refusals).toEqual(['token', 'account', 'account', 'instrument', 'count', 'other']);
  });
});
