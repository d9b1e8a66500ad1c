import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hasRecordings } from '../../support/recordings.ts';
import { bookDigest, expectedBooks } from '../../venues/binance/expectedBooks.ts';
import { SessionPlayer } from '../../venues/binance/SessionPlayer.ts';
import { StandInBinance } from '../../venues/binance/StandInBinance.ts';
import { VenueClient } from '../../venues/binance/VenueClient.ts';

const SESSIONS = [
  'session-2021-04-05-binance-10sym.jsonl',
  'session-2021-04-17-binanceus-10sym.jsonl',
  'session-2021-08-14-binance-4sym.jsonl',
  'session-2021-10-12-binance-4sym.jsonl',
];
const KLINES = 'stream-2021-09-14-btcusdt-kline5m-raw-part1.jsonl';
const DIFFS = 'stream-2025-12-07-btcusdt-depth100ms-part1.jsonl';

const Levels = z.array(z.tuple([z.string(), z.string()]));
const Snapshot = z.object({ lastUpdateId: z.number(), bids: Levels, asks: Levels });
type Snapshot = z.infer<typeof Snapshot>;
const Diff = z.object({ U: z.number(), u: z.number(), b: Levels, a: Levels });
const Catalog = z.object({
  symbols: z.array(z.looseObject({ symbol: z.string(), filters: z.array(z.unknown()) })),
});

async function snapshot(venue: StandInBinance, symbol: string, limit = 5000): Promise<Snapshot> {
  const response = await fetch(`${venue.restUrl}/api/v3/depth?symbol=${symbol}&limit=${limit}`);
  return Snapshot.parse(await response.json());
}

/** The documented procedure in its simplest form, over all diffs of a symbol and one snapshot. */
function finalBook(book: Snapshot, diffs: readonly string[]): { id: number; digest: string; firstApplied: unknown } {
  let { lastUpdateId: id } = book;
  let firstApplied: unknown = null;
  const [bids, asks] = [new Map(book.bids), new Map(book.asks)];
  for (const text of diffs) {
    const diff = Diff.parse(JSON.parse(text));
    if (diff.u <= id) continue;
    if (diff.U > id + 1) throw new Error(`a gap after ${id}`);
    firstApplied ??= { U: diff.U, u: diff.u, kind: diff.U === id + 1 ? 'exact' : 'straddle' };
    for (const [side, levels] of [[bids, diff.b] as const, [asks, diff.a] as const]) {
      for (const [price, size] of levels) {
        if (Number(size) === 0) side.delete(price);
        else side.set(price, size);
      }
    }
    id = diff.u;
  }
  return { id, digest: bookDigest(sorted(bids, -1), sorted(asks, 1)), firstApplied };
}

function sorted(side: ReadonlyMap<string, string>, sign: number): [string, string][] {
  return [...side].toSorted(([a], [b]) => sign * (Number(a) - Number(b)));
}

function payloads(client: VenueClient, stream: string): string[] {
  const prefix = `{"stream":"${stream}","data":`;
  return client.frames.filter((frame) => frame.startsWith(prefix)).map((frame) => frame.slice(prefix.length, -1));
}

/** A client that subscribes to every stream of the recording. */
async function everything(venue: StandInBinance, player: SessionPlayer): Promise<VenueClient> {
  const client = await VenueClient.connect(`${venue.websocketUrl}/stream?streams=${player.streams.join('/')}`);
  await player.waitForSubscriptions();
  return client;
}

