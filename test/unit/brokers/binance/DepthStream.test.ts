import { describe, expect, it } from 'vitest';
import type { DepthSnapshot } from '../../../../src/brokers/binance/restReplies.ts';
import type { FeedEventDraft } from '../../../../src/market/marketData.ts';
import { depth, feedOf, send, snapshot, startBroker, unavailable } from './harness.ts';

const STREAM = 'btcusdt@depth@100ms';
const feed = feedOf('BTCUSDT', 'orderbook');

const kinds = (events: readonly FeedEventDraft[]) => events.map((event) => ('kind' in event ? event.kind : event.type));

async function startBook(snapshots: (DepthSnapshot | Error)[] = []) {
  const harness = startBroker();
  harness.rest.depth = () => {
    const next = snapshots.length > 1 ? snapshots.shift() : snapshots[0];
    return next instanceof Error || next === undefined ? Promise.reject(next ?? unavailable()) : Promise.resolve(next);
  };
  const socket = await harness.goLive(feed);
  const diff = async (from: number, to: number): Promise<void> => {
    send(socket, STREAM, depth(from, to));
    await harness.clock.advance(0);
  };
  return {
    ...harness,
    socket,
    diff,
    states: () => harness.conditions(feed).map(({ kind }) => kind),
    published: () => kinds(harness.events(feed)),
  };
}

