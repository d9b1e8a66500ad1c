import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Feed, FeedCondition } from '../../../../src/brokers/BaseBroker.ts';
import { InstrumentStreams } from '../../../../src/brokers/oanda/InstrumentStreams.ts';
import { OandaBudgets } from '../../../../src/brokers/oanda/OandaBudgets.ts';
import { OandaStream } from '../../../../src/brokers/oanda/OandaStream.ts';
import {
  Account,
  Accounts,
  CandleEntry,
  Candles,
  InstrumentInfo,
  InstrumentList,
  toCandle,
  toOandaInstrument,
  toVenueCandle,
} from '../../../../src/brokers/oanda/restReplies.ts';
import { parseExactly, parseLine } from '../../../../src/brokers/oanda/streamMessages.ts';
import type { FeedEventDraft } from '../../../../src/market/marketData.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';
import { toEpochMs } from '../../../../src/market/timestamp.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { parseJson } from '../../../../src/transport/json.ts';
import { expectSane } from '../../../support/eventInvariants.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { mutated } from '../../../support/mutations.ts';
import { hasRecordings, recordingText } from '../../../support/recordings.ts';
import { brokerContext } from '../../../support/ScriptedBroker.ts';
import { FakeLineFeeds } from './FakeLineFeeds.ts';

const STREAMS = [
  'oanda/stream-2016-EUR_USD-EUR_JPY.ndjson',
  'oanda/stream-2017-EUR_USD-EUR_JPY-float-liquidity.ndjson',
  'oanda/stream-2019-two-lines-trailing-crlf.ndjson',
];
const NAMES = ['EUR_USD', 'EUR_JPY', 'USD_CAD'];
const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

const linesOf = (path: string): string[] =>
  recordingText(path)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');

/** A stream of prices and all that is made of it, over connections that a test plays the venue on. */
function openStage() {
  const clock = new FakeClock(START_MS);
  const feeds = new FakeLineFeeds();
  const metrics = new Metrics();
  const faults: unknown[] = [];
  const told: { feed: Feed; event?: FeedEventDraft; condition?: FeedCondition }[] = [];
  const guarded = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      faults.push(error);
    }
  };
  const sink = {
    onEvent: (feed: Feed, event: FeedEventDraft): void => {
      told.push({ feed, event });
      guarded(() => {
        expect(NAMES).toContain(feed.symbol);
        expectSane(event, clock.now());
        if (event.type !== 'orderbook') return;
        const book = new OrderBook();
        book.apply(event);
        expect(book.crossed).toBe(false);
      });
    },
    onFeed: (feed: Feed, condition: FeedCondition): void => void told.push({ feed, condition }),
    onStatus() {},
    onActivity() {},
    onCatalog() {},
  };
  const broker = { ...brokerContext('oanda', sink, clock), random: () => 0.5, metrics };
  const instruments = new InstrumentStreams({
    rest: { fetchPrice: () => Promise.resolve(null), fetchRecentCandles: () => Promise.resolve([]) },
    confirmer: { ask: () => undefined },
    placesOf: () => 5,
    outage: () => null,
    onUndelivered: () => undefined,
    broker,
  });
  const stream = new OandaStream(
    {
      broker,
      budget: new OandaBudgets({ clock }).use('token'),
      target: (wanted) => ({ url: `http://venue/?instruments=${[...wanted].join(',')}`, headers: {} }),
      open: feeds.open,
      listener: {
        onPrice: (price) => instruments.receive(price),
        onHeartbeat: (time) => instruments.heartbeat(time),
        onUnreadable: (name) => instruments.unreadable(name),
        onLost: (reason, isKept) => instruments.lost(reason, isKept),
        onRefused: () => undefined,
        onChange: () => undefined,
      },
    },
    new Set(NAMES),
  );
  const wanted = (symbol: string): readonly Feed[] => [
    { symbol, type: 'tick', interval: null },
    { symbol, type: 'orderbook', interval: null },
    { symbol, type: 'candle', interval: '1s' },
    { symbol, type: 'candle', interval: '1m' },
  ];
  instruments.setFeeds(new Map(NAMES.map((name) => [name, wanted(name)])));
  stream.start();
  return {
    clock,
    feeds,
    faults,
    told,
    time: () => new Date(clock.now()).toISOString(),
    invalid: async () => (await metrics.invalidMessages.get()).values.reduce((sum, { value }) => sum + value, 0),
    close: async () => {
      instruments[Symbol.dispose]();
      await stream.close();
    },
  };
}

