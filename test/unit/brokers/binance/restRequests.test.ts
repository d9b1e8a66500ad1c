import { describe, expect, it } from 'vitest';
import {
  aggTradesRequest,
  bookTickerRequest,
  depthRequest,
  exchangeInfoRequest,
  klinesRequest,
  timeRequest,
  tradesRequest,
} from '../../../../src/brokers/binance/restRequests.ts';

describe('restRequests', () => {
  it.each([
    [exchangeInfoRequest(true), '/api/v3/exchangeInfo?showPermissionSets=false', 20],
    [exchangeInfoRequest(false), '/api/v3/exchangeInfo', 20],
    [timeRequest(), '/api/v3/time', 1],
    [tradesRequest('BTCUSDT', 100), '/api/v3/trades?symbol=BTCUSDT&limit=100', 25],
    [tradesRequest('BTCUSDT', 9_999), '/api/v3/trades?symbol=BTCUSDT&limit=1000', 25],
    [aggTradesRequest({ symbol: 'BTCUSDT', limit: 5, fromId: null }), '/api/v3/aggTrades?symbol=BTCUSDT&limit=5', 4],
    [
      aggTradesRequest({ symbol: 'BTCUSDT', limit: 1_000, fromId: 7 }),
      '/api/v3/aggTrades?symbol=BTCUSDT&fromId=7&limit=1000',
      4,
    ],
    [bookTickerRequest('BTCUSDT'), '/api/v3/ticker/bookTicker?symbol=BTCUSDT', 2],
    [
      klinesRequest({ symbol: 'BTCUSDT', interval: '1m', fromMs: 60_000, toMs: 120_000, rows: 2 }),
      '/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=60000&endTime=120000&limit=2',
      2,
    ],
    [
      klinesRequest({ symbol: 'BTCUSDT', interval: '1d', fromMs: null, toMs: null, rows: 1_000 }),
      '/api/v3/klines?symbol=BTCUSDT&interval=1d&limit=1000',
      2,
    ],
  ])('%o', (request, path, weight) => {
    expect(request).toEqual({ path, weight });
  });

  it.each([
    [0, 1, 5],
    [100, 100, 5],
    [101, 101, 25],
    [500, 500, 25],
    [501, 501, 50],
    [1_000, 1_000, 50],
    [1_001, 1_001, 250],
    [20_000, 5_000, 250],
  ])('a book of %i levels is asked for as %i and costs %i', (limit, sent, weight) => {
    expect(depthRequest('BTCUSDT', limit)).toEqual({ path: `/api/v3/depth?symbol=BTCUSDT&limit=${sent}`, weight });
  });

  it('sends a symbol as one value, whatever it holds', () => {
    expect(bookTickerRequest('币安USDT').path).toBe('/api/v3/ticker/bookTicker?symbol=%E5%B8%81%E5%AE%89USDT');
    expect(bookTickerRequest('A&limit=1#?').path).toBe('/api/v3/ticker/bookTicker?symbol=A%26limit%3D1%23%3F');
  });
});