describe('an order book', () => {
  it('asks for its snapshot after the first diff, publishes it whole, then what it lacks, then each diff', async () => {
    const book = await startBook([snapshot(11)]);
    expect(book.rest.count('depth')).toBe(0);
    expect(book.states()).toEqual(['recovering']);
    await book.diff(10, 12);
    await book.diff(13, 14);
    expect(book.rest.asked.find(({ what }) => what === 'depth')?.args.slice(0, 2)).toEqual(['BTCUSDT', 1_000]);
    expect(book.published()).toEqual(['snapshot', 'delta', 'delta']);
    expect(book.events(feed)[1]).toMatchObject({
      bids: [{ price: '10.00', size: '1' }],
      asks: [],
      time: '1970-01-01T00:00:00.001Z',
    });
    expect(book.states()).toEqual(['recovering', 'live']);
  });

  it('publishes nothing before its snapshot', async () => {
    const book = await startBook([unavailable()]);
    await book.diff(10, 12);
    await book.diff(13, 14);
    expect(book.published()).toEqual([]);
    expect(book.states().at(-1)).toBe('recovering');
  });

  it('takes the snapshot alone when no diff comes, as in a halted market', async () => {
    const book = await startBook([snapshot(11)]);
    await book.clock.advance(2_000);
    expect(book.published()).toEqual(['snapshot']);
    expect(book.states().at(-1)).toBe('live');
    await book.diff(12, 12);
    expect(book.published()).toEqual(['snapshot', 'delta']);
  });

  it('asks again for a snapshot that is older than the first diff, later each time, and keeps every diff', async () => {
    const book = await startBook([snapshot(5), snapshot(6), snapshot(7), snapshot(20)]);
    await book.diff(11, 12);
    expect(book.rest.count('depth')).toBe(1);
    await book.clock.advance(249);
    expect(book.rest.count('depth')).toBe(1);
    await book.clock.advance(1);
    expect(book.rest.count('depth')).toBe(2);
    await book.diff(13, 20);
    await book.diff(21, 22);
    await book.clock.advance(499);
    expect(book.rest.count('depth')).toBe(2);
    await book.clock.advance(1_001);
    expect(book.rest.count('depth')).toBe(4);
    expect(book.published()).toEqual(['snapshot', 'delta']);
  });

  it('asks again for a snapshot that could not be had', async () => {
    const book = await startBook([unavailable(), unavailable(), snapshot(12)]);
    await book.diff(11, 12);
    await book.clock.advance(5_000);
    expect(book.published()).toEqual(['snapshot']);
    expect(book.states().at(-1)).toBe('live');
  });

  it('says so and begins again when diffs were lost, without a change from beyond the hole', async () => {
    const book = await startBook([snapshot(10), snapshot(30)]);
    await book.diff(10, 11);
    await book.diff(20, 21);
    expect(book.states()).toEqual(['recovering', 'live', 'recovering', 'live']);
    expect(book.published()).toEqual(['snapshot', 'delta', 'snapshot']);
    await book.diff(31, 31);
    expect(book.published()).toEqual(['snapshot', 'delta', 'snapshot', 'delta']);
    expect(await book.counter('gaps')).toEqual([{ broker: 'binance', type: 'orderbook', value: 1 }]);
    expect(await book.counter('resyncs')).toEqual([{ broker: 'binance', reason: 'gap', value: 1 }]);
  });

  it('drops what comes twice', async () => {
    const book = await startBook([snapshot(10)]);
    await book.diff(11, 11);
    await book.diff(11, 11);
    await book.diff(5, 6);
    expect(book.published()).toEqual(['snapshot', 'delta']);
    expect(book.states().at(-1)).toBe('live');
  });

  it('begins again when everything that comes has been old for more than ten seconds', async () => {
    const book = await startBook([snapshot(1_000), snapshot(3)]);
    await book.diff(1_001, 1_001);
    await book.diff(1, 1);
    await book.clock.advance(9_000);
    await book.diff(2, 2);
    expect(book.rest.count('depth')).toBe(1);
    await book.clock.advance(1_001);
    await book.diff(3, 3);
    await book.diff(4, 4);
    await book.clock.advance(1_000);
    expect(book.states().at(-1)).toBe('live');
    expect(book.published()).toEqual(['snapshot', 'delta', 'snapshot', 'delta']);
    expect(await book.counter('resyncs')).toEqual([{ broker: 'binance', reason: 'stuck', value: 1 }]);
  });

  it('begins again at most five times a minute', async () => {
    const book = await startBook([snapshot(0)]);
    let id = 1;
    await book.diff(id, id);
    for (let count = 0; count < 20; count += 1) {
      id += 10;
      book.rest.depth = () => Promise.resolve(snapshot(id));
      await book.diff(id, id);
      await book.clock.advance(1_000);
    }
    expect(book.rest.count('depth')).toBe(5);
    expect(book.states().at(-1)).toBe('recovering');
    for (let count = 0; count < 6; count += 1) {
      await book.clock.advance(9_000);
      book.socket.ping();
    }
    expect(book.rest.count('depth')).toBe(6);
    expect(book.states().at(-1)).not.toBe('recovering');
  });

  it('is fetched anew on request', async () => {
    const book = await startBook([snapshot(10)]);
    await book.diff(10, 11);
    book.broker.resync(feed, 'crossed');
    expect(book.states().at(-1)).toBe('recovering');
    await book.diff(12, 13);
    book.rest.depth = () => Promise.resolve(snapshot(13));
    await book.clock.advance(1_000);
    expect(book.states().at(-1)).toBe('live');
    expect(await book.counter('resyncs')).toEqual([{ broker: 'binance', reason: 'requested', value: 1 }]);
  });

  it('is not called live if its receiver finds the very snapshot to be wrong', async () => {
    const book = await startBook([snapshot(11), unavailable(), snapshot(14)]);
    book.receiver.onEvent = (wrong) => {
      book.receiver.onEvent = () => undefined;
      book.broker.resync(wrong, 'It was crossed.');
    };
    await book.diff(10, 12);
    expect(book.states()).not.toContain('live');
    await book.clock.advance(2_000);
    expect(book.rest.count('depth')).toBe(2);
    expect(book.states().at(-1)).toBe('recovering');
    await book.diff(13, 15);
    await book.clock.advance(250);
    expect(book.states().at(-1)).toBe('live');
    expect(book.published().slice(-2)).toEqual(['snapshot', 'delta']);
  });

  it('is begun anew after every loss of the connection, even if the numbers would go on', async () => {
    const book = await startBook([snapshot(10)]);
    await book.diff(11, 11);
    book.socket.drop();
    await book.clock.advance(0);
    expect(book.states().at(-1)).toBe('recovering');
    const next = await book.reconnect();
    send(next, STREAM, depth(12, 12));
    book.rest.depth = () => Promise.resolve(snapshot(11));
    await book.clock.advance(1_000);
    expect(book.published().slice(2)).toEqual(['snapshot', 'delta']);
    expect(book.states().at(-1)).toBe('live');
    expect(await book.counter('resyncs')).toEqual([{ broker: 'binance', reason: 'reconnect', value: 1 }]);
  });

  it('forgets a snapshot that was asked for before the connection was lost', async () => {
    const { promise, resolve } = Promise.withResolvers<DepthSnapshot>();
    const book = await startBook();
    book.rest.depth = () => promise;
    await book.diff(11, 11);
    book.socket.drop();
    await book.clock.advance(0);
    resolve(snapshot(11));
    await book.clock.advance(0);
    expect(book.published()).toEqual([]);
    expect(book.states().at(-1)).toBe('recovering');
  });

  it('keeps a bounded number of diffs while no snapshot can be had, and comes out right', async () => {
    const book = await startBook([unavailable()]);
    for (let id = 1; id <= 1_005; id += 1) send(book.socket, STREAM, depth(id, id));
    book.rest.depth = () => Promise.resolve(snapshot(1_003));
    await book.clock.advance(10_000);
    expect(book.published()).toEqual(['snapshot', 'delta', 'delta']);
    expect(await book.counter('resyncs')).toEqual([{ broker: 'binance', reason: 'overflow', value: 1 }]);
  });

  it('is not fetched while there is no connection, no matter who asks', async () => {
    const book = await startBook([snapshot(10)]);
    await book.diff(11, 11);
    book.socket.drop();
    await book.clock.advance(0);
    book.broker.resync(feed, 'crossed');
    await book.clock.advance(100);
    expect(book.rest.count('depth')).toBe(1);
    expect(book.states().at(-1)).toBe('recovering');
  });
});

