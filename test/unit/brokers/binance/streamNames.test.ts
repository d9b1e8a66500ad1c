import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../../src/brokers/BaseBroker.ts';
import {
  fromStreamName,
  isPossibleSymbol,
  streamOf,
  toStreamName,
} from '../../../../src/brokers/binance/streamNames.ts';
import type { VenueStreamAddress, TradeMode } from '../../../../src/brokers/binance/streamNames.ts';
import { CANDLE_INTERVALS } from '../../../../src/market/marketData.ts';
import type { CandleInterval } from '../../../../src/market/marketData.ts';

const feed = (type: Feed['type'], interval: CandleInterval | null = null): Feed => ({
  symbol: 'BTCUSDT',
  type,
  interval,
});

const NAMES: readonly [Feed, TradeMode, string][] = [
  [feed('tick'), 'individual', 'btcusdt@bookTicker'],
  [feed('trade'), 'individual', 'btcusdt@trade'],
  [feed('trade'), 'aggregate', 'btcusdt@aggTrade'],
  [feed('orderbook'), 'individual', 'btcusdt@depth@100ms'],
  [feed('candle', '1s'), 'individual', 'btcusdt@kline_1s'],
  [feed('candle', '5s'), 'individual', 'btcusdt@kline_1s'],
  [feed('candle', '1m'), 'individual', 'btcusdt@kline_1m'],
  [feed('candle', '1d'), 'individual', 'btcusdt@kline_1d'],
];

const addresses: fc.Arbitrary<VenueStreamAddress> = fc.record({
  symbol: fc.stringMatching(/^[A-Z0-9._-]{1,20}$/),
  kind: fc.constantFrom(
    ...NAMES.map(([wanted, trades]) => streamOf(wanted, trades).kind),
    ...Object.keys(CANDLE_INTERVALS).map(
      (interval) => streamOf(feed('candle', interval as CandleInterval), 'individual').kind,
    ),
  ),
});

describe('stream names', () => {
  it.each(NAMES)('%j with %s trades comes from %s', (wanted, trades, name) => {
    expect(toStreamName(streamOf(wanted, trades))).toBe(name);
  });

  it('never has an upper-case symbol, which the venue acknowledges and does not serve', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        const [symbol = ''] = toStreamName(address).split('@');
        expect(symbol).toBe(symbol.toLowerCase());
      }),
    );
  });

  it('is read back to what it was made from, in whatever case the venue writes it', () => {
    fc.assert(
      fc.property(addresses, fc.boolean(), (address, shout) => {
        const name = toStreamName(address);
        expect(fromStreamName(shout ? name.toUpperCase() : name)).toEqual(address);
      }),
    );
  });

  it('serves symbols of any script', () => {
    const address = { symbol: '币安人生USDT', kind: { type: 'trade', mode: 'individual' } } as const;
    expect(isPossibleSymbol(address.symbol)).toBe(true);
    expect(fromStreamName(toStreamName(address))).toEqual(address);
  });

  it.each([
    'btcusdt@kline_5s',
    'btcusdt@kline_1M',
    'btcusdt@depth5',
    'btcusdt',
    '@trade',
    'a@b@trade',
    '!ticker@arr',
    '',
  ])('knows nothing of %s', (name) => {
    expect(fromStreamName(name)).toBeUndefined();
  });

  it.each(['', 'BTC/USDT', 'BTCUSDT@trade', 'BTC USDT', 'BTC\nUSDT', 'BTC"', 'X'.repeat(51)])(
    'takes %j for no symbol, so that it never gets into a frame',
    (symbol) => {
      expect(isPossibleSymbol(symbol)).toBe(false);
    },
  );
});
