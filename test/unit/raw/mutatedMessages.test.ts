import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseClientMessage } from '../../../src/raw/parseClientMessage.ts';
import type { ClientMessage } from '../../../src/raw/messages.ts';
import { RAW_TYPES } from '../../../src/raw/messages.ts';
import { CANDLE_INTERVALS } from '../../../src/market/marketData.ts';
import { isRecord, parseJson } from '../../../src/transport/json.ts';
import { mutated } from '../../support/mutations.ts';

const CANARY = 'q7Zk0v9Xw3Lr8Tn2';
const VALID = [
  {
    action: 'subscribe',
    id: 7,
    broker: 'binance',
    symbols: ['BTCUSDT', 'ETHUSDT'],
    types: ['tick', 'candle', 'orderbook', 'trade'],
    options: { interval: '5m', depth: 5, book: 'delta', throttleMs: 250, snapshot: false, history: 20 },
    resume: ['1abcdefghABCDEFGHIJKL7-1000-42'],
  },
  { action: 'unsubscribe', id: 'a', broker: 'binance', symbols: ['BTCUSDT'], types: ['tick'] },
  { action: 'authenticate', id: 1, broker: 'oanda', credentials: { token: CANARY, accountId: CANARY } },
  { action: 'auth', credentials: { apiKey: CANARY } },
  { action: 'auth', broker: 'binance', credentials: { apiKey: CANARY, apiSecret: CANARY } },
  { action: 'ping', id: 2 },
  { action: 'list' },
].map((message) => JSON.stringify(message));

/** The secret was not put where none is expected. */
function isSecretInPlace(text: string): boolean {
  const json = parseJson(text);
  if (!isRecord(json)) return true;
  const { credentials: _credentials, ...others } = json;
  return !JSON.stringify(others).includes(CANARY);
}

function expectNames(...names: readonly string[]): void {
  for (const name of names) {
    expect(name.length).toBeGreaterThan(0);
    expect(name.length).toBeLessThanOrEqual(64);
  }
}

function expectInBounds(message: ClientMessage): void {
  switch (message.action) {
    case 'subscribe': {
      const { options, symbols, types, broker } = message;
      expectNames(...symbols, broker ?? 'any');
      expect(symbols.length).toBeGreaterThan(0);
      for (const type of types) expect(RAW_TYPES).toContain(type);
      expect([null, ...Object.keys(CANDLE_INTERVALS)]).toContain(options.interval);
      for (const [value, most] of [
        [options.history, 1_000],
        [options.throttleMs, 60_000],
        [options.depth, 1_000],
      ] as const) {
        expect(value === null || (Number.isInteger(value) && value >= 0 && value <= most), String(value)).toBe(true);
      }
      expect(['snapshot', 'delta']).toContain(options.book);
      expect(typeof options.snapshot).toBe('boolean');
      break;
    }
    case 'unsubscribe':
      expectNames(...(message.symbols ?? []), message.broker ?? 'any');
      for (const type of message.types ?? []) expect(RAW_TYPES).toContain(type);
      break;
    case 'authenticate':
      expectNames(message.broker);
      for (const value of Object.values(message.credentials))
        expect(value === null || typeof value === 'string').toBe(true);
      break;
    case 'logIn':
    case 'ping':
    case 'list':
      break;
  }
}

it('a message that was valid and was then changed at random is in bounds, or refused in a short sentence without a secret', () => {
  fc.assert(
    fc.property(fc.constantFrom(...VALID).chain(mutated), (text) => {
      const { id, message, error } = parseClientMessage(text);
      expect(['undefined', 'string', 'number']).toContain(typeof id);
      expect(JSON.stringify(id ?? '').length).toBeLessThan(1_000);
      if (message !== undefined) {
        expectInBounds(message);
        return;
      }
      expect(error.code).toBe('BAD_REQUEST');
      expect(error.message.length).toBeLessThan(400);
      if (isSecretInPlace(text)) expect(error.message).not.toContain(CANARY);
    }),
    { numRuns: 2_000 },
  );
});
