import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { waitFor } from '../../support/waitFor.ts';
import { StandInBinance } from '../../venues/binance/StandInBinance.ts';
import { VenueClient } from '../../venues/binance/VenueClient.ts';

const Levels = z.array(z.tuple([z.string(), z.string()]));
const Diff = z.object({ U: z.number(), u: z.number(), b: Levels, a: Levels });
type Diff = z.infer<typeof Diff>;
const Wrapped = z.array(z.object({ stream: z.string() }));

async function depthClient(venue: StandInBinance, stream = 'btcusdt@depth@100ms'): Promise<VenueClient> {
  return VenueClient.connect(`${venue.websocketUrl}/ws/${stream}`);
}

async function diffs(client: VenueClient, count: number): Promise<Diff[]> {
  await client.waitForFrames(count);
  return z.array(Diff).parse(client.messages());
}

async function snapshotId(venue: StandInBinance): Promise<number> {
  const response = await fetch(`${venue.restUrl}/api/v3/depth?symbol=BTCUSDT&limit=1000`);
  return z.object({ lastUpdateId: z.number() }).parse(await response.json()).lastUpdateId;
}

describe('the update ids of a symbol', () => {
  it('rise from a bookTicker to the diff that contains its id, and both agree with the book', async () => {
    await using venue = await StandInBinance.start();
    const market = venue.market('BTCUSDT');
    using client = await VenueClient.connect(
      `${venue.websocketUrl}/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@depth5`,
    );
    market.tick({ bid: ['43250.10', '1.5'] });
    const { lastUpdateId, bids, asks } = market.depth({ asks: [['43500.00', '2']] });
    await client.waitForFrames(3);
    const [ticker, first, partial] = client.messages();
    expect(ticker).toMatchObject({ stream: 'btcusdt@bookTicker', data: { b: '43250.10000000', B: '1.50000000' } });
    expect(first).toMatchObject({
      stream: 'btcusdt@depth@100ms',
      data: { e: 'depthUpdate', s: 'BTCUSDT', u: lastUpdateId },
    });
    expect(partial).toEqual({
      stream: 'btcusdt@depth5',
      data: { lastUpdateId, bids: bids.slice(0, 5), asks: asks.slice(0, 5) },
    });
    expect(await snapshotId(venue)).toBe(lastUpdateId);
  });

  it('have no gap between diffs, and no diff is empty', async () => {
    await using venue = await StandInBinance.start();
    const market = venue.market('BTCUSDT');
    using client = await depthClient(venue);
    for (let step = 0; step < 20; step += 1) {
      market.depth();
      market.flush();
    }
    const received = await diffs(client, 20);
    expect(received).toHaveLength(20);
    for (const [index, diff] of received.entries()) {
      if (index > 0) expect(diff.U).toBe((received[index - 1]?.u ?? 0) + 1);
    }
  });
});

describe('a snapshot', () => {
  it('is older than any following diff, as many times as requested', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.snapshotLag('BTCUSDT', 2);
    using client = await depthClient(venue);
    venue.market('BTCUSDT').depth();
    const [first] = await diffs(client, 1);
    const ids = [await snapshotId(venue), await snapshotId(venue), await snapshotId(venue)];
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).toBeLessThan((first?.U ?? 0) - 1);
    expect(ids[2]).toBe(first?.u);
  });

  it('can be met exactly by the next diff', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.snapshotAlignment('BTCUSDT', 'exact');
    using client = await depthClient(venue);
    venue.market('BTCUSDT').change();
    const id = await snapshotId(venue);
    venue.market('BTCUSDT').depth();
    expect((await diffs(client, 2))[1]?.U).toBe(id + 1);
  });

  it('can be straddled by the next diff', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.snapshotAlignment('BTCUSDT', 'straddle');
    using client = await depthClient(venue);
    const id = await snapshotId(venue);
    venue.market('BTCUSDT').depth();
    const [diff] = await diffs(client, 1);
    expect(diff?.U).toBeLessThanOrEqual(id);
    expect(diff?.u).toBeGreaterThan(id);
  });
});

