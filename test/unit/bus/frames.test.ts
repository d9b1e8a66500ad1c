import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFrame, formatLine, isPlausible, parseFrame } from '../../../src/bus/redis/frames.ts';
import { parseControl } from '../../../src/bus/redis/control.ts';
import { addressOf, SHARED, streamKey } from '../../../src/market/marketData.ts';
import type { MarketData } from '../../../src/market/marketData.ts';
import { keyOfType, numbered } from './streams.ts';

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

describe('messages between gateways', () => {
  const key = keyOfType('trade');

  it.each([
    { kind: 'beat', node: 'a', fence: 1, next: [[key, 2]] },
    { kind: 'want', node: 'a', keys: [key], isAll: true },
    { kind: 'leave', node: 'a', keys: [key] },
    { kind: 'ask', node: 'a', keys: [key] },
    { kind: 'released', node: 'a' },
  ])('are read: $kind', (message) => {
    expect(parseControl(JSON.stringify(message))).toEqual(message);
  });

  it.each([
    [
      'a stream of a client',
      { keys: [streamKey({ scope: 'x', broker: 'b', symbol: 's', type: 'tick', interval: null })] },
    ],
    ['what is no stream', { keys: ['["shared"]'] }],
    ['a stream in another notation', { keys: [key.replace(',', ', ')] }],
    ['an unknown kind', { kind: 'else' }],
    ['nobody', { node: '' }],
  ])('about %s are not read', (_name, change) => {
    const message = { kind: 'ask', node: 'a', keys: [key], ...change };
    expect(parseControl(JSON.stringify(message))).toBeNull();
  });

  it('are never thrown over', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseControl(text);
      }),
    );
  });
});

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
