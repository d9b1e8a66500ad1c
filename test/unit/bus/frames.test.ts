import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFrame, formatLine, isPlausible, parseFrame } from '../../../src/bus/redis/frames.ts';
import { cursorPrefix, formatCursor, streamMark } from '../../../src/market/cursor.ts';
import { addressOf, SHARED, streamKey } from '../../../src/market/marketData.ts';
import type { MarketData, StreamAddress } from '../../../src/market/marketData.ts';
import { randomEvents } from '../../support/randomEvents.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

const TYPES = ['tick', 'trade', 'candle', 'orderbook', 'status'] as const;

describe('frames of a stream', () => {
  it.each(TYPES)('have every %s as it was, digit for digit, and resets in their places', (type) => {
    const key = keyOfType(type);
    const lines = [numbered(type, 1), null, numbered(type, 2)];
    const frame = { fence: 1_800_000_000, first: 7, sentMs: 1_796_000_000_000, start: null };
    expect(parseFrame(addressOf(key), formatFrame({ ...frame, lines: lines.map(formatLine) }))).toEqual({
      ...frame,
      lines,
    });
  });

  it('have any events as they were, of whatever symbol, with or without the place of the stream', () => {
    fc.assert(
      fc.property(fc.array(fc.option(randomEvents), { minLength: 1 }), header, (events, frame) => {
        const first = events.find((event) => event !== null) ?? numbered('tick', 1);
        const address = addressOfEvent(first);
        const lines = events.map((event) => formatLine(event && { ...first, ...numbersOf(first, event.sequence) }));
        const read = parseFrame(address, formatFrame({ ...frame, lines }));
        expect({ ...read, lines: read?.lines.map(formatLine) }).toEqual({ ...frame, lines });
      }),
      { numRuns: 300 },
    );
  });

  it('are read by no stream but their own', () => {
    fc.assert(
      fc.property(randomEvents, randomEvents, (event, other) => {
        const line = formatLine({ ...event, ...numbersOf(event, event.sequence) });
        const text = formatFrame({ fence: 5, first: 1, sentMs: 0, start: null, lines: [line] });
        const [own, foreign] = [addressOfEvent(event), addressOfEvent(other)];
        const isSame = streamKey(own) === streamKey(foreign);
        expect(parseFrame(own, text)).not.toBeNull();
        expect(parseFrame(foreign, text) !== null).toBe(isSame);
        expect(parseFrame({ ...own, broker: `${own.broker}2` }, text)).toBeNull();
        if (own.type === 'candle')
          expect(parseFrame({ ...own, interval: own.interval === '1m' ? '5m' : '1m' }, text)).toBeNull();
      }),
    );
  });

  it('say where a stream stands, also one of which nothing is known', () => {
    const key = keyOfType('trade');
    const frame = { fence: 5, first: 1, sentMs: 0, start: { epoch: 'abcdefghij-_', sequence: 100_000 } };
    expect(parseFrame(addressOf(key), formatFrame({ ...frame, lines: [] }))).toEqual({ ...frame, lines: [] });
  });

  it.each([
    ['of another version', (text: string) => text.replace(/^1/, '2')],
    ['without a fence', (text: string) => text.replace(/^1 5 /, '1 ')],
    ['with a negative number', (text: string) => text.replace(/^1 5 1/, '1 5 -1')],
    ['of no kind', (text: string) => text.replace('E\n', 'X\n')],
    ['of another symbol', (text: string) => text.replaceAll('BTCUSDT', 'ETHUSDT')],
    ['of another broker', (text: string) => text.replaceAll('"binance"', '"oanda"')],
    ['of another type', (text: string) => text.replaceAll('"trade"', '"tick"')],
    ['whose cursor is of another event', (text: string) => text.replace(/"sequence":\d+/, '"sequence":99')],
    ['without a price', (text: string) => text.replace('"price"', '"prize"')],
    ['with a number for a price', (text: string) => text.replace(/"price":"[^"]*"/, '"price":1')],
    ['without an end of the number of its first line', (text: string) => text.replace(/^1 5 1/, '1 5 1e3')],
    ['with more in its header', (text: string) => text.replace('E\n', 'E x y z\n')],
    ['with a snapshot of no epoch', (text: string) => text.replace('E\n', 'S short 1\n')],
    ['that is cut off', (text: string) => text.slice(0, -1)],
  ])('%s are not read', (_name, change) => {
    const text = formatFrame({ fence: 5, first: 1, sentMs: 0, start: null, lines: [formatLine(numbered('trade', 1))] });
    expect(parseFrame(addressOf(keyOfType('trade')), text)).not.toBeNull();
    expect(change(text)).not.toBe(text);
    expect(parseFrame(addressOf(keyOfType('trade')), change(text))).toBeNull();
  });

  it('are read or not, whatever the text is, and never thrown over', () => {
    const key = keyOfType('trade');
    const real = formatFrame({ fence: 5, first: 1, sentMs: 0, start: null, lines: [formatLine(numbered('trade', 1))] });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), cutAndFilled(real)), (text) => {
        const frame = parseFrame(addressOf(key), text);
        for (const line of frame?.lines ?? []) expect(line === null || line.symbol === 'BTCUSDT').toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('can have the fence of a leader of this time, and of none far ahead', () => {
    expect(isPlausible(1_796_000_000, 1_796_000_000_000)).toBe(true);
    expect(isPlausible(1_796_090_000, 1_796_000_000_000)).toBe(false);
  });
});

/** Whatever the header of a frame may say. */
const header = fc.record(
  {
    fence: fc.nat(),
    first: fc.nat(),
    sentMs: fc.nat(),
    start: fc.option(fc.record({ epoch: fc.constantFrom(epochOf('e'), 'abcdefghij-_'), sequence: fc.nat() })),
  },
  { noNullPrototype: true },
);

/** The stream that an event is of. */
function addressOfEvent(event: MarketData): StreamAddress {
  const { broker, symbol, type } = event;
  return { scope: SHARED, broker, symbol, type, interval: type === 'candle' ? event.interval : null };
}

/** A number that an event can have, with the cursor that belongs to it. */
function numbersOf(event: MarketData, number: number): Pick<MarketData, 'sequence' | 'cursor'> {
  const sequence = Math.abs(number) % 10 ** 15;
  const prefix = cursorPrefix(streamMark(addressOfEvent(event)), epochOf('e'));
  return { sequence, cursor: formatCursor(prefix, sequence) };
}

/** A text with a part cut out and another one put there. */
function cutAndFilled(text: string): fc.Arbitrary<string> {
  const place = fc.nat({ max: text.length });
  return fc
    .tuple(place, place, fc.string())
    .map(([from, to, filling]) => text.slice(0, from) + filling + text.slice(to));
}

it('the events that these tests use are of their streams', () => {
  const event: MarketData = numbered('trade', 1);
  expect(streamKey({ scope: SHARED, broker: event.broker, symbol: event.symbol, type: 'trade', interval: null })).toBe(
    keyOfType('trade'),
  );
});
