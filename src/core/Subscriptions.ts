import { keyOf } from './BrokerManager.ts';
import type { BrokerManager } from './BrokerManager.ts';
import { NumberedStream } from './NumberedStream.ts';
import { StatusCache, StatusView } from './StatusView.ts';
import type { StatusViewOptions } from './StatusView.ts';
import { DEFAULT_OPTIONS } from './subscription.ts';
import type {
  BrokerAccess,
  Resolution,
  SubscriptionOptions,
  SubscriptionRequest,
  SymbolRoute,
} from './subscription.ts';
import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { SharedUpdate } from '../fanout/frames/SharedEvent.ts';
import type { BookViewSpec } from '../fanout/routing/BookView.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import { Throttle } from '../fanout/routing/Throttle.ts';
import type { FeedState, FeedType, Scope, StreamKey } from '../market/marketData.ts';
import { SHARED } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { OperationAdmission } from '../shared/AdmissionControl.ts';
import type { Asker } from '../shared/FairQueue.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import { randomId } from '../shared/random.ts';

export interface SubscriptionsOptions {
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
  readonly symbolsPerSubscription: number;
  readonly admission: OperationAdmission;
}

/** The longest symbol that is looked up; real ones have some twenty characters. */
const MAX_SYMBOL_LENGTH = 64;
const MAX_DEPTH = 1_000;
const MAX_THROTTLE_MS = 60_000;

/** A subscription to the status of one symbol. */
export interface StatusOpening extends Omit<SubscriptionOpening, 'routes' | 'request'> {
  readonly route: SymbolRoute;
}

