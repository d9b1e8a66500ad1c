import type { BookViewSpec } from '../fanout/BookView.ts';
import { Emission } from '../fanout/Emission.ts';
import type { Subscriber } from '../fanout/Audience.ts';
import type { SubscriptionIndex } from '../fanout/SubscriptionIndex.ts';
import { Throttle } from '../fanout/Throttle.ts';
import type { FeedState, FeedType, Scope, StreamKey } from '../market/marketData.ts';
import { SHARED } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { randomId } from '../shared/random.ts';
import { keyOf } from './BrokerManager.ts';
import type { BrokerManager } from './BrokerManager.ts';
import { LiveStream } from './LiveStream.ts';
import type { BrokerAccess, SubscriptionOptions, SubscriptionRequest, SymbolRoute } from './subscription.ts';

export interface SubscriptionOpening {
  /** From `Subscriptions.resolve`. */
  readonly routes: readonly SymbolRoute[];
  readonly request: SubscriptionRequest;
  readonly access: BrokerAccess;
  /** Whose connection it is for. */
  readonly asker: Asker;
  readonly subscriber: Subscriber;
}

export interface OpenSubscriptionOptions extends SubscriptionOpening {
  /** Kept open upstream as long as the subscription lasts. */
  readonly feeds: ReadonlySet<FeedType>;
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
}

/** What a subscription has of one broker: its symbols, whose credentials serve them, and the streams that are joined. */
interface Part {
  readonly symbols: string[];
  scope: Scope | null;
  streams: Streams;
}

/** The streams of one account, and who gets their events; what a slower rhythm holds back ends with them. */
interface Streams {
  readonly owned: DisposableStack;
  readonly receiver: Subscriber;
}

/** One client's subscription, from its opening until it is disposed of. */
export class OpenSubscription implements Disposable {
  readonly #options: OpenSubscriptionOptions;
  readonly #parts = new Map<string, Part>();
  readonly #watch: Disposable;

  constructor(options: OpenSubscriptionOptions) {
    this.#options = options;
    const { access, routes } = options;
    for (const { broker, symbol, scope } of routes) {
      const part = this.#parts.get(broker) ?? { symbols: [], scope, streams: this.#newStreams() };
      part.symbols.push(symbol);
      this.#parts.set(broker, part);
    }
    for (const [broker, part] of this.#parts) this.#join(broker, part);
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
    const { clock, request, subscriber } = this.#options;
    const { throttleMs } = request.options;
    const owned = new DisposableStack();
    const receiver = throttleMs > 0 ? owned.use(new Throttle({ subscriber, throttleMs, clock })) : subscriber;
    return { owned, receiver };
  }

  /** The client's credentials for a broker have changed. */
  #move(broker: string): void {
    const part = this.#parts.get(broker);
    if (part === undefined) return;
    const { access, manager } = this.#options;
    const scope = manager.configured(broker).serving(access.scopeOf(broker))?.scope ?? null;
    if (scope === part.scope) return;
    const former = part.streams;
    part.scope = scope;
    former.owned.dispose();
    part.streams = this.#newStreams();
    if (scope === null) {
      this.#tell(broker, part, { state: 'closed', reason: 'The credentials were withdrawn.' });
    } else {
      this.#tell(broker, part, { state: 'recovering', reason: 'The streams begin anew under other credentials.' });
      this.#join(broker, part);
    }
  }

  #join(broker: string, { symbols, scope, streams }: Part): void {
    if (scope === null) return;
    const { feeds, request } = this.#options;
    for (const symbol of symbols) {
      const route = { broker, symbol, scope };
      for (const type of feeds) this.#joinFeed(streams, route, type);
      if (request.types.includes('status')) this.#joinStatus(streams, route);
    }
  }

  #joinFeed(streams: Streams, route: SymbolRoute, type: FeedType): void {
    const { asker, manager, index, request } = this.#options;
    const interval = type === 'candle' ? request.options.interval : null;
    streams.owned.use(manager.want(route, { symbol: route.symbol, type, interval }, asker));
    if (!request.types.includes(type)) return;
    const key = keyOf(route, type, interval);
    if (type === 'orderbook') {
      this.#joinBook(streams, key);
    } else {
      streams.owned.use(index.join(key, streams.receiver).membership);
      if (type !== 'trade' && request.options.snapshot) this.#begin(streams, key);
    }
  }

  #joinBook(streams: Streams, key: StreamKey): void {
    const { manager, index, request } = this.#options;
    const cut = { view: viewOf(request.options), known: manager.state.book(key) };
    const { membership, snapshot } = index.join(key, streams.receiver, cut);
    streams.owned.use(membership);
    // A book in deltas means nothing without its beginning.
    const begins = request.options.snapshot || request.options.book === 'delta';
    if (snapshot !== null && cut.known !== null && begins) streams.receiver.deliver(snapshot);
  }

  #joinStatus(streams: Streams, route: SymbolRoute): void {
    const key = keyOf(route, 'status', null);
    streams.owned.use(this.#options.index.join(key, streams.receiver).membership);
    this.#begin(streams, key);
  }

  #begin({ receiver }: Streams, key: StreamKey): void {
    const latest = this.#options.manager.state.latest(key);
    if (latest !== null) receiver.deliver(new Emission(key, latest));
  }

  /** A status of this subscription alone: nobody else's credentials have changed. */
  #tell(broker: string, { symbols }: Part, status: { readonly state: FeedState; readonly reason: string }): void {
    const { clock, request } = this.#options;
    if (!request.types.includes('status')) return;
    const now = fromEpochMs(clock.now());
    for (const symbol of symbols) {
      const address = { scope: SHARED, broker, symbol, type: 'status', interval: null } as const;
      const stream = new LiveStream(address, randomId());
      const event = stream.stamp({ type: 'status', time: now, receivedAt: now, gap: false, ...status } as const);
      this.#options.subscriber.deliver(new Emission(stream.key, event));
    }
  }
}

function viewOf({ depth, book }: SubscriptionOptions): BookViewSpec {
  return { depth, kind: book };
}