describe.runIf(hasRecordings)('lines that were recorded, and then changed at random', () => {
  if (!hasRecordings) return;
  const lines = STREAMS.flatMap(linesOf);
  const changed = fc.array(fc.constantFrom(...lines).chain(mutated), { minLength: 1, maxLength: 3 });

  it('never pass nonsense on, are counted if they can not be read, and do no lasting harm', async () => {
    await fc.assert(
      fc.asyncProperty(changed, fc.boolean(), async (texts, isFirst) => {
        const stage = openStage();
        await stage.clock.advance(0);
        if (!isFirst) stage.feeds.last.snapshot('2016-01-01T00:00:00Z');
        for (const text of texts) {
          const before = await stage.invalid();
          stage.feeds.last.text(text);
          const kind = parseLine(text)?.kind;
          if (kind === undefined || kind === 'unreadable') expect(await stage.invalid()).toBeGreaterThan(before);
          await stage.clock.advance(1_000);
        }
        // What looks old is ignored for ten seconds at most.
        for (let round = 0; round < 5; round += 1) {
          stage.feeds.last.heartbeat(stage.time());
          stage.feeds.last.snapshot(stage.time());
          await stage.clock.advance(3_000);
        }
        stage.told.length = 0;
        stage.feeds.last.snapshot(stage.time());
        const heard = stage.told.filter(({ event }) => event?.type === 'tick' || event?.type === 'orderbook');
        expect(heard.map(({ feed }) => `${feed.symbol} ${feed.type}`).toSorted()).toEqual(
          NAMES.flatMap((name) => [`${name} orderbook`, `${name} tick`]).toSorted(),
        );
        expect(stage.faults).toEqual([]);
        await stage.close();
      }),
      { numRuns: 100 },
    );
  });
});

describe.runIf(hasRecordings)('replies that were recorded, and then changed at random', () => {
  it('have candles that can be, or are refused', () => {
    const reply = fc
      .constantFrom(
        'oanda/candles-2016-DE30_EUR-M5-mid.json',
        'oanda/candles-2017-EUR_USD-H1-mid-count10-returned9.json',
      )
      .chain((path) => mutated(recordingText(path)));
    let accepted = 0;
    fc.assert(
      fc.property(reply, (text) => {
        for (const entry of Candles.safeParse(parseJson(text, parseExactly)).data?.candles ?? []) {
          const read = CandleEntry.safeParse(entry).data;
          // A request leaves out what opens in the far future.
          if (read === undefined || read.time > START_MS) continue;
          const candle = toCandle(toVenueCandle(read), '1h', START_MS);
          expectSane(candle, START_MS);
          expect(toEpochMs(candle.openTime)).toBeGreaterThanOrEqual(0);
          accepted += 1;
        }
      }),
      { numRuns: 250 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it('have instruments with steps that can be, each for itself', () => {
    const reply = mutated(recordingText('oanda/account-instruments-2016-6.json'));
    fc.assert(
      fc.property(fc.oneof(reply, mutated(recordingText('oanda/accounts.json'))), (text) => {
        const parsed = parseJson(text, parseExactly);
        for (const entry of Accounts.safeParse(parsed).data?.accounts ?? []) Account.safeParse(entry);
        for (const entry of InstrumentList.safeParse(parsed).data?.instruments ?? []) {
          const info = InstrumentInfo.safeParse(entry).data;
          if (info === undefined) continue;
          const { symbol, tickSize, lotSize } = toOandaInstrument(info);
          expect(symbol).not.toBe('');
          for (const step of [tickSize, lotSize]) expect(step ?? '1').toMatch(/^(?=.*[1-9])\d+(\.\d+)?$/);
        }
      }),
      { numRuns: 250 },
    );
  });
});
