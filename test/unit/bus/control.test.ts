import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseControl } from '../../../src/bus/redis/control.ts';
import { SHARED, streamKey } from '../../../src/market/marketData.ts';
import { keyOfType } from './streams.ts';

const KEY = keyOfType('trade');
const CANDLES = keyOfType('candle');
const LIMIT = 100_000;

function parse(message: unknown) {
  return parseControl('binance', JSON.stringify(message));
}

it.each([
  { kind: 'beat', node: 'a', fence: 1, next: [[KEY, 2]] },
  { kind: 'want', node: 'a', keys: [KEY, CANDLES], isAll: true },
  { kind: 'leave', node: 'a', keys: [KEY] },
  { kind: 'ask', node: 'a', keys: [KEY] },
  { kind: 'released', node: 'a' },
])('what gateways tell each other is read: $kind', (message) => {
  expect(parse(message)).toEqual(message);
});

it.each([
  ['a stream of a client', [streamKey({ scope: 'x', broker: 'binance', symbol: 's', type: 'tick', interval: null })]],
  [
    'a stream of another broker',
    [streamKey({ scope: SHARED, broker: 'oanda', symbol: 's', type: 'tick', interval: null })],
  ],
  ['what is no stream', ['["shared"]']],
  ['a stream in another notation', [KEY.replace(',', ', ')]],
  ['a symbol that is no text', ['["shared","binance",5,"tick",null]']],
  ['a type that there is not', ['["shared","binance","BTCUSDT","funding",null]']],
  ['an interval that there is not', ['["shared","binance","BTCUSDT","candle","toString"]']],
  ['candles without an interval', ['["shared","binance","BTCUSDT","candle",null]']],
  ['ticks with an interval', ['["shared","binance","BTCUSDT","tick","1m"]']],
  ['a stream with something behind it', ['["shared","binance","BTCUSDT","tick",null,1]']],
  ['a good stream and a bad one', [KEY, '[]']],
  ['a stream with an endless symbol', [KEY.replace('BTCUSDT', 'B'.repeat(1_000))]],
])('a message about %s is not read, whatever it asks for', (_name, keys) => {
  for (const kind of ['want', 'leave', 'ask']) expect(parse({ kind, node: 'a', keys, isAll: true })).toBeNull();
  expect(parse({ kind: 'beat', node: 'a', fence: 1, next: keys.map((key) => [key, 1]) })).toBeNull();
});

it.each([
  ['of an unknown kind', { kind: 'else' }],
  ['from nobody', { node: '' }],
  ['from a gateway with an endless name', { node: 'a'.repeat(101) }],
  ['without a fence', { fence: null }],
  ['with a fence that no leader has', { fence: 0 }],
  ['with a fence that is not exact', { fence: 2 ** 53 }],
  ['with lines that are numbered from 1, and a number below that', { next: [[KEY, 0]] }],
])('a message %s is not read', (_name, change) => {
  const message = { kind: 'beat', node: 'a', fence: 1, next: [], ...change };
  expect(parse({ ...message, kind: 'beat', node: 'a', fence: 1, next: [] })).not.toBeNull();
  expect(parse(message)).toBeNull();
});

it('a message has so many streams and no more', () => {
  const keys = Array.from({ length: LIMIT }, () => '');
  const message = (length: number) => ({ kind: 'ask', node: 'a', keys: keys.slice(0, length).fill(KEY) });
  expect(parse(message(1_000))).not.toBeNull();
  expect(parseControl('binance', JSON.stringify({ ...message(LIMIT), keys: [...keys.fill(KEY), KEY] }))).toBeNull();
  const next = Array.from({ length: LIMIT + 1 }, () => [KEY, 1]);
  expect(parse({ kind: 'beat', node: 'a', fence: 1, next })).toBeNull();
});

it('no text is thrown over', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.json().map(asKey)), (text) => {
      expect(parseControl('binance', text)).toBeNull();
    }),
    { numRuns: 300 },
  );
});

/** A message that asks for the stream with any JSON for a key. */
function asKey(json: string): string {
  return JSON.stringify({ kind: 'ask', node: 'a', keys: [json] });
}