describe('faulty diffs', () => {
  it('leave a gap if a diff is skipped, and not before a client is subscribed', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.skipDiff('BTCUSDT');
    venue.market('BTCUSDT').depth();
    using client = await depthClient(venue);
    for (let step = 0; step < 3; step += 1) venue.market('BTCUSDT').depth();
    const [first, second] = await diffs(client, 2);
    expect(second?.U).toBe((first?.u ?? 0) + 1);
    venue.faults.skipDiff('BTCUSDT');
    venue.market('BTCUSDT').depth();
    venue.market('BTCUSDT').depth();
    const third = (await diffs(client, 3))[2];
    expect(third?.U).toBeGreaterThan((second?.u ?? 0) + 1);
  });

  it('come twice, overlap, change places, or have a wrong quantity', async () => {
    await using venue = await StandInBinance.start();
    const market = venue.market('BTCUSDT');
    using client = await depthClient(venue);
    market.depth();
    venue.faults.duplicateDiff('BTCUSDT');
    market.depth();
    venue.faults.overlapDiff('BTCUSDT');
    market.depth();
    venue.faults.swapDiffs('BTCUSDT');
    market.depth();
    market.depth();
    venue.faults.corruptDiff('BTCUSDT');
    const { bids } = market.depth({ asks: [['44000', '1']] });
    const [first, second, again, overlap, later, earlier, corrupt] = await diffs(client, 7);
    expect(second?.U).toBe((first?.u ?? 0) + 1);
    expect(again).toEqual(second);
    expect([overlap?.U, (overlap?.u ?? 0) > (second?.u ?? 0)]).toEqual([second?.U, true]);
    expect(earlier?.U).toBe((overlap?.u ?? 0) + 1);
    expect(later?.U).toBe((earlier?.u ?? 0) + 1);
    expect(corrupt?.b[0]?.[0]).toBe(bids[0]?.[0]);
    expect(corrupt?.b[0]?.[1]).not.toBe(bids[0]?.[1]);
  });
});

describe('trades and klines', () => {
  it('get consecutive trade ids, several of them under one aggregate', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@trade/btcusdt@aggTrade`);
    const [first, second] = venue.market('BTCUSDT').trade('43000', '0.5', { fills: 2, buyerIsMaker: true });
    await client.waitForFrames(3);
    expect(second?.id).toBe((first?.id ?? 0) + 1);
    expect(client.messages()).toMatchObject([
      { e: 'trade', t: first?.id, p: '43000.00000000', q: '0.50000000', m: true, M: true },
      { e: 'trade', t: second?.id },
      { e: 'aggTrade', f: first?.id, l: second?.id, q: '1.00000000', m: true },
    ]);
  });

  it('make the running bar, unless a test says otherwise', async () => {
    const now = Date.UTC(2026, 4, 5, 6, 7, 30);
    await using venue = await StandInBinance.start({ now: () => now });
    using client = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@kline_1m`);
    const market = venue.market('BTCUSDT');
    for (const price of ['43010', '43030', '43000', '43020']) market.trade(price, '1', { buyerIsMaker: false });
    market.kline('1m');
    market.kline('1m', { h: '50000.00000000', x: true });
    await client.waitForFrames(2);
    const bar = { o: '43010.00000000', h: '43030.00000000', l: '43000.00000000', c: '43020.00000000', n: 4, x: false };
    const time = { t: now - 30_000, T: now + 29_999 };
    expect(client.messages()).toMatchObject([
      { e: 'kline', k: { ...time, ...bar, v: '4.00000000', V: '4.00000000', B: '0' } },
      { k: { ...time, ...bar, h: '50000.00000000', x: true } },
    ]);
  });

  it('make klines due by the clock: one late update and one final one, none without trades', async () => {
    let now = Date.UTC(2026, 4, 5, 6, 7, 57);
    await using venue = await StandInBinance.start({ now: () => now, klineCloseDelayMs: [500, 500] });
    using client = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@kline_1m`);
    const market = venue.market('BTCUSDT');
    const due = (): void => {
      market.sendDueKlines(['1m']);
    };
    due();
    market.trade();
    due();
    market.trade();
    due();
    now += 2000;
    due();
    due();
    now += 1100;
    due();
    due();
    now += 500;
    due();
    due();
    await client.settle();
    const klines = client.messages().slice(0, -1);
    expect(klines).toMatchObject([
      { k: { n: 1, x: false } },
      { k: { n: 2, x: false } },
      { k: { x: false } },
      { k: { x: true } },
    ]);
    expect(klines).toHaveLength(4);
    const late = z.object({ E: z.number(), k: z.object({ T: z.number() }) }).parse(klines[2]);
    expect(late.E).toBeGreaterThan(late.k.T);
  });
});

describe('a market that runs by itself', () => {
  it('moves every subscribed symbol that is TRADING, until it is stopped', async () => {
    await using venue = await StandInBinance.start();
    const streams = ['btcusdt@bookTicker', 'btcusdt@depth@100ms', 'btcusdt@trade', 'lunausdt@bookTicker'];
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream?streams=${streams.join('/')}`);
    const running = venue.run({ everyMs: 1 });
    const seen = (): Set<string> => new Set(Wrapped.parse(client.messages()).map(({ stream }) => stream));
    await waitFor(() => seen().size === 3 && client.frames.length > 100, 'activity on three streams');
    running[Symbol.dispose]();
    await client.settle();
    const count = client.frames.length;
    await client.settle();
    expect(client.frames).toHaveLength(count + 1);
    expect(client.frames.join('')).not.toContain('"stream":"lunausdt');
  });

  it('does the same with the same seed', async () => {
    const books = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        await using venue = await StandInBinance.start({ seed });
        for (let step = 0; step < 50; step += 1) venue.market('ETHUSDT').depth();
        return venue.market('ETHUSDT').book();
      }),
    );
    expect(books[0]).toEqual(books[1]);
    expect(books[0]).not.toEqual(books[2]);
  });
});
