import { keyOf } from './BrokerManager.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { Backfills } from './replay/Backfills.ts';
import { StreamReplay } from './replay/StreamReplay.ts';
import { SymbolReplay } from './replay/SymbolReplay.ts';
import { StatusView, StatusViewer, worstOf } from './StatusView.ts';
import type { FeedName, StatusCache } from './StatusView.ts';
import type { SubscriptionOpening, SymbolRoute } from './subscription.ts';
import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { SharedUpdate } from '../fanout/frames/SharedEvent.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import { Throttle } from '../fanout/routing/Throttle.ts';
import { cursorPrefix, formatCursor, NO_EPOCH, streamMark } from '../market/cursor.ts';
import type { Cursor } from '../market/cursor.ts';
import { addressOf, SHARED, streamKey } from '../market/marketData.ts';
import type {
  CandleInterval,
  FeedState,
  FeedStatus,
  FeedType,
  MarketData,
  MarketDataType,
  Scope,
  StreamKey,
} from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import { assertNever } from '../shared/errors.ts';

export interface OpenSubscriptionOptions extends SubscriptionOpening {
  /** Feeds that are kept open upstream as long as the subscription lasts. */
  readonly feeds: ReadonlySet<FeedType>;
  /** Null: the subscriber gets the statuses of all feeds, not only of its own. */
  readonly statuses: StatusCache | null;
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
  readonly backfills: Backfills;
  readonly clock: Clock;
}

/** The part of a subscription at one broker: its symbols, the scope that serves them, and its open streams. */
interface PartOfBroker {
  readonly symbols: string[];
  scope: Scope | null;
  streams: Streams;
}

/** The streams of one account, and the subscriber that gets their events. Disposing of them also ends the throttle. */
interface Streams {
  readonly owned: DisposableStack;
  readonly receiver: Subscriber;
}

/** What is common to the streams of one symbol. */
interface SymbolStreams {
  readonly streams: Streams;
  readonly route: SymbolRoute;
  /** Null if the subscriber wants nothing of the past. */
  readonly replay: SymbolReplay | null;
  readonly view: StatusView | null;
}

/** One client's subscription, from its opening until it is disposed of. */
export class OpenSubscription implements Disposable {
  readonly #options: OpenSubscriptionOptions;
  readonly #parts = new Map<string, PartOfBroker>();
  readonly #cursors: ReadonlyMap<string, Cursor>;
  readonly #watch: Disposable;

  constructor(options: OpenSubscriptionOptions) {
    this.#options = options;
    const { access, request, routes } = options;
    this.#cursors = new Map(request.resume?.map((cursor) => [cursor.stream, cursor]));
    for (const { broker, symbol, scope } of routes) {
      const part = this.#parts.get(broker) ?? { symbols: [], scope, streams: this.#newStreams() };
      part.symbols.push(symbol);
      this.#parts.set(broker, part);
    }
    for (const [broker, part] of this.#parts) this.#join(broker, part, true);
    this.#watch = access.watch((broker) => {
      this.#move(broker);
    });
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    for (const { streams } of this.#parts.values()) streams.owned.dispose();
    this.#parts.clear();
  }

