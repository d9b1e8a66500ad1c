import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import { CandleBuilder } from '../../src/market/CandleBuilder.ts';
import { decimal } from '../../src/market/decimal.ts';
import type { Trade } from '../../src/market/marketData.ts';
import { streamKey } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { encodeEvent } from '../../src/raw/messages.ts';
import { dispatchAtOnce } from '../../test/support/dispatchAtOnce.ts';
import { calls } from './MicroCase.ts';
import type { MicroCase } from './MicroCase.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const RECEIVED_AT = fromEpochMs(NOW_MS);
const SUBSCRIBERS = 100;

const TRADE: Trade = {
  type: 'trade',
  broker: 'binance',
  symbol: 'BTCUSDT',
  time: RECEIVED_AT,
  receivedAt: RECEIVED_AT,
  sequence: 123_456,
  cursor: 'ab12cd34.123456',
  tradeId: '6720857582',
  price: decimal('83034.29000000'),
  size: decimal('0.00062000'),
  side: 'sell',
  backfilled: false,
};

/** The cost of one numbered event, where everything is a plain call. */
export function middleCases(): MicroCase[] {
  return [candleCase(), publishCase(), calls('raw protocol: encode a trade', () => encodeEvent(TRADE))];
}

function candleCase(): MicroCase {
  const candles = new CandleBuilder('1m');
  let timeMs = NOW_MS;
  return calls('candle: one trade', () => {
    timeMs += 10;
    return candles.addTrade({ price: TRADE.price, size: TRADE.size, timeMs }, RECEIVED_AT);
  });
}

function publishCase(): MicroCase {
  const key = streamKey({ scope: 'shared', broker: 'binance', symbol: 'BTCUSDT', type: 'trade', interval: null });
  const index = new SubscriptionIndex(dispatchAtOnce);
  const { topic } = index.open(key);
  let updates = 0;
  for (let subscriber = 0; subscriber < SUBSCRIBERS; subscriber += 1) {
    index.join(key, {
      deliver: () => {
        updates += 1;
      },
    });
  }
  return calls(`index: publish to ${SUBSCRIBERS}`, () => {
    topic.publish(TRADE, null);
    return updates;
  });
}
