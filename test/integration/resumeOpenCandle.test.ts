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

  /** A client sees these candles and leaves. Resolves with the cursor of each. */
  async leaveBehind(...candles: readonly CandleDraft[]): Promise<readonly unknown[]> {
    const client = await this.join();
    await this.begin();
    for (const candle of candles) this.publish(candle);
    await came(client, candles.length);
    await client.close();
    return client.data('candle').map(({ cursor }) => cursor);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
    await this.gateway[Symbol.asyncDispose]();
  }
}

/** Resolves when the client has so many candles. */
async function came(client: RawClient, count: number): Promise<void> {
  await waitFor(() => client.data('candle').length >= count, 'the candles');
}

function gapsOf({ messages }: RawClient): number {
  return messages.filter(({ status }) => status === 'gap').length;
}

it('while the first candle of a stream is open nothing is missing, and the venue is not asked', async () => {
  await using scene = await Scene.start();
  const [cursor] = await scene.leaveBehind(open(first));
  scene.publish(open(first));
  const again = await scene.join(cursor);
  expect(await outcomeOf(again)).toEqual({ recovered: true, events: 0, complete: true });
  scene.publish(first);
  scene.publish(open(second));
  await came(again, 3);
  expect(again.data('candle').map(({ openTime, closed }) => [openTime, closed])).toEqual([
    [first.openTime, false],
    [first.openTime, true],
    [second.openTime, false],
  ]);
  expect([gapsOf(again), scene.asked]).toEqual([0, 0]);
});

it('a candle that ended while the client was away comes, also if it was the first one', async () => {
  await using scene = await Scene.start();
  const [cursor] = await scene.leaveBehind(open(first));
  scene.publish(first);
  scene.publish(open(second));
  const again = await scene.join(cursor);
  expect(await outcomeOf(again)).toEqual({ recovered: true, events: 1, complete: true });
  await came(again, 2);
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
  const cursors = await scene.leaveBehind(...ended, open(second), open(second));
  scene.loseOne();
  scene.publish(open(second));
  for (const cursor of cursors.slice(-2)) {
    const again = await scene.join(cursor);
    await outcomeOf(again);
    await came(again, 1);
    expect(gapsOf(again)).toBe(1);
    const behind = await scene.join(again.data('candle').at(-1)?.['cursor']);
    await outcomeOf(behind);
    await came(behind, 1);
    expect(gapsOf(behind)).toBe(0);
  }
});

it('a candle that ended while nobody had the stream is fetched, also if none had ended before', async () => {
  await using scene = await Scene.start({ keepsOpen: false });
  const [cursor] = await scene.leaveBehind(open(first));
  await waitFor(() => scene.gateway.broker().wantedNames.length === 0, 'the stream to end');
  scene.past = [{ ...first, backfilled: true }, open(second)];
  const again = await scene.join(cursor);
  await scene.begin();
  expect(await outcomeOf(again)).toMatchObject({ events: 1, complete: true });
  scene.publish(open(second));
  await came(again, 2);
  expect(again.data('candle').map(({ openTime, backfilled }) => [openTime, backfilled])).toEqual([
    [first.openTime, true],
    [second.openTime, false],
  ]);
  expect([gapsOf(again), scene.asked]).toEqual([0, 1]);
});