/** The one entrance to live market data, for every client protocol. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #statuses = new StatusCache();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Finds the source of each symbol for the client with this access, and which symbols have none. Throws a GatewayError
   * if the request as a whole is wrong. May wait a moment for a venue whose catalog is being loaded.
   * `symbolsPerSubscription` is the client's own limit.
   */
  async resolve(
    request: SubscriptionRequest,
    access: BrokerAccess,
    symbolsPerSubscription = this.#options.symbolsPerSubscription,
  ): Promise<Resolution> {
    checkRequest(request, symbolsPerSubscription);
    this.#options.admission.admitOperation();
    const { broker } = request;
    return this.#options.manager.route({
      broker,
      symbols: [...new Set(request.symbols)],
      types: [...new Set(request.types)],
      access,
    });
  }

  /**
   * Opens a subscription: until it is disposed of, the subscriber gets the events of these symbols, starting with what
   * is known of them. Opening is synchronous, so that nothing is missed between what is known and what is live. If the
   * client gives other credentials meanwhile, the streams of the new account replace those of the former one.
   */
  open(opening: SubscriptionOpening): Disposable {
    const feeds = feedsOf(opening.request);
    return new OpenSubscription({ ...opening, ...this.#options, feeds, statuses: this.#statuses });
  }

  /** A view of statuses for a subscriber of `openStatus`. */
  viewStatus(options: Omit<StatusViewOptions, 'cache'>): StatusView {
    return new StatusView({ ...options, cache: this.#statuses });
  }

  /**
   * Like `open`, but only for the status of one symbol, and without keeping a feed open for it. The subscriber gets the
   * status of all feeds, whoever has them: see `viewStatus`.
   */
  openStatus({ route, ...opening }: StatusOpening): Disposable {
    const { broker, symbol } = route;
    const request = { broker, symbols: [symbol], types: ['status'], options: DEFAULT_OPTIONS } as const;
    return new OpenSubscription({
      ...opening,
      ...this.#options,
      routes: [route],
      request,
      feeds: new Set(),
      statuses: null,
    });
  }
}

/** A status describes the feeds of a symbol, so a subscription to nothing but statuses keeps its ticks open. */
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

/**
 * Throws BAD_REQUEST, naming the argument, if the text can't be a symbol. Such a text is neither looked up nor
 * repeated.
 */
export function checkSymbol(name: string, symbol: string): void {
  if (symbol !== '' && symbol.length <= MAX_SYMBOL_LENGTH) return;
  throw new GatewayError('BAD_REQUEST', `${name}: expected names of 1 to ${MAX_SYMBOL_LENGTH} characters.`);
}

/** Throws BAD_REQUEST with the argument's name, its value and the range that was expected. */
export function checkRange(
  name: string,
  value: number,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw new GatewayError('BAD_REQUEST', `${name}: expected a whole number from ${from} to ${to}, found ${value}.`);
}

/** A subscription that is to be opened. */
export interface SubscriptionOpening {
  /** From `Subscriptions.resolve`. */
  readonly routes: readonly SymbolRoute[];
  readonly request: SubscriptionRequest;
  readonly access: BrokerAccess;
  /** The party that the subscription's work is done for. */
  readonly asker: Asker;
  readonly subscriber: Subscriber;
}

export interface OpenSubscriptionOptions extends SubscriptionOpening {
  /** Feeds that are kept open upstream as long as the subscription lasts. */
  readonly feeds: ReadonlySet<FeedType>;
  /** Null: the subscriber gets the statuses of all feeds, not only of its own. */
  readonly statuses: StatusCache | null;
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
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

/** One client's subscription, from its opening until it is disposed of. */
class OpenSubscription implements Disposable {
  readonly #options: OpenSubscriptionOptions;
  readonly #parts = new Map<string, PartOfBroker>();
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
      this.#join(broker, part);
    }
  }

  #join(broker: string, { symbols, scope, streams }: PartOfBroker): void {
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
    // Deltas of a book mean nothing without its beginning.
    const begins = request.options.snapshot || request.options.book === 'delta';
    if (snapshot !== null && cut.known !== null && begins) streams.receiver.deliver(snapshot);
  }

  #joinStatus(streams: Streams, route: SymbolRoute): void {
    const { statuses: cache, feeds, index, manager, request } = this.#options;
    const key = keyOf(route, 'status', null);
    if (cache === null) {
      streams.owned.use(index.join(key, streams.receiver).membership);
      this.#begin(streams, key);
      return;
    }
    const own = [...feeds].map((type) => ({ type, interval: type === 'candle' ? request.options.interval : null }));
    const viewer = new StatusViewer(new StatusView({ feeds: () => own, assumed: null, cache }), streams.receiver);
    streams.owned.use(index.join(key, viewer).membership);
    const latest = manager.state.latest(key);
    if (latest !== null) viewer.begin(new SharedEvent(key, latest));
  }

  #begin({ receiver }: Streams, key: StreamKey): void {
    const latest = this.#options.manager.state.latest(key);
    if (latest !== null) receiver.deliver(new SharedEvent(key, latest));
  }

  /** Sends a status to this subscription alone, because only this client's credentials have changed. */
  #sendStatus(
    broker: string,
    { symbols }: PartOfBroker,
    status: { readonly state: FeedState; readonly reason: string },
  ): void {
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

/** Passes on what a subscriber sees of the statuses of a symbol. */
class StatusViewer implements Subscriber {
  readonly #view: StatusView;
  readonly #receiver: Subscriber;

  constructor(view: StatusView, receiver: Subscriber) {
    this.#view = view;
    this.#receiver = receiver;
  }

  deliver({ events }: SharedUpdate): void {
    for (const event of events) this.#pass(event, false);
  }

  /** Passes on a status that was known before. */
  begin(event: SharedEvent): void {
    this.#pass(event, true);
  }

  #pass(source: SharedEvent, isBeginning: boolean): void {
    const { gap, state } = this.#view.see(source, isBeginning);
    if (gap !== null) this.#receiver.deliver(gap);
    // A gap has the state too, but not its reason.
    const isSaid = gap !== null && state?.event.type === 'status' && state.event.reason === null;
    if (state !== null && !isSaid) this.#receiver.deliver(state);
  }
}

function viewOf({ depth, book }: SubscriptionOptions): BookViewSpec {
  return { depth, kind: book };
}
