import { describe, expect, it } from 'vitest';
import {
  candlesPath,
  instrumentsPath,
  latestCandlesPath,
  pricingPath,
  streamPath,
} from '../../../../src/brokers/oanda/restRequests.ts';

const utc = 'dailyAlignment=0&alignmentTimezone=UTC';
const window = { symbol: 'EUR_USD', fromMs: null, endMs: null, count: 500 } as const;

describe('requests', () => {
  it('name the account and the instruments, encoded', () => {
    expect(instrumentsPath('101-004-1-001')).toBe('/v3/accounts/101-004-1-001/instruments');
    expect(instrumentsPath('../../x?y')).toBe('/v3/accounts/..%2F..%2Fx%3Fy/instruments');
    expect(pricingPath('a', ['EUR_USD', 'X/Y&z'])).toBe(
      '/v3/accounts/a/pricing?instruments=EUR_USD,X%2FY%26z&includeUnitsAvailable=false',
    );
    expect(streamPath('a', new Set(['EUR_USD', 'USD_JPY']))).toBe(
      '/v3/accounts/a/pricing/stream?instruments=EUR_USD,USD_JPY&snapshot=true',
    );
  });

  it.each([
    ['5s', 'S5'],
    ['1m', 'M1'],
    ['5m', 'M5'],
    ['15m', 'M15'],
    ['1h', 'H1'],
    ['4h', 'H4'],
    ['1d', 'D'],
  ] as const)('ask for candles of %s as %s of mids, aligned to UTC', (interval, granularity) => {
    expect(candlesPath('a', { ...window, interval })).toBe(
      `/v3/accounts/a/instruments/EUR_USD/candles?price=M&granularity=${granularity}&count=500&${utc}`,
    );
  });

  it('have a start or an end, never both with a count', () => {
    const day = Date.UTC(2026, 0, 2);
    expect(candlesPath('a', { ...window, interval: '1m', fromMs: day, endMs: null })).toContain(
      '&count=500&from=2026-01-02T00%3A00%3A00.000Z&includeFirst=true&',
    );
    const ended = candlesPath('a', { ...window, interval: '1m', endMs: day });
    expect(ended).toContain('&count=500&to=2026-01-02T00%3A00%3A00.000Z&');
    expect(ended).not.toContain('from=');
    expect(candlesPath('a', { ...window, interval: '1m', fromMs: day, endMs: day })).not.toContain('&to=');
  });

  it('ask for the newest candles of several things at once', () => {
    expect(
      latestCandlesPath('a', [
        { symbol: 'USD_JPY', interval: '1m' },
        { symbol: 'EUR_USD', interval: '1d' },
      ]),
    ).toBe(`/v3/accounts/a/candles/latest?candleSpecifications=USD_JPY%3AM1%3AM,EUR_USD%3AD%3AM&${utc}`);
  });
});
