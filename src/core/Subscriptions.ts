import type { SubscriptionIndex } from '../fanout/SubscriptionIndex.ts';
import type { FeedType } from '../market/marketData.ts';
import type { HeapWatch } from '../shared/processLimits.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { BrokerManager } from './BrokerManager.ts';
import { OpenSubscription } from './OpenSubscription.ts';
import type { SubscriptionOpening } from './OpenSubscription.ts';
import { DEFAULT_OPTIONS } from './subscription.ts';
import type { BrokerAccess, Resolution, SubscriptionRequest, SymbolRoute } from './subscription.ts';

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