describe('an order book in step for long', () => {
  const HALF_HOUR = 1_800_000;

  async function settled() {
    const { promise, resolve, reject } = Promise.withResolvers<DepthSnapshot>();
    const book = await startBook([snapshot(10)]);
    await book.diff(10, 11);
    book.rest.fetchDepth = (symbol, limit, asking) => {
      if (limit === 100) return Promise.reject(unavailable());
      book.rest.asked.push({ what: 'refresh', args: [symbol, limit, asking?.signal, asking?.patience] });
      asking?.signal?.addEventListener('abort', () => {
        reject(unavailable());
      });
      return promise;
    };
    let id = 11;
    const next = async (): Promise<void> => {
      id += 1;
      await book.diff(id, id);
    };
    for (let passed = 0; passed < HALF_HOUR; passed += 20_000) {
      await next();
      await book.clock.advance(20_000);
    }
    expect(book.rest.count('refresh')).toBe(1);
    const before = book.published().length;
    return {
      ...book,
      next,
      answer: async (ahead: number): Promise<void> => {
        resolve(snapshot(id + ahead));
        await book.clock.advance(0);
      },
      since: () => book.published().slice(before),
    };
  }

  it('is published in full again, with the levels that have come into reach, and stays live', async () => {
    const book = await settled();
    await book.next();
    await book.next();
    expect(book.since()).toEqual([]);
    await book.answer(-1);
    expect(book.since()).toEqual(['snapshot', 'delta']);
    await book.next();
    expect(book.since()).toEqual(['snapshot', 'delta', 'delta']);
    expect(book.states().at(-1)).toBe('live');
    expect(book.states().filter((state) => state === 'recovering')).toHaveLength(1);
  });

  it('drops changes that the fuller book contains already', async () => {
    const book = await settled();
    await book.next();
    await book.answer(2);
    await book.next();
    await book.next();
    expect(book.since()).toEqual(['snapshot']);
    await book.next();
    expect(book.since()).toEqual(['snapshot', 'delta']);
  });

  it('takes nothing back, even if nothing waits', async () => {
    const book = await settled();
    await book.answer(-1);
    expect(book.since()).toEqual([]);
  });

  it('takes nothing back: an older book is of no use', async () => {
    const book = await settled();
    await book.next();
    await book.answer(-2);
    expect(book.since()).toEqual(['delta']);
    await book.next();
    expect(book.since()).toEqual(['delta', 'delta']);
  });

  it('holds changes back for five seconds at most', async () => {
    const book = await settled();
    await book.next();
    await book.clock.advance(5_000);
    expect(book.since()).toEqual(['delta']);
    await book.next();
    expect(book.since()).toEqual(['delta', 'delta']);
  });

  it('loses nothing when the connection ends just then', async () => {
    const book = await settled();
    await book.next();
    book.socket.drop();
    await book.clock.advance(0);
    expect(book.since()).toEqual(['delta']);
    expect(book.told.at(-1)).toMatchObject({ condition: { kind: 'recovering' } });
    await book.broker.close();
    expect(book.clock.pending).toBe(0);
  });
});
