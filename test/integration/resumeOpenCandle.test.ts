import { expect, it } from 'vitest';
import type { CandleDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import type { Timestamp } from '../../src/market/timestamp.ts';
import { closedCandles } from '../support/candles.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { outcomeOf } from '../support/ResumeScene.ts';
import { waitFor } from '../support/waitFor.ts';

const MINUTE_MS = 60_000;
const START_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
/** The candle of the last minute, and that of this one. */
const [first, second] = closedCandles(2).map((candle, n) => {
  const [openTime, closeTime] = [n, n + 1].map((minutes) => fromEpochMs(START_MS + minutes * MINUTE_MS)) as [
    Timestamp,
    Timestamp,
  ];
  return { ...candle, openTime, closeTime, time: openTime, receivedAt: closeTime };
}) as [CandleDraft, CandleDraft];
const open = (candle: CandleDraft): CandleDraft => ({ ...candle, closed: false });
const CANDLES = 'candle BTCUSDT';

/** A gateway with a stream of candles of a minute, and clients that come and go. */
class Scene implements AsyncDisposable {
  readonly gateway: RawGateway;
  readonly #clients = new AsyncDisposableStack();
  /** How often the venue was asked for candles of the past. */
  asked = 0;
  /** What it has of the past. */
  past: readonly CandleDraft[] = [];

  private constructor(gateway: RawGateway) {
    this.gateway = gateway;
    const broker = gateway.broker();
    broker.fetchCandles = () => {
      this.asked += 1;
      return Promise.resolve(this.past);
    };
    // The stream comes behind the past without a hole.
    broker.continueBehind = () => undefined;
  }

  /** `keepsOpen`: a client of its own does. */
  static async start({ keepsOpen = true } = {}): Promise<Scene> {
    const scene = new Scene(await RawGateway.start());
    if (keepsOpen) await scene.join();
    return scene;
  }

  /** The venue delivers. */
  async begin(): Promise<void> {
    await this.gateway.wanted(CANDLES);
    const broker = this.gateway.broker();
    broker.sink.onFeed(broker.feed(CANDLES), { kind: 'live' });
  }

  publish(candle: CandleDraft): void {
    const broker = this.gateway.broker();
    broker.sink.onEvent(broker.feed(CANDLES), candle);
  }

  loseOne(): void {
    const broker = this.gateway.broker();
    broker.sink.onFeed(broker.feed(CANDLES), { kind: 'gap', reason: 'A candle is lost.', to: null });
  }

  async join(cursor?: unknown): Promise<RawClient> {
    const client = this.#clients.use(await RawClient.connect(this.gateway.url));
    const resume = cursor === undefined ? {} : { resume: [cursor] };
    const wish = { broker: 'binance', symbols: ['BTCUSDT'], types: ['candle'], options: { interval: '1m' } };
    await client.ask({ action: 'subscribe', ...wish, ...resume });
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
    await this.gateway[Symbol.asyncDispose]();
  }
}

/** The cursor of the client's newest candle, once it has so many. */
async function newestOf(client: RawClient, count: number): Promise<unknown> {
  const candle = await waitFor(() => client.data('candle')[count - 1], 'a candle');
  return candle['cursor'];
}

function gapsOf({ messages }: RawClient): number {
  return messages.filter(({ status }) => status === 'gap').length;
}

it('while the first candle of a stream is open nothing is missing, and the venue is not asked', async () => {
  await using scene = await Scene.start();
  const client = await scene.join();
  await scene.begin();
  scene.publish(open(first));
  const cursor = await newestOf(client, 1);
  await client.close();
  scene.publish(open(first));
  const again = await scene.join(cursor);
  expect(await outcomeOf(again)).toEqual({ recovered: true, events: 0, complete: true });
  scene.publish(first);
  scene.publish(open(second));
  await newestOf(again, 3);
  expect(again.data('candle').map(({ openTime, closed }) => [openTime, closed])).toEqual([
    [first.openTime, false],
    [first.openTime, true],
    [second.openTime, false],
  ]);
  expect([gapsOf(again), scene.asked]).toEqual([0, 0]);
});

it('a candle that ended while the client was away comes, also if it was the first one', async () => {
  await using scene = await Scene.start();
  const client = await scene.join();
  await scene.begin();
  scene.publish(open(first));
  const cursor = await newestOf(client, 1);
  await client.close();
  scene.publish(first);
  scene.publish(open(second));
  const again = await scene.join(cursor);
  expect(await outcomeOf(again)).toEqual({ recovered: true, events: 1, complete: true });
  await newestOf(again, 2);
  expect(again.data('candle').map(({ openTime, closed }) => [openTime, closed])).toEqual([
    [first.openTime, true],
    [second.openTime, false],
  ]);
  expect([gapsOf(again), scene.asked]).toEqual([0, 0]);
});

it.each([
  ['before any candle ended', []],
  ['behind candles that ended', [first]],
])('a gap that is reported while a client with an open candle is away is told to it, %s', async (_when, ended) => {
  await using scene = await Scene.start();
  const client = await scene.join();
  await scene.begin();
  for (const candle of ended) scene.publish(candle);
  scene.publish(open(second));
  const cursor = await newestOf(client, ended.length + 1);
  scene.publish(open(second));
  const later = await newestOf(client, ended.length + 2);
  await client.close();
  scene.loseOne();
  scene.publish(open(second));
  for (const each of [cursor, later]) {
    const again = await scene.join(each);
    await outcomeOf(again);
    await newestOf(again, 1);
    expect(gapsOf(again)).toBe(1);
    const behind = await scene.join(again.data('candle').at(-1)?.['cursor']);
    await outcomeOf(behind);
    await newestOf(behind, 1);
    expect(gapsOf(behind)).toBe(0);
  }
});

it('a candle that ended while nobody had the stream is fetched, also if none had ended before', async () => {
  await using scene = await Scene.start({ keepsOpen: false });
  const client = await scene.join();
  await scene.begin();
  scene.publish(open(first));
  const cursor = await newestOf(client, 1);
  await client.close();
  await waitFor(() => scene.gateway.broker().wantedNames.length === 0, 'the stream to end');
  scene.past = [{ ...first, backfilled: true }, open(second)];
  const again = await scene.join(cursor);
  await scene.begin();
  expect(await outcomeOf(again)).toMatchObject({ events: 1, complete: true });
  scene.publish(open(second));
  await newestOf(again, 2);
  expect(again.data('candle').map(({ openTime, backfilled }) => [openTime, backfilled])).toEqual([
    [first.openTime, true],
    [second.openTime, false],
  ]);
  expect([gapsOf(again), scene.asked]).toEqual([0, 1]);
});
