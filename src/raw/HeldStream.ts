import type { BrokerAccess, SubscriptionOptions, SymbolRoute } from '../core/subscription.ts';
import type { Subscriptions } from '../core/Subscriptions.ts';
import { Emission } from '../fanout/Emission.ts';
import type { Delivery } from '../fanout/Emission.ts';
import type { Subscriber } from '../fanout/Audience.ts';
import type { FeedState, FeedStatus, FeedType } from '../market/marketData.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { assertNever } from '../shared/assertNever.ts';

/** Where a client's market data goes. */
export type Deliver = (delivery: Delivery) => void;

/** One symbol that a client has streams of, and what it was last told of how its feeds do. Until told otherwise: live. */
export class HeldSymbol {
  readonly broker: string;
  readonly name: string;
  readonly streams = new Map<FeedType, HeldStream>();
  readonly #deliver: Deliver;
  #told: FeedState = 'live';
  #seen: WeakSet<FeedStatus> | null = null;

  constructor({ broker, symbol }: Pick<SymbolRoute, 'broker' | 'symbol'>, deliver: Deliver) {
    this.broker = broker;
    this.name = symbol;
    this.#deliver = deliver;
  }

  /** Each of the symbol's streams brings every status: the first to bring it has it told, where it is news. */
  tell(emission: Emission, status: FeedStatus, beginning: boolean): void {
    this.#seen ??= new WeakSet();
    if (this.#seen.has(status)) return;
    this.#seen.add(status);
    const { gap, state } = status;
    // A hole of before the client came is none of its own.
    if (gap && !beginning) this.#deliver(emission);
    if (state === this.#told) return;
    this.#told = state;
    this.#deliver(gap ? new Emission(emission.key, { ...status, gap: false }) : emission);
  }
}

export interface HeldStreamOptions {
  readonly subscriptions: Subscriptions;
  /** What the client may use of the brokers, now and later: the stream moves with it. */
  readonly access: BrokerAccess;
  readonly asker: Asker;
  /** Of the symbol, as it is served now. */
  readonly route: SymbolRoute;
  readonly symbol: HeldSymbol;
  readonly type: FeedType;
  readonly options: SubscriptionOptions;
  /** The stream whose place this one takes. */
  readonly former: HeldStream | undefined;
  readonly deliver: Deliver;
}

/**
 * One (broker, symbol, type) that a client holds. It is opened at once, and keeps what comes until `begin`, so that the
 * answer to the client's message goes out first. Owned by ClientSubscriptions.
 */
export class HeldStream implements Subscriber, Disposable {
  readonly type: FeedType;
  readonly options: SubscriptionOptions;
  readonly symbol: HeldSymbol;
  readonly #deliver: Deliver;
  readonly #membership: Disposable;
  #waiting: Delivery[] | null = [];
  /** The event before the one that comes next, where there was one; of that event a repetition is left out. */
  #previousCursor: string | null = null;
  #lastCursor: string | null = null;

  constructor({ subscriptions, access, asker, ...held }: HeldStreamOptions) {
    const { route, symbol, type, options, former, deliver } = held;
    this.type = type;
    this.options = options;
    this.symbol = symbol;
    this.#deliver = deliver;
    const continued = former !== undefined && sameContent(type, former.options, options) ? former.#lastCursor : null;
    this.#previousCursor = continued;
    this.#membership = subscriptions.open({
      routes: [route],
      request: {
        broker: route.broker,
        symbols: [route.symbol],
        types: [type, 'status'],
        // What a slower rhythm still held back is made up for, whatever the client says of beginnings.
        options: continued === null ? options : { ...options, snapshot: true },
      },
      access,
      asker,
      subscriber: this,
    });
  }

  deliver(delivery: Delivery): void {
    if (this.#waiting === null) this.#pass(delivery, false);
    else this.#waiting.push(delivery);
  }

  /** Lets through what was known at the opening, and everything from now on. */
  begin(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const delivery of waiting) this.#pass(delivery, true);
  }

  [Symbol.dispose](): void {
    this.#membership[Symbol.dispose]();
    this.#waiting = null;
  }

  #pass(delivery: Delivery, beginning: boolean): void {
    if (delivery.type === 'status') {
      for (const emission of delivery.emissions) {
        if (emission.event.type === 'status') this.symbol.tell(emission, emission.event, beginning);
      }
      return;
    }
    const previous = this.#previousCursor;
    this.#previousCursor = null;
    this.#lastCursor = delivery.last.event.cursor;
    if (previous === null) this.#deliver(delivery);
    else for (const emission of delivery.emissions) if (emission.event.cursor !== previous) this.#deliver(emission);
  }
}

/** True where both options ask for the very same stream in the same rhythm: nothing has to change. */
export function sameOptions(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  return type === 'trade' || (sameView(type, a, b) && a.throttleMs === b.throttleMs);
}

/** Those options that mean something for a type. */
export function optionsOf(type: FeedType, options: SubscriptionOptions): Partial<SubscriptionOptions> {
  const { interval, depth, book, throttleMs } = options;
  switch (type) {
    case 'tick':
      return { throttleMs };
    case 'candle':
      return { interval, throttleMs };
    case 'orderbook':
      return { depth, book, throttleMs };
    case 'trade':
      return {};
    default:
      return assertNever(type);
  }
}

/** True where an event under one of the options says the same under the other. Changes of a book need their own beginning. */
function sameContent(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  return sameView(type, a, b) && (type !== 'orderbook' || b.book === 'snapshot');
}

function sameView(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  if (type === 'candle') return a.interval === b.interval;
  return type !== 'orderbook' || (a.depth === b.depth && a.book === b.book);
}
