import { keyOf } from './BrokerManager.ts';
import type { BrokerManager } from './BrokerManager.ts';
import { NumberedStream } from './NumberedStream.ts';
import { DEFAULT_OPTIONS } from './subscription.ts';
import type {
  BrokerAccess,
  Resolution,
  SubscriptionOptions,
  SubscriptionRequest,
  SymbolRoute,
} from './subscription.ts';
import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { BookViewSpec } from '../fanout/routing/BookView.ts';
import type { Subscriber } from '../fanout/routing/SubscriberGroup.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import { Throttle } from '../fanout/routing/Throttle.ts';
import type { FeedState, FeedType } from '../market/marketData.ts';
import { SHARED } from '../market/streamKey.ts';
import type { Scope, StreamKey } from '../market/streamKey.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { HeapWatch } from '../shared/processLimits.ts';
import { randomId } from '../shared/random.ts';

export interface SubscriptionsOptions {
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
  readonly symbolsPerSubscription: number;
  readonly heap: HeapWatch;
}

/** A symbol may be this long; the longest real ones have some twenty characters. */
const MAX_SYMBOL_LENGTH = 64;
const MAX_DEPTH = 1_000;
const MAX_THROTTLE_MS = 60_000;

export interface StatusOpening extends Omit<SubscriptionOpening, 'routes' | 'request'> {
  readonly route: SymbolRoute;
}

/** The one door to live market data, for every client protocol. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Where each symbol would come from for the client with this access, and which can't be had. Throws a GatewayError for
   * what is wrong with the request as a whole. May wait a moment for a venue that is just being asked what it lists.
   * `symbolsPerSubscription`: the client's own limit, in place of the general one.
   */
  async resolve(
    request: SubscriptionRequest,
    access: BrokerAccess,
    symbolsPerSubscription = this.#options.symbolsPerSubscription,
  ): Promise<Resolution> {
    checkRequest(request, symbolsPerSubscription);
    this.#options.heap.admitOperation();
    const { broker } = request;
    return this.#options.manager.route({
      broker,
      symbols: [...new Set(request.symbols)],
      types: [...new Set(request.types)],
      access,
    });
  }

  /**
   * From now on, until disposed of, the subscriber gets the events of these symbols; first of all what is known of them.
   * Synchronous: nothing can slip between what is known and what is live. Where the client gives other credentials, what
   * they serve takes the place of what the former ones did.
   */
  open(opening: SubscriptionOpening): Disposable {
    return new OpenSubscription({ ...opening, ...this.#options, feeds: feedsOf(opening.request) });
  }

  /** As `open`, but for the status of one symbol alone, and no feed is kept open for it. */
  openStatus({ route, ...opening }: StatusOpening): Disposable {
    const { broker, symbol } = route;
    const request = { broker, symbols: [symbol], types: ['status'], options: DEFAULT_OPTIONS } as const;
    return new OpenSubscription({ ...opening, ...this.#options, routes: [route], request, feeds: new Set() });
  }
}

/** A status says how a symbol's feeds are: a subscription to nothing else keeps its ticks open. */
function feedsOf({ types }: SubscriptionRequest): ReadonlySet<FeedType> {
  const feeds = new Set(types.filter((type) => type !== 'status'));
  return feeds.size === 0 ? new Set(['tick']) : feeds;
}

function checkRequest({ symbols, types, options }: SubscriptionRequest, maxSymbols: number): void {
  if (symbols.length === 0) throw new GatewayError('BAD_REQUEST', 'symbols: expected at least one symbol.');
  if (types.length === 0) throw new GatewayError('BAD_REQUEST', 'types: expected at least one type.');
  if (symbols.length > maxSymbols) {
    throw new GatewayError(
      'LIMIT_EXCEEDED',
      `symbols: ${symbols.length} were asked for; a subscription may have ${maxSymbols} at most.`,
    );
  }
  for (const symbol of symbols) checkSymbol('symbols', symbol);
  checkRange('options.depth', options.depth, { from: 1, to: MAX_DEPTH });
  checkRange('options.throttleMs', options.throttleMs, { from: 0, to: MAX_THROTTLE_MS });
}

/** Throws BAD_REQUEST, naming the argument, for what can be nobody's symbol: it is looked up nowhere, and not repeated. */
export function checkSymbol(name: string, symbol: string): void {
  if (symbol !== '' && symbol.length <= MAX_SYMBOL_LENGTH) return;
  throw new GatewayError('BAD_REQUEST', `${name}: expected names of 1 to ${MAX_SYMBOL_LENGTH} characters.`);
}

/** Throws BAD_REQUEST, naming the argument, what was found and what was expected. */
export function checkRange(
  name: string,
  value: number,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw new GatewayError('BAD_REQUEST', `${name}: expected a whole number from ${from} to ${to}, found ${value}.`);
}

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
    if (latest !== null) receiver.deliver(new SharedEvent(key, latest));
  }

  /** A status of this subscription alone: nobody else's credentials have changed. */
  #tell(broker: string, { symbols }: Part, status: { readonly state: FeedState; readonly reason: string }): void {
    const { clock, request } = this.#options;
    if (!request.types.includes('status')) return;
    const now = fromEpochMs(clock.now());
    for (const symbol of symbols) {
      const address = { scope: SHARED, broker, symbol, type: 'status', interval: null } as const;
      const stream = new NumberedStream(address, randomId());
      const event = stream.stamp({ type: 'status', time: now, receivedAt: now, gap: false, ...status } as const);
      this.#options.subscriber.deliver(new SharedEvent(stream.key, event));
    }
  }
}

function viewOf({ depth, book }: SubscriptionOptions): BookViewSpec {
  return { depth, kind: book };
}
