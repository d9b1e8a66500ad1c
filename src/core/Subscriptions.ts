import type { BrokerManager } from './BrokerManager.ts';
import { hasPast } from './NumberedStream.ts';
import { OpenSubscription } from './OpenSubscription.ts';
import { Backfills } from './replay/Backfills.ts';
import { StatusCache, StatusView } from './StatusView.ts';
import type { StatusViewOptions } from './StatusView.ts';
import { DEFAULT_OPTIONS } from './subscription.ts';
import type {
  BrokerAccess,
  Resolution,
  SubscriptionOpening,
  SubscriptionRequest,
  SymbolRoute,
} from './subscription.ts';
import type { SubscriptionIndex } from '../fanout/routing/SubscriptionIndex.ts';
import type { FeedType } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { OperationAdmission } from '../shared/AdmissionControl.ts';

export interface SubscriptionsOptions {
  readonly manager: BrokerManager;
  readonly index: SubscriptionIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly symbolsPerSubscription: number;
  readonly admission: OperationAdmission;
}

/** The longest symbol that is looked up; real ones have some twenty characters. */
const MAX_SYMBOL_LENGTH = 64;
const MAX_DEPTH = 1_000;
const MAX_THROTTLE_MS = 60_000;
const MAX_HISTORY = 1_000;
/** Events of the past that one subscription may ask for. */
const MAX_PAST_EVENTS = 50_000;

/** A subscription to the status of one symbol. */
export interface StatusOpening extends Omit<SubscriptionOpening, 'routes' | 'request'> {
  readonly route: SymbolRoute;
}

/** The one entrance to live market data, for every client protocol. */
export class Subscriptions implements Disposable {
  readonly #options: SubscriptionsOptions;
  readonly #statuses = new StatusCache();
  readonly #backfills: Backfills;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#backfills = new Backfills(options);
  }

  [Symbol.dispose](): void {
    this.#backfills[Symbol.dispose]();
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
  open(opening: SubscriptionOpening): OpenSubscription {
    const feeds = feedsOf(opening.request);
    const { clock, index, manager } = this.#options;
    const backfills = this.#backfills;
    return new OpenSubscription({ ...opening, clock, index, manager, backfills, feeds, statuses: this.#statuses });
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
    const request = { broker, symbols: [symbol], types: ['status'], options: DEFAULT_OPTIONS, resume: null } as const;
    return new OpenSubscription({
      ...opening,
      ...this.#options,
      backfills: this.#backfills,
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
  checkRange('options.history', options.history, { from: 0, to: MAX_HISTORY });
  const past = symbols.length * options.history * types.filter(hasPast).length;
  if (past <= MAX_PAST_EVENTS) return;
  throw new GatewayError(
    'LIMIT_EXCEEDED',
    `options.history: ${past} events of the past were asked for; a subscription may begin with ${MAX_PAST_EVENTS} at most.`,
  );
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
