import { keyOf } from './BrokerManager.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { Backfills } from './replay/Backfills.ts';
import { ownStatus } from './ownStatus.ts';
import type { Seam } from './replay/Seam.ts';
import { StreamReplay } from './replay/StreamReplay.ts';
import type { StreamReplayOptions } from './replay/StreamReplay.ts';
import { NOTHING_PAST, SymbolReplay } from './replay/SymbolReplay.ts';
import type { ReadyStream, ReplayPart } from './replay/SymbolReplay.ts';
import { StatusView, StatusViewer, worstOf } from './StatusView.ts';
import type { FeedName, StatusCache } from './StatusView.ts';
import type { SubscriptionOpening, SymbolRoute } from './subscription.ts';
import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import { streamMark } from '../market/cursor.ts';
import type { Cursor } from '../market/cursor.ts';
import type { CandleInterval, FeedStatus, FeedType, MarketDataType, StreamKey } from '../market/marketData.ts';
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

export interface SymbolSubscriptionOptions extends OpenSubscriptionOptions {
  readonly route: SymbolRoute;
  /** The cursors that the client gave, by stream. */
  readonly cursors: ReadonlyMap<string, Cursor>;
  /** Gets the live events. */
  readonly receiver: Subscriber;
  /** The subscriber is to be sent first what it asked for of the past. */
  readonly isPastOwed: boolean;
  /** Called when the subscriber has been told what is sent of the past. */
  readonly onReported: () => void;
}

const REASON_OF_GAP = 'Events were lost that neither the gateway nor the venue has any more.';
/** The statuses that another gateway has reported are awaited this long. */
const STATUS_PATIENCE_MS = 2_000;

/** The streams of one symbol in a subscription, under one scope. Owned by an OpenSubscription. */
export class SymbolSubscription implements Disposable {
  readonly #options: SymbolSubscriptionOptions;
  readonly #owned = new DisposableStack();
  /** Null if the subscriber wants nothing of the past. */
  readonly #replay: SymbolReplay | null;
  /** Null if it gets the statuses of all feeds. */
  readonly #view: StatusView | null;
  /** Feeds of which the subscriber is still to be sent what it missed. */
  readonly #replaying = new Set<FeedType>();

  constructor(options: SymbolSubscriptionOptions) {
    this.#options = options;
    this.#view = this.#makeView();
    this.#replay = this.#makeReplay();
  }

  isReplaying(type: FeedType): boolean {
    return this.#replaying.has(type);
  }

  /** Joins every stream; the subscriber may get the first events at once. */
  start(): void {
    const { feeds, request } = this.#options;
    for (const type of feeds) this.#joinFeed(type);
    if (request.types.includes('status')) this.#joinStatus();
    else if (this.#tellsGaps && this.#replay !== null) this.#joinGaps(this.#replay);
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  /** A client that resumes is told of gaps, even if it asked for no statuses. */
  get #tellsGaps(): boolean {
    const { replayOf, request } = this.#options;
    return request.resume !== null && replayOf === undefined;
  }

  #makeView(): StatusView | null {
    const { feeds, request, statuses: cache } = this.#options;
    if (cache === null) return null;
    const own = [...feeds].map((type): FeedName => ({
      type,
      interval: this.#intervalOf(type, request.options.interval),
    }));
    return new StatusView({ feeds: () => own, assumed: null, cache });
  }

  #makeReplay(): SymbolReplay | null {
    const { isPastOwed, onReported, replayOf, request, route } = this.#options;
    if (!isPastOwed) return null;
    const streams = new Set(request.types).size + (this.#tellsGaps && !request.types.includes('status') ? 1 : 0);
    return (
      replayOf?.(route) ??
      new SymbolReplay({
        streams,
        report: (replay) => {
          onReported();
          // History alone is reported to those who ask for statuses.
          if (this.#isToldStatuses) this.#sendStatus({ replay });
        },
      })
    );
  }

  get #isToldStatuses(): boolean {
    const { replayOf, request } = this.#options;
    return replayOf !== undefined || request.resume !== null || request.types.includes('status');
  }

