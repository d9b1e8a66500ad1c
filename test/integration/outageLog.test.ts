import { pino } from 'pino';
import { expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { logLines } from '../support/logLines.ts';
import { waitFor } from '../support/waitFor.ts';
import { ACCOUNT } from '../support/startOandaBroker.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';
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

/** A stand-in for a venue that can go away, and how a gateway and its client use it. */
interface Scene extends AsyncDisposable {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly symbol: string;
  readonly types: readonly string[];
  readonly subscribed: () => Promise<unknown>;
  readonly leave: () => Promise<unknown>;
  readonly comeBack: () => void;
}

async function binanceScene(): Promise<Scene> {
  const venue = await StandInBinance.start();
  return {
    settings: standInBroker(venue),
    symbol: 'BTCUSDT',
    types: ['tick', 'trade', 'orderbook', 'candle'],
    subscribed: () => venue.waitForSubscription('btcusdt@bookTicker'),
    leave: () => {
      venue.faults.refuseConnections = true;
      return venue.faults.hangUp();
    },
    comeBack: () => {
      venue.faults.refuseConnections = false;
    },
    [Symbol.asyncDispose]: () => venue[Symbol.asyncDispose](),
  };
}

async function oandaScene(): Promise<Scene> {
  const venue = await StandInOanda.start({ accounts: [ACCOUNT] });
  const { streamUrl, restUrl } = venue;
  return {
    settings: { kind: 'oanda', streamUrl, restUrl, token: ACCOUNT.token, accountId: ACCOUNT.id },
    symbol: 'EUR_USD',
    types: ['tick', 'orderbook'],
    subscribed: () => venue.waitForStreams(ACCOUNT.id, 1),
    leave: () => {
      venue.faults.refuseConnections = true;
      return venue.faults.hangUp('reset');
    },
    comeBack: () => {
      venue.faults.refuseConnections = false;
    },
    [Symbol.asyncDispose]: () => venue[Symbol.asyncDispose](),
  };
}

it.each([
  ['Binance', binanceScene],
  ['OANDA', oandaScene],
])('a gateway logs one line when %s goes and one when it is back', async (_name, start) => {
  const clock = new SkippableClock();
  const log: string[] = [];
  await using scene = await start();
  await using gateway = await startGateway({
    clock,
    logger: pino({ level: 'info' }, { write: (line: string) => void log.push(line) }),
    config: { brokers: { venue: scene.settings } },
  });
  await using client = await RawClient.connect(gateway.urls.http);
  await client.subscribe('venue', [scene.symbol], scene.types);
  await scene.subscribed();
  const before = log.length;
  await scene.leave();
  await waitFor(() => log.some((line) => line.includes('broker away')), 'the line that says it is away');
  await clock.skip(120_000);
  scene.comeBack();
  await clock.hurryUntil(() => log.some((line) => line.includes('broker back')), 'the line that says it is back');
  const lines = logLines(log.slice(before).join('')).map(({ level, msg }) => [level, msg]);
  expect(lines).toEqual([
    [40, 'broker away'],
    [30, 'broker back'],
  ]);
});
