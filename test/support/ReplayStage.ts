import { pino } from 'pino';
import type { Adapter } from '../../src/core/GuardedAdapter.ts';
import { keyOf } from '../../src/core/BrokerManager.ts';
import { MarketState } from '../../src/core/MarketState.ts';
import { NumberedStream, PAST_ROOM, VenueFeed } from '../../src/core/NumberedStream.ts';
import { Backfills } from '../../src/core/replay/Backfills.ts';
import type { ReplayLog } from '../../src/core/replay/ReplayLog.ts';
import { ReplayLogs } from '../../src/core/replay/ReplayLogs.ts';
import { StreamReplay } from '../../src/core/replay/StreamReplay.ts';
import { SymbolReplay } from '../../src/core/replay/SymbolReplay.ts';
import type { Channel } from '../../src/bus/EventBus.ts';
import type { SharedEvent } from '../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import { NO_EPOCH, parseCursor } from '../../src/market/cursor.ts';
import type { FeedGap, FeedReplay, FeedStanding, MarketData, TradeDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import type { GatewayError } from '../../src/shared/errors.ts';
import { ASKER } from './asker.ts';
import { dispatchAtOnce } from './dispatchAtOnce.ts';
import { FakeClock } from './FakeClock.ts';
import { tradeDraft } from './pastEvents.ts';
import { brokerContext, ScriptedBroker } from './ScriptedBroker.ts';

const ROUTE = { broker: 'binance', symbol: 'BTCUSDT', scope: 'shared' } as const;
const ADDRESS = { ...ROUTE, type: 'trade', interval: null } as const;
const START = { epoch: 'abcdefghijkl', sequence: PAST_ROOM };
const UNKNOWN = { epoch: NO_EPOCH, sequence: 0 };
const START_MS = Date.UTC(2026, 0, 2);

/** The history of a venue, which a test makes behave as it likes. */
export class PastVenue extends ScriptedBroker {
  /** All trades that it has, oldest first. */
  has: TradeDraft[] = [];
  /** What was asked for, in order. */
  readonly asked: string[] = [];
  /** Requests fail with this. */
  failure: GatewayError | null = null;
  /** Requests wait for this. */
  until: Promise<void> = Promise.resolve();

  override async fetchTrades(_symbol?: string, limit = 0): Promise<readonly TradeDraft[]> {
    await this.#asked(`last ${limit}`);
    return this.has.slice(-limit);
  }

  override async fetchTradesFrom(_symbol: string, tradeId: number): Promise<readonly TradeDraft[]> {
    await this.#asked(`from ${tradeId}`);
    return this.has.filter((trade) => Number(trade.tradeId) >= tradeId);
  }

  async #asked(what: string): Promise<void> {
    this.asked.push(what);
    await this.until;
    if (this.failure !== null) throw this.failure;
  }
}

/** What one subscriber of the stage was sent: ids of trades, gaps, and the outcome. */
export interface Audience {
  readonly story: (number | 'gap')[];
  readonly gaps: FeedGap[];
  readonly outcomes: FeedReplay[];
  /** Called before more is sent: null if there is room. */
  room: () => Promise<void> | null;
  readonly leave: () => void;
}

/** The log of one stream of trades with a venue behind it, in time that a test moves. */
export class ReplayStage implements Disposable {
  readonly clock = new FakeClock(START_MS);
  readonly index = new SubscriptionIndex(dispatchAtOnce);
  readonly venue: PastVenue;
  readonly logLines: string[] = [];
  readonly backfills = new Backfills({
    clock: this.clock,
    logger: pino({ level: 'error' }, { write: (line: string) => void this.logLines.push(line) }),
  });
  readonly known: number[] = [];
  readonly #logs: ReplayLogs;
  readonly #state: MarketState;
  #channel: Channel;
  readonly #status: { readonly stream: NumberedStream; readonly channel: Channel };
  readonly #feed: VenueFeed;

  /** `isFollowed`: the stream comes from another gateway, of which nothing has been heard until it is `led`. */
  constructor({ maxBytes = Number.POSITIVE_INFINITY, isFollowed = false } = {}) {
    const { clock, index } = this;
    const sink = {
      onEvent: () => undefined,
      onFeed: () => undefined,
      onStatus: () => undefined,
      onActivity: () => undefined,
      onCatalog: () => undefined,
    };
    this.venue = new PastVenue(brokerContext('binance', sink, clock));
    this.#logs = new ReplayLogs({ clock, maxBytes });
    this.#state = new MarketState({ index, logs: this.#logs, onCrossed: () => undefined });
    this.#channel = this.#state.receive(keyOf(ROUTE, 'trade', null), isFollowed ? UNKNOWN : START);
    this.#feed = new VenueFeed({ address: ADDRESS, start: START, channel: this.#channel, received: { count: 0 } });
    const stream = new NumberedStream({ ...ROUTE, type: 'status', interval: null }, { ...START, sequence: 0 });
    this.#status = { stream, channel: this.#state.receive(stream.key, { ...START, sequence: 0 }) };
  }

