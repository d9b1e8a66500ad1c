import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  parseAggregateTrade,
  parseCandle,
  parseDepth,
  parseFrame,
  parseTick,
  parseTrade,
  toTrade,
} from '../../../../src/brokers/binance/streamMessages.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { hasRecordings, recordingLines } from '../../../support/recordings.ts';

const TRADE = {
  e: 'trade',
  E: 1790649901913,
  s: 'BTCUSDT',
  t: 6720857582,
  p: '83034.29000000',
  q: '0.00062000',
  T: 1790649901912,
  m: true,
  M: true,
};
const TICK = { u: 5118292, s: 'BTCUSDT', b: '105024.19', B: '0.00296000', a: '105024.20', A: '0.00434000' };
const CANDLE = {
  e: 'kline',
  E: 1737447130004,
  s: 'BTCUSDT',
  k: {
    t: 1737447120000,
    T: 1737447179999,
    s: 'BTCUSDT',
    i: '1m',
    f: -1,
    L: -1,
    o: '4.0',
    c: '3.0',
    h: '5.0',
    l: '2.0',
    v: '7.5',
    n: 40,
    x: false,
    q: '1',
    V: '0.1',
    Q: '1',
    B: '0',
  },
};
const DEPTH = { e: 'depthUpdate', E: 1, s: 'BTCUSDT', U: 3, u: 5, b: [['10.5', '0.00000000']], a: [['11', '2', []]] };

describe('frames', () => {
  it.each([
    [
      '{"stream":"btcusdt@trade","data":{"e":"trade"}}',
      { kind: 'data', stream: 'btcusdt@trade', data: { e: 'trade' } },
    ],
    ['{"result":null,"id":2}', { kind: 'reply', id: 2, errorCode: null }],
    ['{"id":2,"result":null}', { kind: 'reply', id: 2, errorCode: null }],
    ['{"result":["btcusdt@trade"],"id":3}', { kind: 'reply', id: 3, errorCode: null }],
    ['{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}', { kind: 'reply', id: 4, errorCode: 2 }],
    ['{"code":2,"msg":"Invalid request","id":4}', { kind: 'reply', id: 4, errorCode: 2 }],
    ['{"error":{"code":2,"msg":"missing field"},"id":null}', { kind: 'reply', id: null, errorCode: 2 }],
    ['{"error":{"code":3,"msg":"Invalid JSON"}}', { kind: 'reply', id: null, errorCode: 3 }],
    ['{"result":null,"id":null}', { kind: 'reply', id: null, errorCode: null }],
    ['{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', { kind: 'shutdown' }],
    ['{"e":"serverShutdown","E":1770123456789}', { kind: 'shutdown' }],
  ])('reads %s', (text, expected) => {
    expect(parseFrame(text)).toEqual(expected);
  });

  it.each([
    '',
    '{',
    'hello',
    'null',
    '[]',
    '7',
    '"x"',
    '{}',
    '{"id":1}',
    '{"result":null}',
    '{"stream":"!ticker@arr","data":[]}',
    '{"stream":7}',
  ])('makes nothing of %s', (text) => {
    expect(parseFrame(text)).toBeUndefined();
  });
});

