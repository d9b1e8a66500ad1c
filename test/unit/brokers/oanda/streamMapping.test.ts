import { describe, expect, it } from 'vitest';
import { isCrossed, toBook, toMid, toOandaTick } from '../../../../src/brokers/oanda/streamMapping.ts';
import { fromEpochMs } from '../../../../src/market/timestamp.ts';
import { priceOf } from './prices.ts';

const received = fromEpochMs(1_700_000_000_000);

describe('what becomes of a price', () => {
  it('is a tick of the best level of each side, with the time of the venue', () => {
    const price = priceOf({
      time: '2023-11-14T22:13:19.123456789Z',
      bids: [
        ['1.08450', '10'],
        ['1.08449', '20'],
      ],
      asks: [
        ['1.08459', '30'],
        ['1.08461', '40'],
      ],
    });
    expect(toOandaTick(price, received)).toEqual({
      type: 'tick',
      time: '2023-11-14T22:13:19.123456789Z',
      receivedAt: received,
      bid: '1.08450',
      bidSize: '10',
      ask: '1.08459',
      askSize: '30',
      last: null,
      mid: '1.084545',
      spread: '0.00009',
    });
    expect(toBook(price, received)).toMatchObject({
      type: 'orderbook',
      kind: 'snapshot',
      time: '2023-11-14T22:13:19.123456789Z',
      bids: [{ price: '1.08450', size: '10' }, { price: '1.08449' }],
      asks: [{ price: '1.08459', size: '30' }, { price: '1.08461' }],
    });
  });

  it.each([
    ['bids', priceOf({ bids: [] })],
    ['asks', priceOf({ asks: [] })],
    ['both', priceOf({ bids: [], asks: [] })],
  ])('is no tick and no candle without %s, and still the whole book', (_name, price) => {
    expect(toOandaTick(price, received)).toBeNull();
    expect(toMid(price, 5)).toBeNull();
    expect(isCrossed(price)).toBe(false);
    expect(toBook(price, received)).toMatchObject({ bids: price.bids, asks: price.asks });
  });

  it.each([
    ['1.10719', '1.10736', 5, '1.10728'],
    ['1.08450', '1.08452', 5, '1.08451'],
    ['1.0845', '1.0845', 5, '1.08450'],
    ['149.825', '149.838', 3, '149.832'],
    ['304805', '304820', 0, '304813'],
    ['16912.3', '16912.3', 1, '16912.3'],
    ['999999999999999999.1', '999999999999999999.3', 1, '999999999999999999.2'],
  ])('has a mid of %s and %s that is rounded half up to %i digits: %s', (bid, ask, places, mid) => {
    expect(toMid(priceOf({ bids: [[bid, '1']], asks: [[ask, '1']] }), places)).toBe(mid);
  });

  it.each([
    ['1.1', '1.2', false],
    ['1.20', '1.2', true],
    ['1.3', '1.2', true],
  ])('with a bid of %s and an ask of %s is crossed: %s', (bid, ask, expected) => {
    expect(isCrossed(priceOf({ bids: [[bid, '1']], asks: [[ask, '1']] }))).toBe(expected);
  });
});
