import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { BinanceBroker } from '../../../../src/brokers/binance/BinanceBroker.ts';
import { BinanceHosts } from '../../../../src/brokers/binance/BinanceHosts.ts';
import { Depth, toDepthSnapshot } from '../../../../src/brokers/binance/restReplies.ts';
import type { DepthSnapshot } from '../../../../src/brokers/binance/restReplies.ts';
import {
  parseAggregateTrade,
  parseCandle,
  parseDepth,
  parseFrame,
  parseTick,
} from '../../../../src/brokers/binance/streamMessages.ts';
import { MemoryBus } from '../../../../src/bus/MemoryBus.ts';
import { BrokerAccount } from '../../../../src/core/BrokerAccount.ts';
import { MarketState } from '../../../../src/core/MarketState.ts';
import { ReplayLogs } from '../../../../src/core/replay/ReplayLogs.ts';
import { SubscriptionIndex } from '../../../../src/fanout/routing/SubscriptionIndex.ts';
import { SHARED, streamKey } from '../../../../src/market/marketData.ts';
import type { FeedType, MarketData, StreamKey } from '../../../../src/market/marketData.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { isRecord } from '../../../../src/transport/json.ts';
import { ASKER } from '../../../support/asker.ts';
import { dispatchAtOnce } from '../../../support/dispatchAtOnce.ts';
import { expectNumbered, expectSane } from '../../../support/eventInvariants.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { FakeSockets } from '../../../support/FakeSockets.ts';
import type { FakeSocket } from '../../../support/FakeSockets.ts';
import { mutated } from '../../../support/mutations.ts';
import { hasRecordings, recordingLines } from '../../../support/recordings.ts';
import { brokerContext } from '../../../support/ScriptedBroker.ts';
import { acknowledge, catalogOf, FakeRest } from './harness.ts';

const SYMBOL = 'FTMUSDT';
const STREAMS = {
  tick: { name: 'ftmusdt@bookTicker', parse: parseTick },
  trade: { name: 'ftmusdt@aggTrade', parse: parseAggregateTrade },
  candle: { name: 'ftmusdt@kline_1m', parse: parseCandle },
  orderbook: { name: 'ftmusdt@depth@100ms', parse: parseDepth },
} as const;
/** As many levels of the snapshot are enough, and quick. */
const LEVELS = 100;
const TYPES = ['tick', 'trade', 'candle', 'orderbook'] as const;

/** The recorded frames of one symbol, by type and in their order, and the recorded snapshot of its book. */
function readSession(): { readonly frames: Record<FeedType, string[]>; readonly snapshot: DepthSnapshot } {
  const frames: Record<FeedType, string[]> = { tick: [], trade: [], candle: [], orderbook: [] };
  let snapshot: DepthSnapshot | null = null;
  for (const line of recordingLines('binance/session-2021-08-14-binance-4sym.jsonl')) {
    if (!isRecord(line) || typeof line['raw'] !== 'string') continue;
    const { raw } = line;
    if (line['k'] === 'rest' && String(line['url']).includes(`depth?symbol=${SYMBOL}`)) {
      const whole = toDepthSnapshot(Depth.parse(JSON.parse(raw)));
      snapshot = { ...whole, bids: whole.bids.slice(0, LEVELS), asks: whole.asks.slice(0, LEVELS) };
    }
    for (const type of TYPES) if (raw.startsWith(`{"stream":"${STREAMS[type].name}"`)) frames[type].push(raw);
  }
  if (snapshot === null) throw new Error('the recording has no snapshot');
  const { lastUpdateId } = snapshot;
  const isNew = (raw: string): boolean => (parseDepth(dataOf(raw))?.firstId ?? 0) > lastUpdateId;
  return { frames: { ...frames, orderbook: frames.orderbook.filter(isNew) }, snapshot };
}

/** The venue as the recording has it: its book goes on with each frame that is played. */
class RecordedVenue {
  readonly frames: Record<FeedType, string[]>;
  readonly book = new OrderBook();
  #lastUpdateId: number;
  readonly #played: Record<FeedType, number> = { tick: 0, trade: 0, candle: 0, orderbook: 0 };

  constructor({ frames, snapshot }: ReturnType<typeof readSession>) {
    this.frames = frames;
    this.book.apply({ kind: 'snapshot', ...snapshot });
    this.#lastUpdateId = snapshot.lastUpdateId;
  }

