import { describe, expect, it } from 'vitest';
import { parseLine, parsePrice, parseVenueTime } from '../../../../src/brokers/oanda/streamMessages.ts';
import type { StreamMessage, VenuePrice } from '../../../../src/brokers/oanda/streamMessages.ts';
import { LineSplitter } from '../../../../src/transport/HttpLineFeed.ts';
import { hasRecordings, recordingText } from '../../../support/recordings.ts';
import fc from 'fast-check';

const PRICE =
  '{"type":"PRICE","time":"2019-01-31T18:16:38.818627106Z","bids":[{"price":"0.72711","liquidity":10000000}],"asks":[{"price":"0.72725","liquidity":10000000}],"closeoutBid":"0.72696","closeoutAsk":"0.72740","status":"tradeable","tradeable":true,"instrument":"USD_CAD"}';

function priceOf(changes: Readonly<Record<string, unknown>>): VenuePrice | undefined {
  const message = parseLine(JSON.stringify({ ...(JSON.parse(PRICE) as object), ...changes }));
  return message?.kind === 'price' ? message.price : undefined;
}

const withLiquidity = (text: string): string => PRICE.replaceAll('"liquidity":10000000', `"liquidity":${text}`);

describe('messages of the price stream', () => {
  it('reads a price with all its digits', () => {
    expect(parseLine(PRICE)).toEqual({
      kind: 'price',
      price: {
        instrument: 'USD_CAD',
        time: { text: '2019-01-31T18:16:38.818627106Z', ns: 1548958598818627106n, ms: 1548958598818 },
        bids: [{ price: '0.72711', size: '10000000' }],
        asks: [{ price: '0.72725', size: '10000000' }],
        tradeable: true,
      },
    });
  });

  it('reads a heartbeat, whichever member comes first', () => {
    const expected = { kind: 'heartbeat', time: { text: '2016-10-27T08:38:44.327443673Z' } };
    expect(parseLine('{"type":"HEARTBEAT","time":"2016-10-27T08:38:44.327443673Z"}')).toMatchObject(expected);
    expect(parseLine('{"time":"2016-10-27T08:38:44.327443673Z","type":"HEARTBEAT"}')).toMatchObject(expected);
  });

  it.each([
    ['1000000', '1000000'],
    ['1000000.0', '1000000.0'],
    ['0.10', '0.10'],
    ['123456789012345678901.5', '123456789012345678901.5'],
    ['1.0E7', '10000000'],
    ['25e-1', '2.5'],
    ['"1000000.50"', '1000000.50'],
  ])('keeps a liquidity of %s exact', (text, size) => {
    const message = parseLine(withLiquidity(text));
    expect(message).toMatchObject({ price: { bids: [{ size }], asks: [{ size }] } });
  });

  it('takes a price whose sizes are not stated: they are not known', () => {
    const unsized = parseLine(withLiquidity('null'));
    expect(unsized).toMatchObject({ kind: 'price', price: { bids: [{ price: '0.72711', size: null }] } });
    expect(parseLine(withLiquidity('1').replaceAll(',"liquidity":1', ''))).toEqual(unsized);
  });

  it.each(['"many"', '-1', 'true', '1e999', '[1]', '""'])('refuses a liquidity of %s', (text) => {
    expect(parseLine(withLiquidity(text))).toEqual({ kind: 'unreadable', instrument: 'USD_CAD' });
  });

  it('puts the best level first, whatever the order they come in', () => {
    const levels = ['1.2', '1.30', '1.10', '1.3'].map((price) => ({ price, liquidity: 1 }));
    const price = priceOf({ bids: levels, asks: levels });
    expect(price?.bids.map((level) => level.price)).toEqual(['1.30', '1.3', '1.2', '1.10']);
    expect(price?.asks.map((level) => level.price)).toEqual(['1.10', '1.2', '1.30', '1.3']);
  });

  it.each([
    ['empty', []],
    ['null', null],
    ['absent', undefined],
  ])('takes a side that is %s for one that nobody quotes', (_name, side) => {
    expect(priceOf({ bids: side })).toMatchObject({ bids: [], asks: [{ price: '0.72725' }] });
  });

  it.each([
    [{ tradeable: true, status: 'tradeable' }, true],
    [{ tradeable: false, status: 'tradeable' }, false],
    [{ tradeable: undefined, status: 'tradeable' }, true],
    [{ tradeable: undefined, status: 'non-tradeable' }, false],
    [{ tradeable: undefined, status: 'invalid' }, false],
    [{ tradeable: undefined, status: undefined }, true],
  ])('takes %j as tradeable or not: %s', (members, expected) => {
    expect(priceOf(members)?.tradeable).toBe(expected);
  });

  it('takes a line without a type that has an instrument for a price, as those of 2016', () => {
    expect(priceOf({ type: undefined })).toMatchObject({ instrument: 'USD_CAD' });
  });

  it('knows neither more nor fewer members than it reads', () => {
    expect(priceOf({ closeoutBid: undefined, closeoutAsk: undefined, extra: { bids: 1 } })).toEqual(priceOf({}));
  });

  it('lets types that it does not know pass', () => {
    expect(parseLine('{"type":"SOMETHING_NEW","instrument":"EUR_USD","bids":7}')).toEqual({ kind: 'other' });
  });

  it.each([
    ['no JSON', 'oops'],
    ['half a line', PRICE.slice(0, 100)],
    ['a page', '<html><body>502</body></html>'],
    ['an array', '[]'],
    ['null', 'null'],
    ['an object with neither type nor instrument', '{"errorMessage":"no"}'],
    ['a type that is no text', '{"type":7}'],
    ['a heartbeat without time', '{"type":"HEARTBEAT"}'],
    ['a price without instrument', PRICE.replace(',"instrument":"USD_CAD"', '')],
    ['text that would be a prototype', '{"__proto__":{"type":"HEARTBEAT","time":"1"}}'],
  ])('refuses %s', (_name, line) => {
    expect(parseLine(line)).toBeUndefined();
  });

  it.each([
    ['a price without time', PRICE.replace(/"time":"[^"]*",/, '')],
    ['a price that is a number', PRICE.replace('"0.72711"', '0.72711')],
    ['a price that is negative', PRICE.replace('"0.72711"', '"-0.72711"')],
    ['a price of zero', PRICE.replace('"0.72711"', '"0.00000"')],
    ['a price from before the epoch', PRICE.replace('2019-01-31', '0001-01-31')],
    ['a price that is no number', PRICE.replace('"0.72711"', '"NaN"')],
    ['a price of 41 digits', PRICE.replace('"0.72711"', `"${'1'.repeat(41)}"`)],
    ['levels that are none', PRICE.replace('[{"price":"0.72711","liquidity":10000000}]', '[7]')],
    ['a side that is no list', PRICE.replace('[{"price":"0.72711","liquidity":10000000}]', '{}')],
  ])('names the instrument of a price that makes no sense: %s', (_name, line) => {
    expect(parseLine(line)).toEqual({ kind: 'unreadable', instrument: 'USD_CAD' });
  });
});

describe.runIf(hasRecordings)('recorded streams', () => {
  const FILES = [
    ['oanda/stream-2016-EUR_USD-EUR_JPY.ndjson', ['EUR_JPY', 'heartbeat', 'EUR_USD', 'EUR_JPY']],
    ['oanda/stream-2017-EUR_USD-EUR_JPY-float-liquidity.ndjson', ['EUR_USD', 'EUR_JPY', 'EUR_JPY', 'EUR_USD']],
    ['oanda/stream-2019-two-lines-trailing-crlf.ndjson', ['USD_CAD', 'EUR_USD']],
  ] as const;

  const messagesOf = (...pieces: Buffer[]): (StreamMessage | undefined)[] => {
    const splitter = new LineSplitter(65_536);
    return pieces.flatMap((piece) => [...splitter.push(piece)].map((line) => parseLine(String(line))));
  };

  it.each(FILES)('reads every line of %s', (file, expected) => {
    const messages = messagesOf(Buffer.from(recordingText(file)));
    expect(messages.map((message) => (message?.kind === 'price' ? message.price.instrument : message?.kind))).toEqual(
      expected,
    );
    for (const message of messages) {
      if (message?.kind !== 'price') continue;
      const { bids, asks, tradeable } = message.price;
      expect(tradeable).toBe(true);
      expect(Number(bids[0]?.price)).toBeLessThan(Number(asks[0]?.price));
    }
  });

  it.each(FILES)('reads the same of %s wherever it is cut', (file) => {
    const bytes = Buffer.from(recordingText(file));
    const whole = messagesOf(bytes);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(messagesOf(bytes.subarray(0, at), bytes.subarray(at)), `cut at ${at}`).toEqual(whole);
    }
    expect(messagesOf(...Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(whole);
  });

  it('keeps the digits of sizes that are written with a fraction', () => {
    const [first] = messagesOf(Buffer.from(recordingText(FILES[1][0])));
    expect(first).toMatchObject({ price: { bids: [{ price: '1.05522', size: '10000000.0' }, {}] } });
  });

  it('reads the ladder of an index as soon as it has a time', () => {
    const text = recordingText('oanda/stream-2023-UK100-3levels-fragment.json');
    expect(parseLine(text)).toEqual({ kind: 'unreadable', instrument: 'UK100_GBP' });
    const ladder = parseLine(text.replace('{', '{"time":"1703863706.635352820",'));
    expect(ladder).toMatchObject({
      price: {
        instrument: 'UK100_GBP',
        time: { text: '2023-12-29T15:28:26.635352820Z' },
        bids: [
          { price: '7276.1', size: '50' },
          { price: '7275.7', size: '100' },
          { price: '7274.9', size: '150' },
        ],
      },
    });
  });

  it.each([
    ['oanda/pricing-2016-EUR_USD-EUR_JPY.json', [true, true], [2, 4]],
    ['oanda/pricing-2019-EUR_USD-nontradeable.json', [false], [1]],
  ])('reads the prices of %s, which are written as those of the stream', (file, tradeable, depths) => {
    const { prices } = JSON.parse(recordingText(file).replaceAll(/"liquidity":\s*(\d+)/g, '"liquidity":"$1"')) as {
      prices: unknown[];
    };
    const parsed = prices.map(parsePrice);
    expect(parsed.map((price) => price?.tradeable)).toEqual(tradeable);
    expect(parsed.map((price) => price?.bids.length)).toEqual(depths);
  });
});

describe('times of the venue', () => {
  it.each([
    ['2016-10-27T08:38:43.094548890Z', '2016-10-27T08:38:43.094548890Z', 1477557523094548890n, 1477557523094],
    ['1477557523.094548890', '2016-10-27T08:38:43.094548890Z', 1477557523094548890n, 1477557523094],
    ['2017-06-28T10:00:00Z', '2017-06-28T10:00:00Z', 1498644000000000000n, 1498644000000],
    ['1498644000', '2017-06-28T10:00:00Z', 1498644000000000000n, 1498644000000],
    ['2017-06-28T10:00:00.5Z', '2017-06-28T10:00:00.5Z', 1498644000500000000n, 1498644000500],
    ['0.000000001', '1970-01-01T00:00:00.000000001Z', 1n, 0],
    ['2017-06-28T12:00:00.25+02:00', '2017-06-28T10:00:00.25Z', 1498644000250000000n, 1498644000250],
  ])('takes %s, and keeps its digits', (text, timestamp, ns, ms) => {
    expect(parseVenueTime(text)).toEqual({ text: timestamp, ns, ms });
  });

  it.each([
    '',
    'now',
    '2017-06-28',
    '2017-06-28T10:00:00',
    '2017-02-30T10:00:00Z',
    '2017-06-28T10:00:00.1234567890Z',
    '-1.5',
    '1e9',
    '9999999999999',
    '999999999999',
    '1477557523.0945488901',
  ])('refuses %j', (text) => {
    expect(parseVenueTime(text)).toBeUndefined();
  });

  it('takes both forms of an instant for the same, with 0 to 9 digits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_102_444_800 }),
        fc.integer({ min: 0, max: 9 }),
        fc.nat(999_999_999),
        (s, digits, nanos) => {
          const fraction = digits === 0 ? '' : `.${String(nanos).padStart(9, '0').slice(0, digits)}`;
          const words = `${new Date(s * 1_000).toISOString().slice(0, 19)}${fraction}Z`;
          expect(parseVenueTime(`${s}${fraction}`)).toEqual(parseVenueTime(words));
          expect(parseVenueTime(words)?.text).toBe(words);
        },
      ),
    );
  });
});
