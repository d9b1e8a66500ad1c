import type { ConnectedClient } from '../core/ConnectedClient.ts';
import type { Services } from '../core/Services.ts';
import type { SubscriptionOptions, SymbolRoute } from '../core/subscription.ts';
import type { Subscriber } from '../fanout/routing/SubscriberGroup.ts';
import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { SharedUpdate } from '../fanout/frames/SharedEvent.ts';
import type { FeedState, FeedType } from '../market/marketData.ts';
import { assertNever } from '../shared/assertNever.ts';

/** What subscriptions of one client need of its connection. */
export interface ClientContext {
  readonly services: Pick<Services, 'subscriptions' | 'metrics'>;
  readonly client: ConnectedClient;
  /** Where the client's market data goes. */
  readonly deliver: (update: SharedUpdate) => void;
}

/** Keeps what comes until `begin`, so that the answer to the client's message goes out first. */
abstract class DeferredSubscriber implements Subscriber {
  #waiting: SharedUpdate[] | null = [];

  deliver(update: SharedUpdate): void {
    if (this.#waiting === null) this.pass(update, false);
    else this.#waiting.push(update);
  }

  /** Passes what was known at the opening, and everything from now on. */
  begin(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const update of waiting) this.pass(update, true);
  }

  /** `isBeginning`: it was known before the client subscribed. */
  protected abstract pass(update: SharedUpdate, isBeginning: boolean): void;
}

/** One symbol that a client is subscribed to, with the status of its feeds: until the client hears otherwise they are live. */
export class SubscribedSymbol extends DeferredSubscriber implements Disposable {
  readonly broker: string;
  readonly name: string;
  readonly subscriptions = new Map<FeedType, ClientSubscription>();
  readonly #context: ClientContext;
  readonly #membership: Disposable;
  #state: FeedState = 'live';

  constructor(route: SymbolRoute, context: ClientContext) {
    super();
    this.broker = route.broker;
    this.name = route.symbol;
    this.#context = context;
    const { client, services } = context;
    const { access, asker } = client;
    this.#membership = services.subscriptions.openStatus({ route, access, asker, subscriber: this });
  }

  [Symbol.dispose](): void {
    this.#membership[Symbol.dispose]();
  }

  protected override pass({ events }: SharedUpdate, isBeginning: boolean): void {
    for (const sharedEvent of events) this.#pass(sharedEvent, isBeginning);
  }

  #pass(sharedEvent: SharedEvent, isBeginning: boolean): void {
    const { event, key } = sharedEvent;
    if (event.type !== 'status') return;
    const { deliver } = this.#context;
    // A gap from before the client subscribed is none of its own.
    if (event.gap && !isBeginning) deliver(sharedEvent);
    if (event.state === this.#state) return;
    this.#state = event.state;
    deliver(event.gap ? new SharedEvent(key, { ...event, gap: false }) : sharedEvent);
  }
}

export interface ClientSubscriptionOptions {
  readonly context: ClientContext;
  /** Which account serves the symbol now. */
  readonly route: SymbolRoute;
  readonly symbol: SubscribedSymbol;
  readonly type: FeedType;
  readonly options: SubscriptionOptions;
  /** The subscription that this one replaces. */
  readonly former: ClientSubscription | undefined;
}

/** One (broker, symbol, type) that a client is subscribed to. Owned by ClientSubscriptions. */
export class ClientSubscription extends DeferredSubscriber implements Disposable {
  readonly type: FeedType;
  readonly options: SubscriptionOptions;
  readonly symbol: SubscribedSymbol;
  readonly #deliver: ClientContext['deliver'];
  readonly #membership: Disposable;
  /** The last event of the subscription that this one replaces; it is not sent again. */
  #formerCursor: string | null = null;
  #lastCursor: string | null = null;

  constructor({ context, route, symbol, type, options, former }: ClientSubscriptionOptions) {
    super();
    this.type = type;
    this.options = options;
    this.symbol = symbol;
    this.#deliver = context.deliver;
    const { client, services } = context;
    const { access, asker } = client;
    if (former !== undefined && sameContent(type, former.options, options)) this.#formerCursor = former.#lastCursor;
    this.#membership = services.subscriptions.open({
      routes: [route],
      request: {
        broker: route.broker,
        symbols: [route.symbol],
        types: [type],
        // If a slower rhythm held something back, it is sent whatever the client says about snapshots.
        options: this.#formerCursor === null ? options : { ...options, snapshot: true },
      },
      access,
      asker,
      subscriber: this,
    });
  }

  [Symbol.dispose](): void {
    this.#membership[Symbol.dispose]();
  }

  protected override pass(update: SharedUpdate): void {
    const former = this.#formerCursor;
    this.#formerCursor = null;
    this.#lastCursor = update.last.event.cursor;
    if (former === null) this.#deliver(update);
    else for (const sharedEvent of update.events) if (sharedEvent.event.cursor !== former) this.#deliver(sharedEvent);
  }
}

/** True if both options ask for the same stream in the same rhythm, so that nothing has to change. */
export function sameOptions(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  return type === 'trade' || (sameView(type, a, b) && a.throttleMs === b.throttleMs);
}

/** The options that mean something for a type. */
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

/** True if an event under one of the options says the same under the other. Changes of a book need their own beginning. */
function sameContent(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  return sameView(type, a, b) && (type !== 'orderbook' || b.book === 'snapshot');
}

function sameView(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  if (type === 'candle') return a.interval === b.interval;
  return type !== 'orderbook' || (a.depth === b.depth && a.book === b.book);
}
