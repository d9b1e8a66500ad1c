import { expect, it } from 'vitest';
import { CANDLE_INTERVALS } from '../../src/market/marketData.ts';
import { RawClient } from '../support/RawClient.ts';
import { outcomeOf, ResumeScene, span } from '../support/ResumeScene.ts';
import type { Data } from '../support/ResumeScene.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const openMs = (candle: Data): number => Date.parse(String(candle['openTime']));
const closedOf = (candles: readonly Data[]): readonly Data[] => candles.filter(({ closed }) => closed === true);

/** Closed candles are all that there are, each once, and an open one comes behind all closed ones before it. */
function expectJoined(candles: readonly Data[], all: (closed: readonly number[]) => readonly number[]): void {
  const closed = closedOf(candles).map(openMs);
  expect(closed).toEqual(all(closed));
  const opens = candles.map(openMs);
  expect(opens).toEqual(opens.toSorted((a, b) => a - b));
  let lastClosed = Number.NEGATIVE_INFINITY;
  for (const candle of candles) {
    expect(openMs(candle)).toBeGreaterThan(lastClosed);
    if (candle['closed'] === true) lastClosed = openMs(candle);
  }
}

async function binance(): Promise<{ scene: ResumeScene; clock: SkippableClock }> {
  const clock = new SkippableClock();
  const scene = await ResumeScene.start({ clock });
  return { scene, clock };
}

/** Trades on, while time passes several times as fast as usual. */
async function trade(scene: ResumeScene, clock: SkippableClock, forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 250) {
    scene.trade(1);
    await clock.skip(250);
  }
}

it.each([
  ['1s', 'closed', 4],
  ['1s', 'open', 4],
  ['5s', 'closed', 3],
  ['5s', 'open', 3],
  ['1m', 'closed', 2],
  ['1m', 'open', 2],
] as const)('%s candles go on behind a cursor of a candle that was %s', async (interval, kind, count) => {
  const { scene, clock } = await binance();
  await using _scene = scene;
  using _running = scene.venue.run({ everyMs: 100 });
  const lengthMs = CANDLE_INTERVALS[interval];
  const wish = { types: ['candle'], options: { interval } };
  const first = await scene.subscribe(wish);
  await waitFor(() => scene.venue.sockets.length > 0, 'the connection');
  while (closedOf(first.data('candle')).length < count) await trade(scene, clock, 1_000);
  const had = first.data('candle');
  const at = had.findLastIndex(({ closed }) => closed === (kind === 'closed'));
  const known = had.slice(0, at + 1);
  await scene.restart(() => trade(scene, clock, 2.5 * lengthMs));
  const backMs = clock.now();
  const resume = [known.at(-1)?.['cursor']];
  const second = await scene.subscribe({ ...wish, resume });
  expect(await outcomeOf(second)).toMatchObject({ recovered: false, complete: true });
  const closed = (): readonly Data[] => closedOf(second.data('candle'));
  // Until one has ended that began afterwards: then all that were missed are there.
  while (!closed().some((candle) => openMs(candle) >= backMs)) await trade(scene, clock, 1_000);
  expectJoined([...known, ...second.data('candle')], (opens) => span(opens, lengthMs));
  // The venue may still close one of them over the new connection; the other can only come from its history.
  expect(closed().some(({ backfilled }) => backfilled === true)).toBe(true);
  if (interval === '5s') return;
  const bars = scene.venue.market('BTCUSDT').bars({ interval, startMs: null, endMs: null, limit: 60 });
  for (const candle of closed()) {
    const bar = bars.find(({ t }) => t === openMs(candle));
    expect(Number(candle['volume'])).toBe(Number(bar?.v));
  }
});

it('a candle that ends while history is fetched is sent once, to those without history, too', async () => {
  const { scene, clock } = await binance();
  await using _scene = scene;
  using _running = scene.venue.run({ everyMs: 100 });
  const wish = { types: ['candle'], options: { interval: '1s' } };
  const plain = await scene.subscribe(wish);
  while (closedOf(plain.data('candle')).length < 1) await trade(scene, clock, 250);
  const clients: RawClient[] = [];
  for (let ms = 0; ms < 2_000; ms += 250) {
    scene.venue.faults.rest.delayMs = ms % 1_000;
    clients.push(await scene.subscribe({ ...wish, options: { interval: '1s', history: 5 + clients.length } }));
    await trade(scene, clock, 250);
  }
  await trade(scene, clock, 4_000);
  await clock.hurryUntil(() => clients.every((client) => closedOf(client.data('candle')).length > 8));
  for (const client of [plain, ...clients]) expectJoined(client.data('candle'), (closed) => span(closed, 1_000));
  for (const [at, client] of clients.entries()) {
    expect(await outcomeOf(client)).toEqual({ recovered: null, events: 5 + at, complete: true });
  }
});

