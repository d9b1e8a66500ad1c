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

const CANDLES = [{ complete: true, volume: 7, time: '1767322860', mid: { o: '1.1', h: '1.2', l: '1.0', c: '1.1' } }];
const specify = (symbol: string) => ({ symbol, interval: '1m' }) as const;

it.each([
  ['no object', 'odd'],
  ['an object without candles', { instrument: 'AUD_USD' }],
  ['an object whose candle makes no sense', { candles: [{ complete: 'yes' }] }],
])('the newest candles of one instrument are none where the venue sends %s; the others are read', async (_, entry) => {
  const answer = { body: { latestCandles: [entry, { candles: CANDLES }] } };
  await using server = await ScriptedServer.start(() => answer);
  const metrics = new Metrics();
  await using rest = restOf(server, metrics);
  const found = await rest.fetchLatestCandles(['AUD_USD', 'EUR_USD'].map(specify));
  expect(found).toMatchObject([[], [{ complete: true, bar: { volume: '7' } }]]);
  expect((await metrics.invalidMessages.get()).values).toMatchObject([{ value: 1 }]);
});

it('a candle that opens in the far future is left out, and the others are read', async () => {
  const times = ['1767322860', '9999-12-31T23:59:00Z'];
  const candles = times.map((time) => ({ ...CANDLES[0], time }));
  await using server = await ScriptedServer.start(() => ({ body: { candles } }));
  await using rest = restOf(server, new Metrics());
  const found = await rest.fetchCandles({ symbol: 'EUR_USD', interval: '1m', fromMs: 0, toMs: null, limit: 2 });
  expect(found.map(({ openTime }) => openTime)).toEqual(['2026-01-02T03:01:00.000Z']);
});

it.each([0, 1, 2, 3, 4])(
  'the newest candles of an instrument that the venue refuses are none, wherever it stands: %i',
  async (index) => {
    await using server = await ScriptedServer.start(({ url = '' }) => {
      const names: string[] = decodeURIComponent(url).match(/[A-Z]{3}_USD/g) ?? [];
      if (!names.includes('OLD_USD')) return { body: { latestCandles: names.map(() => ({ candles: CANDLES })) } };
      return { status: 400, body: { errorMessage: "Invalid value specified for 'candleSpecifications'" } };
    });
    await using rest = restOf(server, new Metrics());
    const names = ['AUD_USD', 'EUR_USD', 'GBP_USD', 'NZD_USD'].toSpliced(index, 0, 'OLD_USD');
    const found = await rest.fetchLatestCandles(names.map(specify));
    expect(found.map(({ length }) => length)).toEqual(names.map((name) => (name === 'OLD_USD' ? 0 : 1)));
  },
);
