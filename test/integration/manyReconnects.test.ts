import { expect, it } from 'vitest';
import { BinanceBroker } from '../../src/brokers/binance/BinanceBroker.ts';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { systemRandom } from '../../src/shared/random.ts';
import { BrokerRecord, feedOf } from '../support/BrokerRecord.ts';
import { brokerContext } from '../support/ScriptedBroker.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const RECONNECTS = 1_000;
const WARM_UP = 20;

/** The venue's limits of connections and requests are over in no time. */
const hasty: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 10_000 };

/** What keeps the process alive, by kind and number. */
function resources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

it('a thousand reconnects to a venue leave no timer, no socket and no listener behind', async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warn);
  await using venue = await StandInBinance.start({ socket: { framesPerSecond: 1_000 } });
  const record = new BrokerRecord();
  const before = resources();
  await using broker = new BinanceBroker(
    { ...brokerContext('binance', record.sink), reconnect: { baseMs: 1, maxMs: 1 } },
    {
      websocketUrl: venue.websocketUrl,
      restUrl: venue.restUrl,
      trades: 'individual',
      hosts: new BinanceHosts({ clock: hasty, random: systemRandom }),
    },
  );
  broker.setWanted(new Set([feedOf('BTCUSDT', 'tick'), feedOf('BTCUSDT', 'trade')]));
  broker.start();
  await venue.waitForSubscription('btcusdt@trade');
  let warm: Readonly<Record<string, number>> = {};
  for (let n = 0; n < WARM_UP + RECONNECTS; n += 1) {
    const [socket] = venue.sockets;
    await venue.faults.hangUp();
    await waitFor(
      () => venue.sockets.some((each) => each !== socket && each.streams.has('btcusdt@trade')),
      `reconnect ${n}`,
    );
    if (n === WARM_UP) warm = resources();
  }
  const more = (): readonly string[] => {
    const now = resources();
    return Object.keys(now).filter((kind) => (now[kind] ?? 0) > (warm[kind] ?? 0));
  };
  // A socket that has just ended, or a request that is under way, may still be there.
  await waitFor(() => more().length === 0, 'as little to be left as after twenty reconnects');
  expect(warnings).toEqual([]);
  await broker.close();
  await waitFor(() => (resources()['Timeout'] ?? 0) <= (before['Timeout'] ?? 0), 'every timer to end');
  process.off('warning', warn);
}, 30_000);
