import type { SymbolRoute } from '../core/subscription.ts';
import type { FeedType } from '../market/marketData.ts';
import { GatewayError } from '../shared/errors.ts';
import { ClientSubscription, optionsOf, ReplayReport, sameOptions, SubscribedSymbol } from './ClientSubscription.ts';
import type { ClientContext } from './ClientSubscription.ts';
import type { SubscribeMessage, SubscriptionListing, UnsubscribeMessage } from './messages.ts';

/** The open subscriptions that came with one `subscribe`; they count as one for `limits.subscriptionsPerConnection`. */
type Group = Set<ClientSubscription>;

/** A stream that the client is no longer subscribed to. */
export interface EndedSubscription {
  readonly broker: string;
  readonly symbol: string;
  readonly type: FeedType;
}

/** One stream of a request: its symbol, and the subscription that it replaces, if any. */
interface Place {
  readonly route: SymbolRoute;
  readonly symbol: SubscribedSymbol;
  readonly type: FeedType;
  readonly former: ClientSubscription | undefined;
}

/**
 * The subscriptions of one client: at most one for each (broker, symbol, type), however often it subscribes. Owned by
 * the connection, which disposes of it when the client leaves.
 */
export class ClientSubscriptions implements Disposable {
  readonly #context: ClientContext;
  /** By broker and symbol. */
  readonly #symbols = new Map<string, Map<string, SubscribedSymbol>>();
  readonly #groups = new Map<ClientSubscription, Group>();
  #groupCount = 0;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /**
   * Opens the streams. A stream that is open under the same options continues untouched, one under other options is
   * replaced. Events are held back until `begin` is called on the result. Throws LIMIT_EXCEEDED and whatever opening
   * throws; then nothing has changed.
   */
  open(routes: readonly SymbolRoute[], { types, options, resume }: SubscribeMessage): { begin(): void } {
    this.#checkRoom(routes, types);
    const context = this.#context;
    const wantsPast = resume !== null || options.history > 0;
    const begun: { begin(): void }[] = [];
    const opened = new Map<Place, ClientSubscription>();
    using undo = new DisposableStack();
    const places: Place[] = [];
    for (const route of routes) {
      const known = this.#symbols.get(route.broker)?.get(route.symbol);
      const symbol = known ?? undo.use(new SubscribedSymbol(route, context));
      const wanted = types.map((type) => ({ route, symbol, type, former: symbol.subscriptions.get(type) }));
      places.push(...wanted);
      const fresh = wanted.filter(
        ({ type, former }) => former === undefined || !sameOptions(type, former.options, options),
      );
      const report = wantsPast ? new ReplayReport(route, fresh.length, context) : null;
      if (report !== null) begun.push(report);
      for (const place of fresh) {
        const rest = { options, resume, replay: report?.replay ?? null };
        const subscription = undo.use(new ClientSubscription({ context, ...rest, ...place }));
        opened.set(place, subscription);
        begun.push(subscription);
      }
      if (known === undefined) begun.push(symbol);
    }
    undo.move();
    const group: Group = new Set();
    for (const place of places) this.#take(place, opened.get(place) ?? place.former, group);
    this.#count(1);
    return {
      begin: () => {
        for (const each of begun) each.begin();
        for (const symbol of new Set(places.map((place) => place.symbol))) symbol.look();
      },
    };
  }

