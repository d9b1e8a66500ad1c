import type { BookViewSpec } from '../fanout/BookView.ts';
import { Emission } from '../fanout/Emission.ts';
import type { Subscriber, SubscriptionIndex } from '../fanout/SubscriptionIndex.ts';
import { Throttle } from '../fanout/Throttle.ts';
import type { FeedType } from '../market/marketData.ts';
import type { StreamKey } from '../market/streamKey.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { BrokerManager } from './BrokerManager.ts';
import type { Resolution, SubscriptionOptions, SubscriptionRequest, SymbolRoute } from './subscription.ts';

export interface SubscriptionsOptions {
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
  readonly symbolsPerSubscription: number;
}

/** A symbol may be this long; the longest real ones have some twenty characters. */
const MAX_SYMBOL_LENGTH = 64;
const MAX_DEPTH = 1_000;
const MAX_THROTTLE_MS = 60_000;

/** The one door to live market data, for every client protocol. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Where each symbol would come from, and which can't be had. Throws a GatewayError for what is wrong with the request as
   * a whole. May wait a moment for a venue that is just being asked what it lists.
   */
  async resolve(request: SubscriptionRequest): Promise<Resolution> {
    checkRequest(request, this.#options.symbolsPerSubscription);
    return this.#options.manager.route(request.broker, [...new Set(request.symbols)], [...new Set(request.types)]);
  }

  /**
   * From now on, until disposed of, the subscriber gets the events of these symbols; first of all what is known of them.
   * Synchronous: nothing can slip between what is known and what is live.
   */
  open(routes: readonly SymbolRoute[], request: SubscriptionRequest, subscriber: Subscriber): Disposable {
    const { clock } = this.#options;
    const { throttleMs } = request.options;
    using stack = new DisposableStack();
    const receiver = throttleMs > 0 ? stack.use(new Throttle({ subscriber, throttleMs, clock })) : subscriber;
    for (const route of routes) {
      for (const type of wishedFeeds(request)) this.#openFeed(stack, { route, type, request, receiver });
      if (request.types.includes('status')) this.#openStatus(stack, route, receiver);
    }
    return stack.move();
  }

  #openFeed(
    stack: DisposableStack,
    opening: {
      readonly route: SymbolRoute;
      readonly type: FeedType;
      readonly request: SubscriptionRequest;
      readonly receiver: Subscriber;
    },
  ): void {
    const { manager, index } = this.#options;
    const { route, type, request, receiver } = opening;
    const interval = type === 'candle' ? request.options.interval : null;
    stack.use(manager.want(route, { symbol: route.symbol, type, interval }));
    if (!request.types.includes(type)) return;
    const key = manager.keyOf(route, type, interval);
    if (type === 'orderbook') {
      const cut = { view: viewOf(request.options), known: manager.state.book(key) };
      const { membership, snapshot } = index.join(key, receiver, cut);
      stack.use(membership);
      // A book in deltas means nothing without its beginning.
      const begins = request.options.snapshot || request.options.book === 'delta';
      if (snapshot !== null && cut.known !== null && begins) receiver.deliver(snapshot);
    } else {
      stack.use(index.join(key, receiver).membership);
      if (type !== 'trade' && request.options.snapshot) this.#begin(key, receiver);
    }
  }

  #openStatus(stack: DisposableStack, route: SymbolRoute, receiver: Subscriber): void {
    const key = this.#options.manager.keyOf(route, 'status', null);
    stack.use(this.#options.index.join(key, receiver).membership);
    this.#begin(key, receiver);
  }

  #begin(key: StreamKey, receiver: Subscriber): void {
    const latest = this.#options.manager.state.latest(key);
    if (latest !== null) receiver.deliver(new Emission(key, latest));
  }
}

/** A status says how a symbol's feeds do: who asks for nothing else is told of its ticks. */
function wishedFeeds({ types }: SubscriptionRequest): ReadonlySet<FeedType> {
  const feeds = new Set(types.filter((type): type is FeedType => type !== 'status'));
  return feeds.size === 0 ? new Set(['tick']) : feeds;
}

function viewOf({ depth, book }: SubscriptionOptions): BookViewSpec {
  return { depth, kind: book };
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
  if (symbols.some((symbol) => symbol === '' || symbol.length > MAX_SYMBOL_LENGTH)) {
    throw new GatewayError('BAD_REQUEST', `symbols: expected names of 1 to ${MAX_SYMBOL_LENGTH} characters.`);
  }
  checkRange('options.depth', options.depth, { from: 1, to: MAX_DEPTH });
  checkRange('options.throttleMs', options.throttleMs, { from: 0, to: MAX_THROTTLE_MS });
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