describe("a trade's frame", () => {
  /** Mostly what the venue sends, now and then what it does not. */
  const seldom = (usual: string, ...others: string[]): fc.Arbitrary<string> =>
    fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
  const digits = (usual: string): fc.Arbitrary<string> =>
    seldom(usual, '0', '01', '-1', '1.0', '1e3', '', '1234567890123456', '9007199254740993', 'null', '"1"');
  const amount = (usual: string): fc.Arbitrary<string> =>
    seldom(usual, '0', '1', '.5', '5.', '1..2', '', '-1', '\\u0031', '1"', '1\t', '1\n', '1 ', '\u0661');
  const flag = (usual: string): fc.Arbitrary<string> => seldom(usual, 'true', 'false', 'null', '"true"', 'tru');
  const text = fc
    .record({
      stream: seldom('btcusdt@trade', 'a.b-c_d@trade', '\u5e01@trade', '!serverShutdown', '', 'x\\u0040', 'x\\', 'x\n'),
      e: seldom('trade', 'aggTrade'),
      E: digits('1790649901913'),
      s: seldom('BTCUSDT', '', '\\u0042', 'B\t', '"'),
      t: digits('6720857582'),
      p: amount('83034.29000000'),
      q: amount('0.00062000'),
      T: digits('1790649901912'),
      m: flag('true'),
      M: flag('true'),
      end: seldom('}}', '}} ', '}}\n', '}', '}}}', '}}x'),
    })
    .map(
      ({ stream, e, E, s, t, p, q, T, m, M, end }) =>
        `{"stream":"${stream}","data":{"e":"${e}","E":${E},"s":"${s}","t":${t},"p":"${p}","q":"${q}","T":${T},"m":${m},"M":${M}${end}`,
    );
  const read = (frame: ReturnType<typeof parseFrame>): unknown =>
    frame?.kind === 'data' ? { stream: frame.stream, trade: parseTrade(frame.data) } : frame;
  const parsed = (json: string): unknown => {
    try {
      return JSON.parse(json);
    } catch {
      return undefined;
    }
  };

  it('is read alike in the layout of the venue and in any other', () => {
    fc.assert(
      fc.property(text, (json) => {
        const value = parsed(json);
        // Indented, it is not in the layout of the venue.
        expect(read(parseFrame(json))).toEqual(
          value === undefined ? undefined : read(parseFrame(JSON.stringify(value, null, 1))),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it('of each number of digits has exactly its numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (t, T) => {
        const json = `{"stream":"x@trade","data":${JSON.stringify({ ...TRADE, t, T })}}`;
        expect(read(parseFrame(json))).toEqual({ stream: 'x@trade', trade: parseTrade({ ...TRADE, t, T }) });
      }),
    );
  });
});

describe('payloads', () => {
  it('of a trade have its id, both times and the side of the maker', () => {
    expect(parseTrade(TRADE)).toEqual({
      venueId: 6720857582,
      price: '83034.29000000',
      size: '0.00062000',
      tradedAt: 1790649901912,
      sentAt: 1790649901913,
      buyerIsMaker: true,
    });
  });

  it('of an aggregate have the id of the aggregate', () => {
    expect(parseAggregateTrade({ ...TRADE, e: 'aggTrade', a: 12, t: undefined, st: 'x' })).toMatchObject({
      venueId: 12,
    });
    expect(parseAggregateTrade(TRADE)).toBeUndefined();
    expect(parseTrade({ ...TRADE, e: 'aggTrade', a: 12 })).toBeUndefined();
  });

  it('with times in microseconds are read, whichever they are', () => {
    const micros = { E: 1790649901913001, T: 1790649901912345 };
    const trade = parseTrade({ ...TRADE, ...micros });
    expect(trade).toMatchObject({ sentAt: 1790649901913.001, tradedAt: 1790649901912.345 });
    expect(parseDepth({ ...DEPTH, E: micros.E })).toMatchObject({ sentAt: 1790649901913.001 });
    const k = { ...CANDLE.k, t: 1737447120000000, T: 1737447179999999 };
    expect(parseCandle({ ...CANDLE, E: 1737447130004000, k })).toEqual(parseCandle(CANDLE));
    const receivedAt = fromEpochMs(0);
    expect(trade === undefined ? null : toTrade(trade, receivedAt).time).toBe('2026-09-29T02:45:01.912345Z');
  });

  it('of a candle keep apart what differs by case only', () => {
    expect(parseCandle(CANDLE)).toEqual({
      sentAt: 1737447130004,
      openAt: 1737447120000,
      lastAt: 1737447179999,
      interval: '1m',
      open: '4.0',
      close: '3.0',
      high: '5.0',
      low: '2.0',
      volume: '7.5',
      tradeCount: 40,
      closed: false,
    });
  });

  it('of a diff have levels digit for digit, whatever a level has behind its size', () => {
    expect(parseDepth(DEPTH)).toEqual({
      firstId: 3,
      lastId: 5,
      sentAt: 1,
      bids: [{ price: '10.5', size: '0.00000000' }],
      asks: [{ price: '11', size: '2' }],
    });
  });

  it.each([
    ['a price in another notation', parseTrade, { ...TRADE, p: '1e308' }],
    ['a price that is no number', parseTrade, { ...TRADE, p: 'NaN' }],
    ['a negative price', parseTrade, { ...TRADE, p: '-1.00' }],
    ['a price of zero', parseTrade, { ...TRADE, p: '0.00000000' }],
    ['a price as a number', parseTrade, { ...TRADE, p: 83034.29 }],
    ['more digits than any market has', parseTrade, { ...TRADE, q: `0.${'1'.repeat(40)}` }],
    ['an id beyond the safe integers', parseTrade, { ...TRADE, t: 2 ** 53 }],
    ['a negative id', parseTrade, { ...TRADE, t: -1 }],
    ['a time that can not be one', parseTrade, { ...TRADE, T: 2 ** 53 }],
    ['no side', parseTrade, { ...TRADE, m: 'true' }],
    ['a diff in place of a tick', parseTick, { ...DEPTH }],
    ['a tick without a size', parseTick, { ...TICK, A: null }],
    ['a diff that runs backwards', parseDepth, { ...DEPTH, U: 6 }],
    ['levels that are none', parseDepth, { ...DEPTH, b: [['1']] }],
    ['levels in an object', parseDepth, { ...DEPTH, a: {} }],
    ['a candle that ends before it begins', parseCandle, { ...CANDLE, k: { ...CANDLE.k, T: 1 } }],
    ['a candle whose highest price is not', parseCandle, { ...CANDLE, k: { ...CANDLE.k, h: CANDLE.k.l } }],
    ['a candle whose lowest price is not', parseCandle, { ...CANDLE, k: { ...CANDLE.k, l: CANDLE.k.h } }],
    ['a candle without its bar', parseCandle, { ...CANDLE, k: null }],
    ['an array', parseTick, [TICK]],
    ['nothing', parseDepth, undefined],
  ])('with %s are malformed', (_, parse: (data: unknown) => unknown, data) => {
    expect(parse(data)).toBeUndefined();
  });

  it('are never thrown over, whatever JSON they are', () => {
    const bases = [TRADE, TICK, CANDLE, DEPTH, CANDLE.k, { ...TRADE, e: 'aggTrade', a: 1 }];
    const mutated = fc
      .tuple(
        fc.constantFrom(...bases),
        fc.dictionary(fc.constantFrom(...Array.from('eEstpqTmukbBaAUoOhlcvnxif')), fc.jsonValue()),
      )
      .map(([base, changes]) => ({ ...base, ...changes }));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), mutated), fc.boolean(), (data, wrapped) => {
        parseFrame(JSON.stringify(wrapped ? { stream: 'btcusdt@trade', data } : data));
        for (const parse of [parseTick, parseTrade, parseAggregateTrade, parseCandle, parseDepth]) parse(data);
      }),
      { numRuns: 2_000 },
    );
  });

  it('in text of any kind are never thrown over', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseFrame(text);
      }),
    );
  });
});