const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
const OTHER = { id: '101-004-1000002-001', token: `${'2'.repeat(32)}-${'b'.repeat(32)}` };

async function oanda(stack: AsyncDisposableStack, clock: SkippableClock) {
  const venue = stack.use(
    await StandInOanda.start({ accounts: [ACCOUNT, OTHER], windowMs: 0, limits: { connectionsPerSecond: 100 }, clock }),
  );
  const brokers = { oanda: { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl } };
  const start = async () => stack.use(await startGateway({ config: { brokers }, clock }));
  const join = async (url: string, account: typeof ACCOUNT): Promise<RawClient> => {
    const client = stack.use(await RawClient.connect(url));
    const credentials = { token: account.token, accountId: account.id };
    await whileTicking(client.ask({ action: 'authenticate', broker: 'oanda', credentials }));
    return client;
  };
  /** Every candle has prices. */
  const whileTicking = async (answer: Promise<unknown>): Promise<void> => {
    const settled = new AbortController();
    const watched = answer.finally(() => {
      settled.abort();
    });
    while (!settled.signal.aborted) {
      venue.market('EUR_USD').tick();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await watched;
  };
  const tickFor = async (forMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < forMs; passedMs += 250) {
      venue.market('EUR_USD').tick();
      await clock.skip(250);
    }
  };
  /** The candles that the venue has: it has none where there was no price. */
  const candlesOf = async ({ id, token }: typeof ACCOUNT) => {
    const url = `${venue.restUrl}/v3/accounts/${id}/instruments/EUR_USD/candles?granularity=S5&count=60`;
    const reply = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const { candles } = (await reply.json()) as { candles: readonly { time: string }[] };
    const opens = candles.map(({ time }) => Date.parse(time));
    return (closed: readonly number[]) =>
      opens.filter((open) => open >= (closed[0] ?? 0) && open <= (closed.at(-1) ?? 0));
  };
  return { venue, start, join, tickFor, whileTicking, candlesOf };
}

it('candles of OANDA go on, and history is joined', async () => {
  await using stack = new AsyncDisposableStack();
  const clock = new SkippableClock();
  const { candlesOf, join, start, tickFor, whileTicking } = await oanda(stack, clock);
  const former = await start();
  const first = await join(former.urls.raw, ACCOUNT);
  const wish = {
    action: 'subscribe',
    broker: 'oanda',
    symbols: ['EUR_USD'],
    types: ['candle'],
    options: { interval: '5s' },
  };
  await first.ask(wish);
  while (closedOf(first.data('candle')).length < 2) await tickFor(1_000);
  await former[Symbol.asyncDispose]();
  await tickFor(12_000);
  const gateway = await start();
  const second = await join(gateway.urls.raw, ACCOUNT);
  await second.ask({ ...wish, resume: [first.data('candle').at(-1)?.['cursor']] });
  const third = await join(gateway.urls.raw, ACCOUNT);
  await third.ask({ ...wish, options: { interval: '5s', history: 3 } });
  await whileTicking(Promise.all([outcomeOf(second), outcomeOf(third)]));
  while (closedOf(second.data('candle')).length < 4) await tickFor(1_000);
  expect(await outcomeOf(second)).toMatchObject({ recovered: false, complete: true });
  expect(await outcomeOf(third)).toEqual({ recovered: null, events: 3, complete: true });
  const all = await candlesOf(ACCOUNT);
  expectJoined([...first.data('candle'), ...second.data('candle')], all);
  expectJoined(third.data('candle'), all);
});

it('what was owed of the past comes under the new credentials, if they change before it was sent', async () => {
  await using stack = new AsyncDisposableStack();
  const clock = new SkippableClock();
  const { candlesOf, join, start, tickFor, venue, whileTicking } = await oanda(stack, clock);
  const gateway = await start();
  const client = await join(gateway.urls.raw, ACCOUNT);
  venue.faults.stream.silence = true;
  const options = { interval: '5s', history: 3 };
  await client.ask({ action: 'subscribe', broker: 'oanda', symbols: ['EUR_USD'], types: ['candle'], options });
  const credentials = { token: OTHER.token, accountId: OTHER.id };
  venue.faults.stream.silence = false;
  await whileTicking(client.ask({ action: 'authenticate', broker: 'oanda', credentials }));
  await whileTicking(outcomeOf(client));
  while (closedOf(client.data('candle')).length < 5) await tickFor(1_000);
  expect(client.messages.filter(({ status }) => status === 'replay')).toHaveLength(1);
  expect(await outcomeOf(client)).toEqual({ recovered: null, events: 3, complete: true });
  expectJoined(client.data('candle'), await candlesOf(OTHER));
});
