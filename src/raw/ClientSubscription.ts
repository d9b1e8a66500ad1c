import type { ConnectedClient } from '../core/ConnectedClient.ts';
import type { OpenSubscription } from '../core/OpenSubscription.ts';
import { ownStatus } from '../core/ownStatus.ts';
import { NOTHING_PAST, SymbolReplay } from '../core/replay/SymbolReplay.ts';
import type { Services } from '../core/Services.ts';
import type { FeedName, StatusView } from '../core/StatusView.ts';
import type { SubscriptionOptions, SymbolRoute } from '../core/subscription.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { SharedEvent, SharedUpdate } from '../fanout/frames/SharedEvent.ts';
import type { FeedReplay, FeedType } from '../market/marketData.ts';
import { assertNever } from '../shared/errors.ts';
import type { SubscribeMessage } from './messages.ts';

/** The subscriptions of one client need this from its connection. */
export interface ClientContext {
  readonly services: Pick<Services, 'subscriptions' | 'metrics' | 'clock'>;
  readonly client: ConnectedClient;
  /** Sends market data to the client. */
  readonly outbox: Subscriber;
}

/** Holds events back until `begin`, so that the answer to the client's message is sent first. */
abstract class DeferredSubscriber implements Subscriber {
  #waiting: SharedUpdate[] | null = [];
  readonly #begun = Promise.withResolvers<void>();

  deliver(update: SharedUpdate): void {
    if (this.#waiting === null) this.pass(update, false);
    else this.#waiting.push(update);
  }

  protected get hasBegun(): boolean {
    return this.#waiting === null;
  }

  /** Passes on the events held back, and every later event as it comes. */
  begin(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const update of waiting) this.pass(update, true);
    this.#begun.resolve();
  }

  /** Resolves when the events are no longer held back; null if they are not. */
  protected get beginning(): Promise<void> | null {
    return this.hasBegun ? null : this.#begun.promise;
  }

  /** `isBeginning` is true for events that were known before the client subscribed. */
  protected abstract pass(update: SharedUpdate, isBeginning: boolean): void;
}

/**
 * One symbol that a client is subscribed to, and the status of its feeds. Without a status the client assumes that they
 * are live.
 */
export class SubscribedSymbol extends DeferredSubscriber implements Disposable {
  readonly broker: string;
  readonly name: string;
  readonly subscriptions = new Map<FeedType, ClientSubscription>();
  readonly #context: ClientContext;
  readonly #membership: Disposable;
  readonly #view: StatusView;

  constructor(route: SymbolRoute, context: ClientContext) {
    super();
    this.broker = route.broker;
    this.name = route.symbol;
    this.#context = context;
    const { client, services } = context;
    const { access, asker } = client;
    this.#view = services.subscriptions.viewStatus({
      feeds: () => [...this.subscriptions.values()].map(({ feed }) => feed),
      assumed: { state: 'live', reason: null },
    });
    this.#membership = services.subscriptions.openStatus({ route, access, asker, subscriber: this });
  }

  [Symbol.dispose](): void {
    this.#membership[Symbol.dispose]();
  }

  /** To be called when other subscriptions have begun or ended: the state of the symbol is that of its feeds. */
  look(): void {
    if (!this.hasBegun) return;
    const state = this.#view.look();
    if (state !== null) this.#context.outbox.deliver(state);
  }

  /** The subscription that the gap is in sends it at its place among what the client missed. */
  #isReplayed({ event }: SharedEvent): boolean {
    const gap = event.type === 'status' ? event.gap : null;
    return gap !== null && this.subscriptions.get(gap.type)?.isReplaying === true;
  }

  protected override pass({ events }: SharedUpdate, isBeginning: boolean): void {
    const { outbox } = this.#context;
    for (const sharedEvent of events) {
      const { gap, state } = this.#view.see(sharedEvent, isBeginning);
      if (gap !== null && !this.#isReplayed(gap)) outbox.deliver(gap);
      if (state !== null) outbox.deliver(state);
    }
  }
}