  /** Ends the subscriptions that the selection names, and returns them. */
  release({ broker, symbols, types }: Omit<UnsubscribeMessage, 'action'>): readonly EndedSubscription[] {
    const released: EndedSubscription[] = [];
    const wanted = symbols === null ? null : new Set(symbols);
    for (const held of this.#held()) {
      if (broker !== null && held.broker !== broker) continue;
      if (wanted !== null && !wanted.has(held.name)) continue;
      for (const type of types ?? [...held.subscriptions.keys()]) {
        if (this.#drop(held, type)) released.push({ broker: held.broker, symbol: held.name, type });
      }
    }
    return released;
  }

  /** All subscriptions, with those of the same broker, type and options joined. */
  list(): readonly SubscriptionListing[] {
    const gathered = new Map<string, SubscriptionListing & { readonly symbols: string[] }>();
    for (const { broker, name: symbol, subscriptions } of this.#held()) {
      for (const stream of subscriptions.values()) {
        const options = optionsOf(stream.type, stream.options);
        const kind = JSON.stringify([broker, stream.type, options]);
        const alike = gathered.get(kind) ?? { broker, type: stream.type, symbols: [], options };
        alike.symbols.push(symbol);
        gathered.set(kind, alike);
      }
    }
    return [...gathered.values()];
  }

  [Symbol.dispose](): void {
    this.release({ broker: null, symbols: null, types: null });
  }

  /** A former subscription that the new one replaces completely makes room for it. */
  #checkRoom(routes: readonly SymbolRoute[], types: readonly FeedType[]): void {
    const limit = this.#context.client.limits.subscriptionsPerConnection;
    const left = new Map<Group, number>();
    let vacated = 0;
    for (const former of routes.flatMap((route) => this.#open(route, types))) {
      const group = this.#groups.get(former);
      if (group === undefined) continue;
      const remaining = (left.get(group) ?? group.size) - 1;
      left.set(group, remaining);
      if (remaining === 0) vacated += 1;
    }
    if (this.#groupCount - vacated + 1 <= limit) return;
    throw new GatewayError(
      'LIMIT_EXCEEDED',
      `This connection has ${this.#groupCount} subscriptions, and may have ${limit} at most; unsubscribe from some first.`,
    );
  }

  #open({ broker, symbol }: SymbolRoute, types: readonly FeedType[]): readonly ClientSubscription[] {
    const subscriptions = this.#symbols.get(broker)?.get(symbol)?.subscriptions;
    return types.flatMap((type) => subscriptions?.get(type) ?? []);
  }

  /** Puts the subscription in its place, and disposes of the one that was there. */
  #take({ symbol, former }: Place, stream: ClientSubscription | undefined, group: Group): void {
    if (stream === undefined) return;
    if (former !== undefined) this.#leaveGroup(former);
    if (former !== stream) former?.[Symbol.dispose]();
    const { broker, name } = symbol;
    const ofBroker = this.#symbols.get(broker) ?? new Map<string, SubscribedSymbol>();
    this.#symbols.set(broker, ofBroker);
    ofBroker.set(name, symbol);
    symbol.subscriptions.set(stream.type, stream);
    group.add(stream);
    this.#groups.set(stream, group);
  }

  #drop(symbol: SubscribedSymbol, type: FeedType): boolean {
    const stream = symbol.subscriptions.get(type);
    if (stream === undefined) return false;
    stream[Symbol.dispose]();
    this.#leaveGroup(stream);
    symbol.subscriptions.delete(type);
    if (symbol.subscriptions.size > 0) {
      symbol.look();
      return true;
    }
    const { broker, name } = symbol;
    const ofBroker = this.#symbols.get(broker);
    ofBroker?.delete(name);
    if (ofBroker?.size === 0) this.#symbols.delete(broker);
    return true;
  }

  #leaveGroup(stream: ClientSubscription): void {
    const group = this.#groups.get(stream);
    if (group === undefined) return;
    this.#groups.delete(stream);
    group.delete(stream);
    if (group.size === 0) this.#count(-1);
  }

  #count(change: 1 | -1): void {
    this.#groupCount += change;
    this.#context.services.metrics.subscriptions.inc({ protocol: 'raw' }, change);
  }

  /** Returns a copy, so that the caller may remove entries. */
  #held(): readonly SubscribedSymbol[] {
    return [...this.#symbols.values()].flatMap((ofBroker) => [...ofBroker.values()]);
  }
}
