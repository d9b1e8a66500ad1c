import { describe, expect, it } from 'vitest';
import { hasRecordings } from '../support/recordings.ts';
import { feedOf } from '../support/BrokerRecord.ts';
import { startBinanceBroker } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';
import { bookDigest, expectedBooks } from '../venues/binance/expectedBooks.ts';
import { SessionPlayer } from '../venues/binance/SessionPlayer.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

describe.runIf(hasRecordings)('a recorded session that is played through the broker', () => {
  it.each([
    'session-2021-04-05-binance-10sym',
    'session-2021-04-17-binanceus-10sym',
    'session-2021-08-14-binance-4sym',
    'session-2021-10-12-binance-4sym',
  ])('%s arrives whole', async (name) => {
    const standIn = await StandInBinance.start();
    const session = new SessionPlayer(standIn, `binance/${name}.jsonl`);
    const expected = expectedBooks(name.concat('.jsonl'));
    const wanted = session.symbols.flatMap((symbol) => [
      feedOf(symbol, 'tick'),
      feedOf(symbol, 'trade'),
      feedOf(symbol, 'orderbook'),
      ...(session.streams.includes(`${symbol.toLowerCase()}@kline_1m`) ? [feedOf(symbol, 'candle', '1m')] : []),
    ]);
    await using gateway = await startBinanceBroker(wanted, {
      standIn,
      broker: { trades: 'aggregate', bookLevels: 5000 },
    });
    await session.waitForSubscriptions();
    await session.play({ snapshotWaitMs: 5_000 });
    for (const feed of wanted) {
      const { symbol, type } = feed;
      if (type === 'tick')
        await waitFor(() => gateway.events(feed).length === session.expectedTicks(symbol).length, `ticks of ${symbol}`);
      if (type === 'trade') {
        const { count = 0, firstId = 0 } = expected.aggTrades[symbol] ?? {};
        await waitFor(() => gateway.tradeIds(feed).length === count, `trades of ${symbol}`);
        expect(gateway.tradeIds(feed)).toEqual(Array.from({ length: count }, (_, index) => firstId + index));
      }
      if (type === 'candle') {
        const closed = gateway
          .events(feed)
          .flatMap((event) => (event.type === 'candle' && event.closed ? [event.close] : []));
        expect(closed).toEqual((expected.closedKlines[symbol] ?? []).map(({ c }) => c));
      }
      if (type === 'orderbook') {
        const digest = (): string => bookDigest(gateway.rows(feed).bids, gateway.rows(feed).asks);
        await waitFor(() => digest() === expected.books[symbol]?.sha256, `the book of ${symbol}`);
        expect(gateway.state(feed)).toBe('live');
      }
      expect(gateway.gaps(feed)).toEqual([]);
    }
  });
});