const Single = z.object({ type: z.string(), envelope: z.string(), raw: z.string() });
const PARSERS: Readonly<Record<string, (data: unknown) => unknown>> = {
  trade: parseTrade,
  aggTrade: parseAggregateTrade,
  kline: parseCandle,
  bookTicker: parseTick,
  depthUpdate: parseDepth,
};

describe.runIf(hasRecordings)('recorded messages', () => {
  const singles = hasRecordings ? recordingLines('binance/singles.jsonl').map((line) => Single.parse(line)) : [];

  it('of our types are all read, by their own parser and by no other', () => {
    const seen = new Set<string>();
    for (const { type, envelope, raw } of singles) {
      const parse = PARSERS[type];
      if (parse === undefined || envelope === 'control') continue;
      const frame =
        envelope === 'combined' ? parseFrame(raw) : { kind: 'data' as const, data: JSON.parse(raw) as unknown };
      if (frame?.kind !== 'data') throw new Error(`not data: ${raw}`);
      expect(parse(frame.data), raw).toBeDefined();
      for (const other of Object.values(PARSERS)) if (other !== parse) expect(other(frame.data), raw).toBeUndefined();
      seen.add(type);
    }
    expect([...seen].toSorted()).toEqual(Object.keys(PARSERS).toSorted());
  });

  it('of control are read as replies', () => {
    const replies = singles
      .filter(({ envelope }) => envelope === 'control')
      .map(({ type, raw }) => ({ type, frame: parseFrame(raw) }));
    expect(replies.length).toBeGreaterThanOrEqual(5);
    for (const { type, frame } of replies) {
      expect(frame).toMatchObject({ kind: 'reply', errorCode: type === 'error' ? expect.any(Number) : null });
    }
  });

  it('of other types are not taken for ours', () => {
    for (const { type, envelope, raw } of singles) {
      if (PARSERS[type] !== undefined || envelope !== 'combined') continue;
      const frame = parseFrame(raw);
      if (frame?.kind !== 'data') continue;
      for (const parse of Object.values(PARSERS)) expect(parse(frame.data), raw).toBeUndefined();
    }
  });
});
