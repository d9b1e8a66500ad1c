import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import type { MarketData } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import type { RecordedLine, RecordingHeader } from '../../src/recording/format.ts';
import { Recording } from '../../src/recording/Recording.ts';
import { Replay } from '../../src/recording/Replay.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { book, status, tick, trade } from '../support/events.ts';
import { RawClient } from '../support/RawClient.ts';
import type { RawMessage } from '../support/RawClient.ts';
import { HEADER, recorded, TemporaryFolder, writeRecording } from '../support/recordingFiles.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const START_MS = Date.UTC(2026, 10, 23, 7, 30);
const [BROKER, SYMBOLS] = [HEADER.broker.id, ['BTCUSDT']];
const HOLE = 'The recording has a hole here: its recorder had lost the gateway.';
/** An event so many milliseconds after the recording began. */
function at<Event extends MarketData>(ms: number, event: Event): Event {
  const time = fromEpochMs(START_MS + ms);
  return { ...recorded(event, event.sequence), time, receivedAt: time };
}

const LIVE = at(0, status(1));

/** A trade each ten milliseconds, with these numbers. */
function trades(first: number, last: number): readonly RecordedLine[] {
  return Array.from({ length: last - first + 1 }, (_, index) => at((first + index) * 10, trade(first + index)));
}

interface Scene {
  readonly url: string;
  readonly gateway: MarketDataServer;
  readonly path: string;
}

/** Serves these lines as a broker while `act` runs. */
async function replayed(
  lines: readonly RecordedLine[],
  act: (scene: Scene) => Promise<void>,
  options: { readonly speed?: number; readonly loops?: boolean; readonly header?: RecordingHeader } = {},
): Promise<void> {
  const { speed = 1, loops = false, header = HEADER } = options;
  await using folder = await TemporaryFolder.make();
  const path = folder.file('a.gz');
  const end = { type: 'end', at: header.startedAt, events: lines.length } as const;
  await writeRecording(path, [...lines, end], header);
  const replay = new Replay({ recording: await Recording.open(path), speed, loops, clock: systemClock });
  await using gateway = await startGateway({ replay });
  await act({ url: gateway.urls.http, gateway, path });
}

async function ask(url: string, query: string): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

const sequences = (client: RawClient, type: string): readonly unknown[] =>
  client.data(type).map(({ sequence }) => sequence);
const statuses = (client: RawClient): readonly RawMessage[] =>
  client.messages.filter(({ type, symbol }) => type === 'status' && symbol !== undefined);
/** The states that a client was told, each with its reason. */
const states = (client: RawClient): readonly (readonly unknown[])[] =>
  statuses(client).map(({ status: state, message }) => [state, message ?? null]);
const told = (client: RawClient, reason: string): Promise<RawMessage> =>
  waitFor(() => statuses(client).find(({ message }) => message === reason), reason);