describe.skipIf(!hasRecordings)('SessionPlayer', () => {
  it.each(SESSIONS)('%s: every message arrives verbatim, and every book ends as it must', async (session) => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, `binance/${session}`);
    const expected = expectedBooks(session);
    using client = await everything(venue, player);
    const asked = player.symbols.map((symbol) => snapshot(venue, symbol));
    await player.play();
    await client.waitForFrames(player.messages);
    expect(client.frames).toHaveLength(player.messages);
    expect(player.ended).toBe(true);
    for (const stream of player.streams) expect(payloads(client, stream)).toEqual(player.expected(stream));
    const books = await Promise.all(asked);
    expect(Object.keys(expected.books).toSorted()).toEqual(player.symbols.toSorted());
    for (const [index, symbol] of player.symbols.entries()) {
      const facts = expected.books[symbol];
      const book = books[index];
      if (facts === undefined || book === undefined) throw new Error(`no book of ${symbol}`);
      expect(book.lastUpdateId).toBe(facts.snapshotLastUpdateId);
      expect(finalBook(book, player.expectedDiffs(symbol))).toEqual({
        id: facts.finalUpdateId,
        digest: facts.sha256,
        firstApplied: facts.firstApplied,
      });
      expect(player.expectedAggTrades(symbol)).toHaveLength(expected.aggTrades[symbol]?.count ?? 0);
      const closed = player.expectedKlines(symbol).filter((kline) => kline.includes('"x":true'));
      expect(closed).toHaveLength(expected.closedKlines[symbol]?.length ?? 0);
    }
  });

  it('returns the recorded snapshot to the first request after everything was played, and later the current book', async () => {
    const session = 'session-2021-10-12-binance-4sym.jsonl';
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, `binance/${session}`);
    using client = await everything(venue, player);
    await player.play();
    expect(client.closed).toBeNull();
    const facts = expectedBooks(session).books['NKNUSDT'];
    const first = await snapshot(venue, 'NKNUSDT');
    expect(first.lastUpdateId).toBe(facts?.snapshotLastUpdateId);
    const second = await snapshot(venue, 'NKNUSDT');
    expect(second.lastUpdateId).toBe(facts?.finalUpdateId);
    expect(bookDigest(second.bids, second.asks)).toBe(facts?.sha256);
    expect((await snapshot(venue, 'NKNUSDT', 5)).bids).toHaveLength(5);
  });

  it('answers a request for a book only once the playing has reached its place', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, 'binance/session-2021-10-12-binance-4sym.jsonl');
    using client = await everything(venue, player);
    let answered = false;
    const asked = snapshot(venue, 'RUNEEUR').finally(() => {
      answered = true;
    });
    await player.play({ messages: 70 });
    await client.settle();
    expect(answered).toBe(false);
    await player.play();
    await asked;
  });

  it('waits at a snapshot for a client that has its diffs and will request it, and for nobody else', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, 'binance/session-2021-10-12-binance-4sym.jsonl');
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream?streams=nknusdt@depth@100ms`);
    await venue.waitForSubscription('nknusdt@depth@100ms');
    const played = player.play({ snapshotWaitMs: 10_000 });
    await client.waitForFrames(1);
    expect(player.ended).toBe(false);
    await snapshot(venue, 'NKNUSDT');
    await played;
    await client.waitForFrames(player.expectedDiffs('NKNUSDT').length);
    expect(payloads(client, 'nknusdt@depth@100ms')).toEqual(player.expectedDiffs('NKNUSDT'));
  });

  it('lists its symbols as TRADING, with steps that fit their prices', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, 'binance/session-2021-04-17-binanceus-10sym.jsonl');
    const response = await fetch(`${venue.restUrl}/api/v3/exchangeInfo?symbolStatus=TRADING`);
    const { symbols } = Catalog.parse(await response.json());
    expect(symbols.map(({ symbol }) => symbol)).toEqual(expect.arrayContaining([...player.symbols]));
    expect(symbols.find(({ symbol }) => symbol === 'BCHUSDT')).toMatchObject({ baseAsset: 'BCH', quoteAsset: 'USDT' });
    expect(symbols.find(({ symbol }) => symbol === 'BCHUSDT')?.filters[0]).toMatchObject({ tickSize: '0.01000000' });
  });

  it('shows over REST what has been played, and nothing invented', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, 'binance/session-2021-08-14-binance-4sym.jsonl');
    const get = async (path: string): Promise<unknown[]> =>
      z.array(z.unknown()).parse(await (await fetch(`${venue.restUrl}/api/v3/${path}`)).json());
    expect(await get('klines?symbol=FTMUSDT&interval=1m')).toEqual([]);
    expect(await get('aggTrades?symbol=FTMUSDT')).toEqual([]);
    await player.play();
    expect((await get('aggTrades?symbol=FTMUSDT&fromId=31718380')).length).toBe(5);
    const rows = await get('klines?symbol=FTMUSDT&interval=1m');
    expect(rows[0]).toEqual([
      1628952360000,
      '0.34064000',
      '0.34070000',
      '0.33934000',
      '0.33964000',
      '209224.30000000',
      1628952419999,
      '71058.51891400',
      82,
      '156133.30000000',
      '53013.75454200',
      '0',
    ]);
  });

  it('plays a stream that was recorded without a wrapper under the name in its URL', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, `binance/${KLINES}`);
    expect(player.streams).toEqual(['btcusdt@kline_5m']);
    using wrapped = await everything(venue, player);
    using raw = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@kline_5m`);
    await player.play();
    await Promise.all([wrapped.waitForFrames(25), raw.waitForFrames(25)]);
    expect(raw.frames).toEqual(player.expectedKlines('BTCUSDT', '5m'));
    expect(payloads(wrapped, 'btcusdt@kline_5m')).toEqual(raw.frames);
  });

  it('begins with an empty book before the first diff if no snapshot was recorded', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, `binance/${DIFFS}`);
    using client = await everything(venue, player);
    const asked = snapshot(venue, 'BTCUSDT');
    await player.play();
    await client.waitForFrames(player.messages);
    const first = Diff.parse(JSON.parse(player.expectedDiffs('BTCUSDT')[0] ?? ''));
    expect(await asked).toEqual({ lastUpdateId: first.U - 1, bids: [], asks: [] });
    expect(finalBook(await asked, player.expectedDiffs('BTCUSDT')).id).toBeGreaterThan(first.U);
  });

  it('keeps the time between messages, divided by the factor', async () => {
    await using venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, 'binance/session-2021-10-12-binance-4sym.jsonl');
    const before = performance.now();
    await player.play({ factor: 100 });
    expect(performance.now() - before).toBeGreaterThan(200);
    expect(player.ended).toBe(true);
  });

  it('ends at once when the stand-in is closed', async () => {
    const venue = await StandInBinance.start();
    const player = new SessionPlayer(venue, 'binance/session-2021-10-12-binance-4sym.jsonl');
    const playing = player.play({ factor: 0.001 });
    await venue[Symbol.asyncDispose]();
    await playing;
    expect(player.ended).toBe(false);
  });
});
