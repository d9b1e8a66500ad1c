import { pino } from 'pino';
import { expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { logLines } from '../support/logLines.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:9';

it('a gateway without a network logs a few lines in ten minutes, with clients that wait for both venues', async () => {
  const clock = new SkippableClock();
  const log: string[] = [];
  await using gateway = await startGateway({
    clock,
    logger: pino({ level: 'info' }, { write: (line: string) => void log.push(line) }),
    config: {
      brokers: {
        binance: { kind: 'binance', websocketUrl: `ws://${NOWHERE}`, restUrl: `http://${NOWHERE}` },
        oanda: {
          kind: 'oanda',
          streamUrl: `http://${NOWHERE}`,
          restUrl: `http://${NOWHERE}`,
          token: 'token',
          accountId: '101-004-1435156-001',
        },
      },
    },
  });
  await using client = await RawClient.connect(gateway.urls.http);
  const types = ['tick', 'candle', 'orderbook'];
  for (const [broker, symbol] of [
    ['binance', 'BTCUSDT'],
    ['oanda', 'EUR_USD'],
  ] as const) {
    await clock.hurry(client.subscribe(broker, [symbol], types));
    await clock.hurry(client.waitFor((message) => message['broker'] === broker && message['status'] === 'recovering'));
  }
  await clock.skip(600_000);
  expect(log.length).toBeLessThanOrEqual(10);
  const away = logLines(log.join('')).filter(({ msg }) => msg === 'broker away');
  expect(away.map(({ broker, level }) => [broker, level])).toEqual([
    ['binance', 40],
    ['oanda', 40],
  ]);
});

it('a gateway whose venue goes and comes back logs one line when it goes and one when it is back', async () => {
  const clock = new SkippableClock();
  const log: string[] = [];
  await using venue = await StandInBinance.start();
  await using gateway = await startGateway({
    clock,
    logger: pino({ level: 'info' }, { write: (line: string) => void log.push(line) }),
    config: { brokers: { binance: standInBroker(venue) } },
  });
  await using client = await RawClient.connect(gateway.urls.http);
  await client.subscribe('binance', ['BTCUSDT'], ['tick', 'trade', 'orderbook', 'candle']);
  await venue.waitForSubscription('btcusdt@bookTicker');
  const before = log.length;
  venue.faults.refuseConnections = true;
  await venue.faults.hangUp();
  await waitFor(() => log.some((line) => line.includes('broker away')), 'the line that says it is away');
  await clock.skip(300_000);
  venue.faults.refuseConnections = false;
  await clock.hurryUntil(() => log.some((line) => line.includes('broker back')), 'the line that says it is back');
  const lines = logLines(log.slice(before).join('')).map(({ level, msg }) => [level, msg]);
  expect(lines).toEqual([
    [40, 'broker away'],
    [30, 'broker back'],
  ]);
});