const hasEnded = (client: RawClient): Promise<unknown> => told(client, 'The recording has ended.');
const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('a replay', () => {
  it('begins with the first subscription; who comes later goes on where it was, or begins with what is known', async () => {
    const [snapshot, change] = [
      at(2, book(1, 'snapshot', { bids: [['100', '1']], asks: [['101', '1']] })),
      at(3, book(2, 'delta', { bids: [['100', '5']] })),
    ];
    await replayed([LIVE, at(1, tick(1)), snapshot, change, ...trades(1, 60)], async ({ url }) => {
      await using first = await RawClient.connect(url);
      await first.subscribe(BROKER, SYMBOLS, ['trade']);
      const seen = await waitFor(() => first.data('trade')[9]);
      await using second = await RawClient.connect(url);
      const types = ['trade', 'tick', 'orderbook'];
      await second.ask({ action: 'subscribe', broker: BROKER, symbols: SYMBOLS, types, resume: [seen['cursor']] });
      await hasEnded(first);
      await waitFor(() => sequences(second, 'trade').at(-1) === 60);
      expect(sequences(first, 'trade')).toEqual(upTo(60));
      expect(sequences(second, 'trade')).toEqual(upTo(60).slice(10));
      expect(sequences(second, 'tick')).toEqual([1]);
      expect(second.data('orderbook')).toMatchObject([{ kind: 'snapshot', sequence: 2, bids: [['100', '5']] }]);
    });
  });

  it('answers from what has been played, and says in its reason what it is', async () => {
    await replayed([LIVE, at(1, tick(1)), ...trades(1, 5)], async ({ url }) => {
      const query = `{ trades(broker: "${BROKER}", symbol: "BTCUSDT") { tradeId }
        tick(broker: "${BROKER}", symbol: "BTCUSDT") { bid } brokers { id kind reason synthetic } }`;
      expect(await ask(url, query)).toMatchObject({ data: { trades: [], tick: null } });
      await using client = await RawClient.connect(url);
      await client.subscribe(BROKER, SYMBOLS, ['trade']);
      await hasEnded(client);
      const { data } = (await ask(url, query)) as { data: Record<string, readonly Record<string, unknown>[]> };
      expect(data['trades']?.map(({ tradeId }) => tradeId)).toEqual(['1001', '1002', '1003', '1004', '1005']);
      expect(data).toMatchObject({
        tick: { bid: '100.10' },
        brokers: [{ id: BROKER, kind: 'replay', synthetic: true }],
      });
      expect(data['brokers']?.[0]?.['reason']).toMatch(
        /^A replay of a\.gz: mock-binance from .*The recording has ended\.$/,
      );
    });
  });

  it('that loops plays the same again under other cursors, behind a status that says so', async () => {
    await replayed(
      [LIVE, ...trades(1, 5)],
      async ({ url }) => {
        await using client = await RawClient.connect(url);
        await client.subscribe(BROKER, SYMBOLS, ['trade']);
        await waitFor(() => client.data('trade').length === 15);
        expect(sequences(client, 'trade')).toEqual([...upTo(5), ...upTo(5), ...upTo(5)]);
        expect(new Set(client.data('trade').map(({ cursor }) => cursor)).size).toBe(15);
        const anew = ['closed', 'The recording has ended, and begins anew.'];
        const live = ['live', 'The feed is live.'];
        expect(states(client).slice(0, 4)).toEqual([anew, live, anew, live]);
        // A cursor of a round that is over is not taken for one of the present round.
        await using late = await RawClient.connect(url);
        const resume = [client.data('trade')[0]?.['cursor']];
        await late.ask({ action: 'subscribe', broker: BROKER, symbols: SYMBOLS, types: ['trade'], resume });
        expect(await waitFor(() => statuses(late).find(({ replay }) => typeof replay === 'object'))).toMatchObject({
          replay: { complete: false },
        });
      },
      { loops: true },
    );
  });

  it('tells of a hole that its recorder had, and the book begins with a snapshot behind it', async () => {
    const hole = { type: 'outage', from: fromEpochMs(START_MS + 5), to: fromEpochMs(START_MS + 9) } as const;
    const books = [
      at(1, book(1, 'snapshot', { bids: [['100', '1']], asks: [['101', '1']] })),
      hole,
      at(600, status(2)),
      at(601, book(5, 'snapshot', { bids: [['99', '1']], asks: [['101', '1']] })),
    ];
    await replayed([LIVE, ...books], async ({ url }) => {
      await using client = await RawClient.connect(url);
      await client.subscribe(BROKER, SYMBOLS, ['orderbook'], { book: 'delta' });
      await told(client, HOLE);
      const query = `{ orderBook(broker: "${BROKER}", symbol: "BTCUSDT") { sequence } }`;
      expect(await ask(url, query)).toMatchObject({ data: { orderBook: null } });
      await using late = await RawClient.connect(url);
      await late.subscribe(BROKER, SYMBOLS, ['orderbook']);
      await hasEnded(client);
      expect(sequences(late, 'orderbook')).toEqual([5]);
      expect(states(client)).toEqual([
        ['recovering', HOLE],
        ['live', 'The feed is live.'],
        ['closed', 'The recording has ended.'],
      ]);
      expect(client.data('orderbook').map(({ kind, sequence }) => [kind, sequence])).toEqual([
        ['snapshot', 1],
        ['snapshot', 5],
      ]);
    });
  });

  it('refuses a type that was not recorded, and tells who wants another interval that there is none', async () => {
    const header = { ...HEADER, types: ['trade', 'candle'] } as const;
    await replayed(
      [LIVE, ...trades(1, 5)],
      async ({ url }) => {
        await using client = await RawClient.connect(url);
        expect(await client.subscribe(BROKER, SYMBOLS, ['tick'])).toMatchObject({ code: 'UNSUPPORTED_TYPE' });
        await client.subscribe(BROKER, SYMBOLS, ['candle'], { interval: '5m' });
        expect(await told(client, 'The recording has no candle of 5m.')).toMatchObject({ status: 'closed' });
      },
      { header },
    );
  });

  it('whose file is taken away says so, and lives', async () => {
    await replayed(
      [LIVE, ...trades(1, 5)],
      async ({ url, path }) => {
        await using client = await RawClient.connect(url);
        await client.subscribe(BROKER, SYMBOLS, ['trade']);
        await rm(path);
        const reason = 'The file of the recording can not be read any more.';
        await told(client, reason);
        expect(states(client).at(-1)).toEqual(['closed', reason]);
        expect(await ask(url, '{ brokers { reason } }')).toMatchObject({
          data: { brokers: [{ reason: expect.stringContaining(reason) }] },
        });
      },
      { loops: true },
    );
  });

  it('that is switched off and on begins anew', async () => {
    await replayed([LIVE, ...trades(1, 20)], async ({ url, gateway }) => {
      await using client = await RawClient.connect(url);
      await client.subscribe(BROKER, SYMBOLS, ['trade']);
      await waitFor(() => client.data('trade').length > 3);
      const broker = gateway.manager.configured(BROKER);
      broker.setEnabled(false);
      await waitFor(() => states(client).at(-1)?.[0] === 'closed');
      await delay(300);
      const before = client.data('trade').length;
      expect(before).toBeLessThan(20);
      broker.setEnabled(true);
      await hasEnded(client);
      expect(sequences(client, 'trade').slice(before)).toEqual(upTo(20));
    });
  });
});