  snapshot(): DepthSnapshot {
    return { lastUpdateId: this.#lastUpdateId, ...this.book.top(1_000) };
  }

  next(type: FeedType): string {
    const raw = this.frames[type][this.#played[type]];
    if (raw === undefined) throw new Error(`the recording has too few frames of ${type}`);
    this.#played[type] += 1;
    const diff = type === 'orderbook' ? parseDepth(dataOf(raw)) : undefined;
    if (diff !== undefined) {
      this.book.apply({ kind: 'delta', bids: diff.bids, asks: diff.asks });
      this.#lastUpdateId = diff.lastId;
    }
    return raw;
  }
}

function dataOf(raw: string): unknown {
  const frame = parseFrame(raw);
  return frame?.kind === 'data' ? frame.data : undefined;
}

/** The adapter and the core behind it, over sockets that a test plays the venue on. */
class Stage implements AsyncDisposable {
  readonly venue: RecordedVenue;
  readonly clock = new FakeClock();
  readonly metrics = new Metrics();
  /** What was published and should not have been, and what was logged as an error. */
  readonly faults: unknown[] = [];
  readonly #sockets = new FakeSockets();
  readonly #opened = new WeakSet<FakeSocket>();
  readonly #events = new Map<StreamKey, MarketData[]>();
  readonly #state: MarketState;
  readonly #account: BrokerAccount;

  constructor(session: ReturnType<typeof readSession>) {
    this.venue = new RecordedVenue(session);
    const { clock, metrics } = this;
    const rest = new FakeRest();
    rest.catalog = () => Promise.resolve(catalogOf(SYMBOL));
    rest.depth = () => Promise.resolve(this.venue.snapshot());
    const logger = pino({ level: 'error' }, { write: (line) => void this.faults.push(line) });
    const bus = new MemoryBus();
    this.#state = new MarketState({
      index: new SubscriptionIndex(dispatchAtOnce),
      logs: new ReplayLogs({ clock, maxBytes: 1_000_000 }),
      onCrossed: (key) => {
        this.#account.resync(key, 'The book was crossed.');
      },
    });
    bus.subscribe({
      known: () => [],
      receive: (key, start) => {
        const channel = this.#state.receive(key, start);
        return {
          ...channel,
          publish: (event) => {
            this.#note(key, event);
            channel.publish(event);
          },
        };
      },
    });
    this.#account = new BrokerAccount({
      id: 'binance',
      scope: SHARED,
      enabled: true,
      create: (sink) =>
        new BinanceBroker(
          { ...brokerContext('binance', sink, clock), metrics, logger },
          {
            websocketUrl: 'ws://venue',
            restUrl: 'http://venue',
            hosts: new BinanceHosts({ clock, random: () => 0.5 }),
            trades: 'aggregate',
            open: this.#sockets.open,
            rest,
          },
        ),
      bus,
      clock,
      metrics,
      logger,
      staleAfterMs: 10_000,
      lingerMs: 5_000,
      onChange: () => undefined,
      onWanted: () => undefined,
    });
    this.#account.start();
    for (const type of TYPES) {
      this.#account.want({ symbol: SYMBOL, type, interval: type === 'candle' ? '1m' : null }, ASKER);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#account.close();
  }

  /** Lets the time pass; meanwhile the venue accepts connections and whatever is subscribed to, and sends pings. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      for (const socket of this.#sockets.alive) {
        if (!this.#opened.has(socket)) socket.open();
        this.#opened.add(socket);
        await this.clock.advance(0);
        acknowledge(socket);
        socket.ping();
      }
      await this.clock.advance(1_000);
    }
  }

  send(text: string): void {
    this.#sockets.last.text(text);
    this.expectRightBook();
  }

  /** Plays the next frame of each type. */
  play(): void {
    for (const type of TYPES) this.send(this.venue.next(type));
  }

  events(type: FeedType | 'status'): readonly MarketData[] {
    const interval = type === 'candle' ? '1m' : null;
    return this.#events.get(streamKey({ scope: SHARED, broker: 'binance', symbol: SYMBOL, type, interval })) ?? [];
  }

  get book(): OrderBook | null {
    const address = { scope: SHARED, broker: 'binance', symbol: SYMBOL, type: 'orderbook', interval: null } as const;
    return this.#state.book(streamKey(address))?.book ?? null;
  }

  async invalid(): Promise<number> {
    return (await this.metrics.invalidMessages.get()).values.reduce((sum, { value }) => sum + value, 0);
  }

  expectRightBook(): void {
    expect(this.book?.crossed ?? false).toBe(false);
  }

  #note(key: StreamKey, event: MarketData): void {
    const events = this.#events.get(key) ?? [];
    this.#events.set(key, events);
    try {
      expect(event.symbol).toBe(SYMBOL);
      expectSane(event, this.clock.now());
      expectNumbered(event, events.at(-1)?.sequence);
    } catch (error) {
      // Thrown from here, it would be taken for a fault of the adapter.
      this.faults.push(error);
    }
    events.push(event);
  }
}

/** The frame can't be read by the parser of its own stream. */
function isInvalid(text: string): boolean {
  const frame = parseFrame(text);
  if (frame?.kind !== 'data') return frame === undefined;
  const stream = Object.values(STREAMS).find(({ name }) => name === frame.stream);
  return stream !== undefined && stream.parse(frame.data) === undefined;
}

describe.runIf(hasRecordings)('frames that were recorded, and then changed at random', () => {
  const session = hasRecordings ? readSession() : null;
  if (session === null) return;
  const MOST_PLAYED = 4;
  /** Frames that come next after as many as that were played. */
  const changed = fc.integer({ min: 1, max: MOST_PLAYED }).chain((played) => {
    const frame = fc.constantFrom(...TYPES).chain((type) => mutated(session.frames[type][played] ?? '{}'));
    return fc.record({ played: fc.constant(played), texts: fc.array(frame, { minLength: 1, maxLength: 3 }) });
  });

  it('never pass nonsense on, are counted if they can not be read, and do no lasting harm', async () => {
    await fc.assert(
      fc.asyncProperty(changed, async ({ played, texts }) => {
        await using stage = new Stage(session);
        await stage.pass(2);
        for (let times = 0; times < played; times += 1) stage.play();
        await stage.pass(2);
        for (const text of texts) {
          const before = await stage.invalid();
          stage.send(text);
          if (isInvalid(text)) expect(await stage.invalid()).toBeGreaterThan(before);
        }
        await stage.pass(3);
        // What looks old is ignored for ten seconds at most.
        stage.play();
        await stage.pass(13);
        expect(stage.faults).toEqual([]);
        const counts = TYPES.map((type) => stage.events(type).length);
        stage.play();
        await stage.pass(13);
        const unheard = TYPES.filter((type, at) => stage.events(type).length === counts[at]);
        expect(unheard).toEqual([]);
        expect(stage.book).not.toBeNull();
      }),
      { numRuns: 100 },
    );
  });
});