export interface ClientSubscriptionOptions {
  readonly context: ClientContext;
  /** The account that serves the symbol now. */
  readonly route: SymbolRoute;
  readonly symbol: SubscribedSymbol;
  readonly type: FeedType;
  readonly options: SubscriptionOptions;
  /** The subscription that this one replaces. */
  readonly former: ClientSubscription | undefined;
  readonly resume: SubscribeMessage['resume'];
  /** Brings the past of the symbol's streams together; null if none was asked for. */
  readonly replay: SymbolReplay | null;
}

/** Reports what comes before the live events of a symbol, behind the answer to the client's message. */
export class ReplayReport extends DeferredSubscriber {
  readonly replay: SymbolReplay;
  readonly #outbox: Subscriber;

  constructor({ broker, symbol }: SymbolRoute, streams: number, { outbox, services }: ClientContext) {
    super();
    this.#outbox = outbox;
    const report = (replay: FeedReplay): void => {
      this.deliver(ownStatus({ broker, symbol, state: 'live', replay }, services.clock.now()));
    };
    this.replay = new SymbolReplay({ streams, report });
    // All streams that were asked for are open already.
    if (streams === 0) report(NOTHING_PAST);
  }

  protected override pass(update: SharedUpdate): void {
    this.#outbox.deliver(update);
  }
}

/** A client's subscription to one (broker, symbol, type). Owned by ClientSubscriptions. */
export class ClientSubscription extends DeferredSubscriber implements Disposable {
  readonly type: FeedType;
  readonly options: SubscriptionOptions;
  readonly symbol: SubscribedSymbol;
  readonly feed: FeedName;
  readonly #outbox: Subscriber;
  readonly #membership: OpenSubscription;
  /** Identifies the last event of the replaced subscription, which is not sent again. */
  #formerCursor: string | null = null;
  #lastCursor: string | null = null;

  constructor({ context, route, symbol, type, options, former, resume, replay }: ClientSubscriptionOptions) {
    super();
    this.type = type;
    this.options = options;
    this.symbol = symbol;
    this.feed = { type, interval: type === 'candle' ? options.interval : null };
    this.#outbox = context.outbox;
    const { client, services } = context;
    const { access, asker } = client;
    if (former !== undefined && sameContent(type, former.options, options)) this.#formerCursor = former.#lastCursor;
    this.#membership = services.subscriptions.open({
      routes: [route],
      request: {
        broker: route.broker,
        symbols: [route.symbol],
        types: [type],
        // If a throttle held something back, it is sent even if the client wants no snapshot.
        options: this.#formerCursor === null ? options : { ...options, snapshot: true },
        resume,
      },
      access,
      asker,
      subscriber: this,
      ...(replay === null ? {} : { replayOf: () => replay }),
    });
  }

  [Symbol.dispose](): void {
    this.#membership[Symbol.dispose]();
  }

  /** The client is still to be sent what it missed. */
  get isReplaying(): boolean {
    return this.#membership.isReplaying(this.type);
  }

  room(): Promise<void> | null {
    return this.beginning ?? this.#outbox.room?.() ?? null;
  }

  protected override pass(update: SharedUpdate): void {
    const former = this.#formerCursor;
    this.#formerCursor = null;
    if (update.type === this.type) this.#lastCursor = update.last.event.cursor;
    if (former === null) this.#outbox.deliver(update);
    else
      for (const sharedEvent of update.events)
        if (sharedEvent.event.cursor !== former) this.#outbox.deliver(sharedEvent);
  }
}

/** True if both options ask for the same events, so that nothing has to change. */
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

/**
 * True if an event under one of the options equals the event under the other. Deltas of a book need their own
 * beginning.
 */
function sameContent(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  return sameView(type, a, b) && (type !== 'orderbook' || b.book === 'snapshot');
}

function sameView(type: FeedType, a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  if (type === 'candle') return a.interval === b.interval;
  return type !== 'orderbook' || (a.depth === b.depth && a.book === b.book);
}