  get log(): ReplayLog {
    const log = this.#state.log(keyOf(ROUTE, 'trade', null));
    if (log === null) throw new Error('the stream has no log');
    return log;
  }

  /** Another gateway leads, and has published these trades. */
  led(from: number, to: number): void {
    const past = this.past(from, to).map((draft) => this.#feed.number({ ...draft, backfilled: false }));
    this.#channel[Symbol.dispose]();
    this.#channel = this.#state.receive(this.#feed.key, START, past);
  }

  /** Trades of the venue's history; they are a millisecond apart. */
  past(from: number, to: number): TradeDraft[] {
    return Array.from({ length: to - from + 1 }, (_, at) =>
      tradeDraft({ id: from + at, timeMs: START_MS + from + at, backfilled: true }),
    );
  }

  /** The stream delivers trades, which the venue's history has, too. */
  trade(from: number, to = from): void {
    for (const draft of this.past(from, to)) {
      this.venue.has.push(draft);
      this.#channel.publish(this.#feed.number({ ...draft, backfilled: false }));
    }
  }

  stand(state: FeedStanding['state'], gap: FeedGap | null = null): void {
    const now = fromEpochMs(this.clock.now());
    const standing = { type: 'trade', interval: null, state, reason: null, since: now, gap } as const;
    const content = { state: 'live', reason: null, since: now, gap, replay: null, feeds: [standing] } as const;
    this.#status.channel.publish(this.#status.stream.stamp({ type: 'status', time: now, receivedAt: now, ...content }));
  }

  /** The cursor of a trade, in this life of the stream or another. */
  cursorOf(id: number, { epoch = 'mnopqrstuvwx', sequence = 1 } = {}): string {
    const { cursor } = this.#feed.number(tradeDraft({ id, timeMs: START_MS + id }));
    const [, mark = '', place = ''] = /^1(.{8}).{12}\d+(-.*)$/.exec(cursor) ?? [];
    return `1${mark}${epoch}${sequence}${place}`;
  }

  join(ask: {
    readonly cursor?: string;
    readonly history?: number;
    readonly adapter?: Adapter | null;
    readonly room?: Promise<void>;
  }): Audience {
    const story: (number | 'gap')[] = [];
    const gaps: FeedGap[] = [];
    const outcomes: FeedReplay[] = [];
    const take = ({ event }: SharedEvent): void => {
      if (event.type === 'trade') story.push(Number(event.tradeId));
    };
    const live = {
      deliver: ({ events }: { readonly events: readonly SharedEvent[] }): void => {
        for (const event of events) take(event);
      },
    };
    const owned = new DisposableStack();
    const audience = { room: (): Promise<void> | null => ask.room ?? null };
    const replay = new StreamReplay({
      log: this.log,
      type: 'trade',
      symbol: ROUTE.symbol,
      interval: null,
      cursor: ask.cursor === undefined ? null : parseCursor(ask.cursor),
      history: ask.history ?? 0,
      index: this.index,
      backfills: this.backfills,
      clock: this.clock,
      asker: ASKER,
      adapter: () => (ask.adapter === undefined ? this.venue : ask.adapter),
      continueBehind: (place) => this.known.push(place),
      statusKey: this.#status.stream.key,
      latest: (key): MarketData | null => this.#state.latest(key),
      receiver: { ...live, room: () => audience.room() },
      live,
      sendGap: (gap) => {
        gaps.push(gap);
        story.push('gap');
      },
      sendKeptGap: () => story.push('gap'),
      replay: new SymbolReplay({ streams: 1, report: (outcome) => outcomes.push(outcome) }),
      goLive: (seam) => {
        owned.use(this.index.join(this.log.key, seam).membership);
      },
    });
    owned.use(replay);
    replay.start();
    const leave = (): void => {
      owned.dispose();
    };
    return Object.assign(audience, { story, gaps, outcomes, leave });
  }

  [Symbol.dispose](): void {
    this.backfills[Symbol.dispose]();
    this.#logs[Symbol.dispose]();
  }
}
