import type { Limits } from '../core/Limits.ts';
import type { Services } from '../core/Services.ts';
import type { BrokerAccess, SubscriptionRequest, SymbolRoute } from '../core/subscription.ts';
import type { FeedType } from '../market/marketData.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { GatewayError } from '../shared/errors.ts';
import { HeldStream, HeldSymbol, optionsOf, sameOptions } from './HeldStream.ts';
import type { Deliver } from './HeldStream.ts';
import type { HeldStreams, SubscribeMessage, UnsubscribeMessage } from './messages.ts';

export interface ClientSubscriptionsOptions {
  readonly services: Pick<Services, 'subscriptions' | 'metrics'>;
  readonly access: BrokerAccess;
  /** Whose connection it is, just now. */
  readonly asker: Asker;
  /** Read at each use: it may change while the client is connected. */
  readonly limits: Pick<Limits, 'subscriptionsPerConnection'>;
  readonly deliver: Deliver;
}

/** What one `subscribe` brought and is still held: a subscription in the sense of `limits.subscriptionsPerConnection`. */
type Group = Set<HeldStream>;

/** A stream that was held. */
export interface ReleasedStream {
  readonly broker: string;
  readonly symbol: string;
  readonly type: FeedType;
}

/** One stream of a request: the one that is there already, if any, and the symbol it belongs to. */
interface Place {
  readonly route: SymbolRoute;
  readonly symbol: HeldSymbol;
  readonly type: FeedType;
  readonly former: HeldStream | undefined;
}

/**
 * What one client is subscribed to: at most one stream for each (broker, symbol, type), whatever it asked for and how
 * often. Owned by its ClientConnection, which disposes of it when the client leaves.
 */
export class ClientSubscriptions implements Disposable {
  readonly #options: ClientSubscriptionsOptions;
  /** By broker, then by symbol. */
  readonly #symbols = new Map<string, Map<string, HeldSymbol>>();
  readonly #groups = new Map<HeldStream, Group>();
  #groupCount = 0;

  constructor(options: ClientSubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Takes the streams up; those that are held already under the same options go on untouched, those under others give way.
   * What they begin with comes when `begin` is called on the result. Throws LIMIT_EXCEEDED, and whatever opening throws;
   * then nothing has changed.
   */
  hold(routes: readonly SymbolRoute[], { types, options }: SubscribeMessage): { begin(): void } {
    const places = routes.flatMap((route) => this.#places(route, types));
    this.#checkRoom(places);
    const { subscriptions } = this.#options.services;
    const { access, asker, deliver } = this.#options;
    const opened = new Map<Place, HeldStream>();
    using undo = new DisposableStack();
    for (const place of places) {
      const { route, symbol, type, former } = place;
      if (former !== undefined && sameOptions(type, former.options, options)) continue;
      const stream = new HeldStream({ subscriptions, access, asker, route, symbol, type, options, former, deliver });
      opened.set(place, undo.use(stream));
    }
    undo.move();
    const group: Group = new Set();
    for (const place of places) this.#take(place, opened.get(place) ?? place.former, group);
    this.#count(1);
    return {
      begin: () => {
        for (const stream of opened.values()) stream.begin();
      },
    };
  }

  /** Gives up what the selection names, where it is held; what was is returned. */
  release({ broker, symbols, types }: Omit<UnsubscribeMessage, 'action'>): readonly ReleasedStream[] {
    const released: ReleasedStream[] = [];
    const wanted = symbols === null ? null : new Set(symbols);
    for (const held of this.#held()) {
      if (broker !== null && held.broker !== broker) continue;
      if (wanted !== null && !wanted.has(held.name)) continue;
      for (const type of types ?? [...held.streams.keys()]) {
        if (this.#drop(held, type)) released.push({ broker: held.broker, symbol: held.name, type });
      }
    }
    return released;
  }

  /** All that is held, what is alike gathered. */
  list(): readonly HeldStreams[] {
    const gathered = new Map<string, HeldStreams & { readonly symbols: string[] }>();
    for (const { broker, name: symbol, streams } of this.#held()) {
      for (const stream of streams.values()) {
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

  #places(route: SymbolRoute, types: SubscriptionRequest['types']): readonly Place[] {
    const symbol = this.#symbols.get(route.broker)?.get(route.symbol) ?? new HeldSymbol(route, this.#options.deliver);
    return types
      .filter((type) => type !== 'status')
      .map((type) => ({ route, symbol, type, former: symbol.streams.get(type) }));
  }

  /** A subscription that the new one takes over whole makes room for it. */
  #checkRoom(places: readonly Place[]): void {
    const limit = this.#options.limits.subscriptionsPerConnection;
    const left = new Map<Group, number>();
    let vacated = 0;
    for (const { former } of places) {
      const group = former === undefined ? undefined : this.#groups.get(former);
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

  /** Puts the stream in its place, and what was there before away. */
  #take({ symbol, former }: Place, stream: HeldStream | undefined, group: Group): void {
    if (stream === undefined) return;
    if (former !== undefined) this.#leaveGroup(former);
    if (former !== stream) former?.[Symbol.dispose]();
    const { broker, name } = symbol;
    const ofBroker = this.#symbols.get(broker) ?? new Map<string, HeldSymbol>();
    this.#symbols.set(broker, ofBroker);
    ofBroker.set(name, symbol);
    symbol.streams.set(stream.type, stream);
    group.add(stream);
    this.#groups.set(stream, group);
  }

  #drop(symbol: HeldSymbol, type: FeedType): boolean {
    const stream = symbol.streams.get(type);
    if (stream === undefined) return false;
    stream[Symbol.dispose]();
    this.#leaveGroup(stream);
    symbol.streams.delete(type);
    if (symbol.streams.size > 0) return true;
    const { broker, name } = symbol;
    const ofBroker = this.#symbols.get(broker);
    ofBroker?.delete(name);
    if (ofBroker?.size === 0) this.#symbols.delete(broker);
    return true;
  }

  #leaveGroup(stream: HeldStream): void {
    const group = this.#groups.get(stream);
    if (group === undefined) return;
    this.#groups.delete(stream);
    group.delete(stream);
    if (group.size === 0) this.#count(-1);
  }

  #count(change: 1 | -1): void {
    this.#groupCount += change;
    this.#options.services.metrics.subscriptions.inc({ protocol: 'raw' }, change);
  }

  /** A copy, so that what is visited may go. */
  #held(): readonly HeldSymbol[] {
    return [...this.#symbols.values()].flatMap((ofBroker) => [...ofBroker.values()]);
  }
}