  #joinFeed(type: FeedType): void {
    const { asker, manager, request, route } = this.#options;
    const interval = this.#intervalOf(type, request.options.interval);
    this.#owned.use(manager.want(route, { symbol: route.symbol, type, interval }, asker));
    if (!request.types.includes(type)) return;
    const key = keyOf(route, type, interval);
    switch (type) {
      case 'trade':
      case 'candle':
        this.#joinPast(type, key, interval);
        break;
      case 'tick':
        this.#joinNewest(type, key, (isResumed) => {
          this.#joinLive(key, request.options.snapshot || isResumed);
        });
        break;
      case 'orderbook':
        this.#joinNewest(type, key, () => {
          this.#joinBook(key);
        });
        break;
      default:
        assertNever(type);
    }
  }

  /** The newest tick or book is enough. */
  #joinNewest(type: FeedType, key: StreamKey, begin: (isResumed: boolean) => void): void {
    const cursor = this.#cursorOf(type, null);
    if (this.#replay === null) {
      begin(false);
      return;
    }
    const { manager, route } = this.#options;
    const isKnown = ({ epoch }: Cursor): boolean =>
      epoch === manager.state.epoch(key) || manager.knowsEpoch(route, epoch);
    this.#joinReplay(this.#replay, {
      outcome: () => ({ ...NOTHING_PAST, recovered: cursor && isKnown(cursor) }),
      begin: () => {
        begin(cursor !== null);
      },
    });
  }

  #joinPast(type: 'trade' | 'candle', key: StreamKey, interval: CandleInterval | null): void {
    const { history, snapshot } = this.#options.request.options;
    const cursor = this.#cursorOf(type, interval);
    const log = this.#options.manager.state.log(key);
    const begin = (): void => {
      this.#joinLive(key, type === 'candle' && snapshot);
    };
    if (this.#replay === null) begin();
    else if (log === null || (cursor === null && history === 0)) {
      const recovered = cursor === null ? null : false;
      this.#joinReplay(this.#replay, { outcome: () => ({ recovered, events: 0, complete: log !== null }), begin });
    } else {
      this.#replaying.add(type);
      this.#startReplay(type, { key, interval, cursor, log, replay: this.#replay });
    }
  }

  #startReplay(
    type: 'trade' | 'candle',
    stream: Pick<StreamReplayOptions, 'interval' | 'cursor' | 'log' | 'replay'> & { readonly key: StreamKey },
  ): void {
    const { asker, backfills, clock, index, manager, receiver, request, route, subscriber } = this.#options;
    const { key, ...rest } = stream;
    const past = new StreamReplay({
      ...rest,
      type,
      symbol: route.symbol,
      history: request.options.history,
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
      receiver: subscriber,
      sendGap: (gap) => {
        if (this.#isToldStatuses) this.#sendStatus({ gap, reason: REASON_OF_GAP });
      },
      sendKeptGap: (report) => {
        const { gap } = this.#view?.gapIn(report) ?? { gap: null };
        if (gap !== null && this.#isToldStatuses) subscriber.deliver(gap);
      },
      live: receiver,
      goLive: (seam) => {
        this.#goLive(type, key, seam);
      },
    });
    this.#owned.use(past);
    past.start();
  }

  /** The candle in progress comes behind the closed ones. */
  #goLive(type: FeedType, key: StreamKey, seam: Seam): void {
    const { index, request } = this.#options;
    this.#owned.use(index.join(key, seam).membership);
    this.#replaying.delete(type);
    if (type === 'candle' && (request.options.snapshot || request.resume !== null)) this.#begin(key, seam);
  }

  #joinLive(key: StreamKey, withNewest: boolean): void {
    const { index, receiver } = this.#options;
    this.#owned.use(index.join(key, receiver).membership);
    if (withNewest) this.#begin(key, receiver);
  }

  #joinBook(key: StreamKey): void {
    const { manager, index, receiver, request } = this.#options;
    const { depth, book, snapshot: isWanted } = request.options;
    const cut = { view: { depth, kind: book }, known: manager.state.book(key) };
    const { membership, snapshot } = index.join(key, receiver, cut);
    this.#owned.use(membership);
    // Deltas of a book mean nothing without its beginning.
    const begins = isWanted || book === 'delta' || request.resume !== null;
    if (snapshot !== null && cut.known !== null && begins) receiver.deliver(snapshot);
  }

  #joinStatus(): void {
    const { index, manager, receiver, route } = this.#options;
    const { state } = manager;
    const key = keyOf(route, 'status', null);
    if (this.#view === null) {
      this.#joinLive(key, true);
      return;
    }
    const viewer = new StatusViewer(this.#view, receiver, (type) => this.#replaying.has(type));
    let missed: readonly SharedEvent[] = [];
    const begin = (): void => {
      this.#owned.use(index.join(key, viewer).membership);
      for (const event of missed) receiver.deliver(event);
      const latest = state.latest(key);
      if (latest !== null) viewer.begin(new SharedEvent(key, latest));
    };
    if (this.#replay === null) {
      begin();
      return;
    }
    const cursor = this.#cursorOf('status', null);
    const outcome = (): ReplayPart => {
      const log = state.log(key);
      const behind = cursor === null ? null : (log?.positionOf(cursor) ?? null);
      if (log !== null && behind !== null) {
        missed = log.events.after(behind).flatMap(({ sharedEvent }) => viewer.eventsOf(sharedEvent));
      }
      return { recovered: cursor && behind !== null, events: missed.length, complete: true };
    };
    const replay = this.#replay;
    const join = (): void => {
      this.#joinReplay(replay, { outcome, begin });
    };
    // Another gateway may have to be asked for what was reported before.
    if (cursor !== null && state.latest(key) === null) this.#onceReported(key, join);
    else join();
  }

  /** Calls the function once, when there is a status, or after a while. */
  #onceReported(key: StreamKey, then: () => void): void {
    const { clock, index } = this.#options;
    const waiting = this.#owned.use(new DisposableStack());
    const end = (): void => {
      if (waiting.disposed) return;
      waiting.dispose();
      then();
    };
    waiting.use(clock.after(STATUS_PATIENCE_MS, end));
    // In a turn of its own: the log has the status when it has been delivered to all.
    waiting.use(index.join(key, { deliver: () => waiting.use(clock.turn(end)) }).membership);
  }

  #joinGaps(replay: SymbolReplay): void {
    const view = this.#view;
    if (view === null) return;
    const { index, receiver, route } = this.#options;
    const begin = (): void => {
      const viewer = new StatusViewer(view, receiver, (type) => this.#replaying.has(type), 'gaps');
      this.#owned.use(index.join(keyOf(route, 'status', null), viewer).membership);
    };
    this.#joinReplay(replay, { outcome: () => NOTHING_PAST, begin });
  }

  #joinReplay(replay: SymbolReplay, stream: ReadyStream): void {
    this.#owned.use(replay.join(stream));
  }

  #begin(key: StreamKey, receiver: Subscriber): void {
    const latest = this.#options.manager.state.latest(key);
    if (latest !== null) receiver.deliver(new SharedEvent(key, latest));
  }

  #intervalOf(type: MarketDataType, interval: CandleInterval): CandleInterval | null {
    return type === 'candle' ? interval : null;
  }

  #cursorOf(type: MarketDataType, interval: CandleInterval | null): Cursor | null {
    const { cursors, route } = this.#options;
    if (cursors.size === 0) return null;
    return cursors.get(streamMark({ broker: route.broker, symbol: route.symbol, type, interval })) ?? null;
  }

  /** Sends the present status of the subscriber's feeds, with what concerns this subscription alone. */
  #sendStatus(content: Partial<FeedStatus>): void {
    const { clock, feeds, manager, request, route, subscriber } = this.#options;
    const { broker, symbol } = route;
    const latest = manager.state.latest(keyOf(route, 'status', null));
    const all = latest?.type === 'status' ? (latest.feeds ?? []) : [];
    const own = all.filter(
      ({ type, interval }) => feeds.has(type) && interval === this.#intervalOf(type, request.options.interval),
    );
    const { since, ...worst } = worstOf(own);
    const given = this.#cursorOf('status', null);
    // It stands where the subscriber is: behind the last status that it has.
    const last = given === null ? latest : { sequence: given.sequence, cursor: given.text };
    const place = last === null ? {} : { sequence: last.sequence, cursor: last.cursor };
    const known = since === null ? worst : { ...worst, since };
    subscriber.deliver(ownStatus({ broker, symbol, ...known, ...place, ...content }, clock.now()));
  }
}