  #newStreams(): Streams {
    const { clock, manager, request, subscriber } = this.#options;
    const { throttleMs } = request.options;
    const owned = new DisposableStack();
    if (throttleMs === 0) return { owned, receiver: subscriber };
    const isCurrent = (key: StreamKey): boolean => manager.state.latest(key) !== null;
    return { owned, receiver: owned.use(new Throttle({ subscriber, throttleMs, clock, isCurrent })) };
  }

  /** Called when the client's credentials for a broker have changed. */
  #move(broker: string): void {
    const part = this.#parts.get(broker);
    if (part === undefined) return;
    const { access, manager } = this.#options;
    const scope = manager.serving(broker, access)?.scope ?? null;
    if (scope === part.scope) return;
    const former = part.streams;
    part.scope = scope;
    former.owned.dispose();
    part.streams = this.#newStreams();
    if (scope === null) {
      this.#sendStatus(broker, part, { state: 'closed', reason: 'The credentials were withdrawn.' });
    } else {
      this.#sendStatus(broker, part, {
        state: 'recovering',
        reason: 'The streams begin anew under other credentials.',
      });
      this.#join(broker, part, false);
    }
  }

  /** `withPast`: what the subscriber asked for of the past is sent first. */
  #join(broker: string, { symbols, scope, streams }: PartOfBroker, withPast: boolean): void {
    if (scope === null) return;
    const { feeds, replayOf, request } = this.#options;
    for (const symbol of symbols) {
      const route = { broker, symbol, scope };
      const view = this.#view();
      const replay = withPast ? this.#replay(route, streams) : null;
      const joining = { streams, route, replay, view };
      for (const type of feeds) this.#joinFeed(joining, type);
      if (request.types.includes('status')) this.#joinStatus(joining);
      else if (request.resume !== null && replayOf === undefined) this.#joinGaps(joining);
    }
  }

  #view(): StatusView | null {
    const { feeds, request, statuses: cache } = this.#options;
    if (cache === null) return null;
    const interval = (type: FeedType): FeedName['interval'] => (type === 'candle' ? request.options.interval : null);
    const own = [...feeds].map((type) => ({ type, interval: interval(type) }));
    return new StatusView({ feeds: () => own, assumed: null, cache });
  }

  #replay(route: SymbolRoute, { receiver }: Streams): SymbolReplay | null {
    const { replayOf, request } = this.#options;
    if (request.resume === null && request.options.history === 0) return null;
    return (
      replayOf?.(route) ??
      new SymbolReplay({
        streams: new Set(request.types).size,
        report: (replay) => {
          // History alone is reported to those who ask for statuses.
          if (request.resume === null && !request.types.includes('status')) return;
          receiver.deliver(this.#statusNow(route, { replay }));
        },
      })
    );
  }

  #joinFeed(joining: SymbolStreams, type: FeedType): void {
    const { asker, manager, request } = this.#options;
    const { route, streams } = joining;
    const interval = type === 'candle' ? request.options.interval : null;
    streams.owned.use(manager.want(route, { symbol: route.symbol, type, interval }, asker));
    if (!request.types.includes(type)) return;
    const key = keyOf(route, type, interval);
    switch (type) {
      case 'trade':
      case 'candle':
        this.#joinPast(joining, type, key);
        break;
      case 'tick':
        this.#joinNewest(joining, key, (isResumed) => {
          this.#joinLive(streams, key, isResumed);
        });
        break;
      case 'orderbook':
        this.#joinNewest(joining, key, () => {
          this.#joinBook(streams, key);
        });
        break;
      default:
        assertNever(type);
    }
  }

  /** Of ticks and books the newest is enough. */
  #joinNewest({ replay, route }: SymbolStreams, key: StreamKey, join: (isResumed: boolean) => void): void {
    const cursor = this.#cursorOf(route, addressOf(key).type, null);
    if (replay === null) {
      join(false);
      return;
    }
    const recovered = cursor === null ? null : cursor.epoch === this.#options.manager.state.epoch(key);
    replay.join({ recovered, events: 0, complete: true }, () => {
      join(cursor !== null);
    });
  }

  #joinPast(joining: SymbolStreams, type: 'trade' | 'candle', key: StreamKey): void {
    const { asker, backfills, clock, index, manager, request } = this.#options;
    const { replay, route, streams, view } = joining;
    const { history, interval } = request.options;
    const cursor = this.#cursorOf(route, type, addressOf(key).interval);
    const log = manager.state.log(key);
    if (replay === null || log === null || (cursor === null && history === 0)) {
      const join = (): void => {
        this.#joinLive(streams, key, false);
      };
      if (replay === null) join();
      else replay.join({ recovered: cursor === null ? null : false, events: 0, complete: log !== null }, join);
      return;
    }
    const past = new StreamReplay({
      log,
      type,
      symbol: route.symbol,
      interval: type === 'candle' ? interval : null,
      cursor,
      history,
      index,
      backfills,
      clock,
      asker,
      adapter: () => manager.adapter(route),
      continueBehind: (place) => {
        manager.continueBehind(route, key, place);
      },
      statusKey: keyOf(route, 'status', null),
      latest: (of) => manager.state.latest(of),
      // A throttle would leave events of the past out.
      receiver: this.#options.subscriber,
      sendGap: (gap) => {
        this.#options.subscriber.deliver(this.#statusNow(route, { gap, reason: REASON_OF_GAP }));
      },
      sendKeptGap: (report) => {
        const { gap } = view?.gapIn(report) ?? { gap: null };
        if (gap !== null) this.#options.subscriber.deliver(gap);
      },
      replay,
      goLive: (sequence) => {
        streams.owned.use(index.join(key, streams.receiver).membership);
        this.#beginBehind(streams, key, sequence);
      },
    });
    streams.owned.use(past);
    past.start();
  }

  #joinLive(streams: Streams, key: StreamKey, isResumed: boolean): void {
    const { index, request } = this.#options;
    streams.owned.use(index.join(key, streams.receiver).membership);
    if (addressOf(key).type !== 'trade' && (request.options.snapshot || isResumed)) this.#begin(streams, key);
  }

  #joinBook(streams: Streams, key: StreamKey): void {
    const { manager, index, request } = this.#options;
    const { depth, book, snapshot: isWanted } = request.options;
    const cut = { view: { depth, kind: book }, known: manager.state.book(key) };
    const { membership, snapshot } = index.join(key, streams.receiver, cut);
    streams.owned.use(membership);
    // Deltas of a book mean nothing without its beginning.
    const begins = isWanted || book === 'delta' || request.resume !== null;
    if (snapshot !== null && cut.known !== null && begins) streams.receiver.deliver(snapshot);
  }

  #joinStatus({ replay, route, streams, view }: SymbolStreams): void {
    const { index, manager } = this.#options;
    const { state } = manager;
    const key = keyOf(route, 'status', null);
    if (view === null) {
      streams.owned.use(index.join(key, streams.receiver).membership);
      this.#begin(streams, key);
      return;
    }
    const viewer = new StatusViewer(view, streams.receiver);
    const cursor = this.#cursorOf(route, 'status', null);
    const log = state.log(key);
    const behind = cursor === null ? null : (log?.positionOf(cursor) ?? null);
    const missed = behind === null ? [] : (log?.after(behind) ?? []);
    const begin = (): void => {
      streams.owned.use(index.join(key, viewer).membership);
      for (const { sharedEvent } of missed) viewer.deliver(sharedEvent);
      const latest = state.latest(key);
      if (latest !== null) viewer.begin(new SharedEvent(key, latest));
    };
    if (replay === null) begin();
    else replay.join({ recovered: cursor && behind !== null, events: missed.length, complete: true }, begin);
  }

  /** Who resumes is told of gaps, even if it asked for no statuses. */
  #joinGaps({ route, streams, view }: SymbolStreams): void {
    if (view === null) return;
    const deliver = ({ events }: SharedUpdate): void => {
      for (const event of events) {
        const { gap } = view.gapIn(event);
        if (gap !== null) streams.receiver.deliver(gap);
      }
    };
    streams.owned.use(this.#options.index.join(keyOf(route, 'status', null), { deliver }).membership);
  }

  #begin({ receiver }: Streams, key: StreamKey): void {
    const latest = this.#options.manager.state.latest(key);
    if (latest !== null) receiver.deliver(new SharedEvent(key, latest));
  }

  /** The candle in progress comes behind the closed ones. */
  #beginBehind(streams: Streams, key: StreamKey, sequence: number): void {
    const { manager, request } = this.#options;
    const latest = manager.state.latest(key);
    if (latest?.type !== 'candle' || latest.closed || latest.sequence <= sequence) return;
    if (request.options.snapshot || request.resume !== null) this.#begin(streams, key);
  }

  #cursorOf({ broker, symbol }: SymbolRoute, type: MarketDataType, interval: CandleInterval | null): Cursor | null {
    if (this.#cursors.size === 0) return null;
    return this.#cursors.get(streamMark({ broker, symbol, type, interval })) ?? null;
  }

  /** The present status of the subscriber's feeds, for this subscription alone. */
  #statusNow(route: SymbolRoute, content: Partial<FeedStatus>): SharedEvent {
    const { clock, feeds, manager, request } = this.#options;
    const key = keyOf(route, 'status', null);
    const latest = manager.state.latest(key);
    const now = fromEpochMs(clock.now());
    const own = latest?.type === 'status' ? (latest.feeds ?? []) : [];
    const standings = own.filter(
      ({ type, interval }) => feeds.has(type) && (type !== 'candle' || interval === request.options.interval),
    );
    const { state, reason, since } = worstOf(standings);
    return new SharedEvent(key, {
      ...this.#statusPlace(route, latest),
      type: 'status',
      time: now,
      receivedAt: now,
      state,
      reason,
      since: since ?? now,
      gap: null,
      replay: null,
      ...content,
    });
  }

  /** It stands where the subscriber is: behind the last status that it has. */
  #statusPlace({ broker, symbol }: SymbolRoute, latest: MarketData | null): StatusPlace {
    const cursor = this.#cursorOf({ broker, symbol, scope: SHARED }, 'status', null);
    if (cursor !== null) return { broker, symbol, sequence: cursor.sequence, cursor: cursor.text };
    if (latest !== null) return { broker, symbol, sequence: latest.sequence, cursor: latest.cursor };
    return { broker, symbol, ...NO_PLACE };
  }

  /** Sends a status to this subscription alone, because only this client's credentials have changed. */
  #sendStatus(
    broker: string,
    { symbols }: PartOfBroker,
    status: { readonly state: FeedState; readonly reason: string },
  ): void {
    const { clock, request, subscriber } = this.#options;
    if (!request.types.includes('status')) return;
    const now = fromEpochMs(clock.now());
    const stamped = { type: 'status', time: now, receivedAt: now, since: now, gap: null, replay: null } as const;
    for (const symbol of symbols) {
      const key = streamKey({ scope: SHARED, broker, symbol, type: 'status', interval: null });
      subscriber.deliver(new SharedEvent(key, { ...stamped, ...status, broker, symbol, ...NO_PLACE }));
    }
  }
}

type StatusPlace = Pick<FeedStatus, 'broker' | 'symbol' | 'sequence' | 'cursor'>;

/** The place of an event that belongs to no stream. */
const NO_PLACE = { sequence: 0, cursor: formatCursor(cursorPrefix('-'.repeat(8), NO_EPOCH), 0) };
const REASON_OF_GAP = 'Events were lost that neither the gateway nor the venue has any more.';
