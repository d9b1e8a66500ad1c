import { expect, it } from 'vitest';
import { OandaBudgets } from '../../../../src/brokers/oanda/OandaBudgets.ts';
import { OandaRest } from '../../../../src/brokers/oanda/OandaRest.ts';
import { systemClock } from '../../../../src/shared/clock.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { seededRandom } from '../../../../src/shared/random.ts';
import { ScriptedServer } from '../../transport/ScriptedServer.ts';

const ACCOUNT = { token: 'a-token', accountId: '101-004-1435156-001' };

function restOf({ url }: ScriptedServer, metrics: Metrics): OandaRest {
  return new OandaRest({
    brokerId: 'oanda',
    restUrl: url,
    credentials: { use: (task) => task(ACCOUNT) },
    budget: new OandaBudgets({ clock: systemClock }).use(ACCOUNT.token),
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger(),
    metrics,
    onCredentialsRefused: () => {},
  });
}

it.each([
  ['no object', 'odd'],
  ['an object without candles', { instrument: 'AUD_USD' }],
  ['an object whose candle makes no sense', { candles: [{ complete: 'yes' }] }],
])('the newest candles of one instrument are none where the venue sends %s; the others are read', async (_, entry) => {
  const candles = [{ complete: true, volume: 7, time: '1767322860', mid: { o: '1.1', h: '1.2', l: '1.0', c: '1.1' } }];
  const answer = { body: { latestCandles: [entry, { candles }] } };
  await using server = await ScriptedServer.start(() => answer);
  const metrics = new Metrics();
  await using rest = restOf(server, metrics);
  const found = await rest.fetchLatestCandles(['AUD_USD', 'EUR_USD'].map((symbol) => ({ symbol, interval: '1m' })));
  expect(found).toMatchObject([[], [{ complete: true, bar: { volume: '7' } }]]);
  expect((await metrics.invalidMessages.get()).values).toMatchObject([{ value: 1 }]);
});
