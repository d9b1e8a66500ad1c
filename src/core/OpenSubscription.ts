import { ownStatus } from './ownStatus.ts';
import { SymbolSubscription } from './SymbolSubscription.ts';
import type { OpenSubscriptionOptions } from './SymbolSubscription.ts';
import { Throttle } from '../fanout/routing/Throttle.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { Cursor } from '../market/cursor.ts';
import type { FeedState, FeedType, Scope, StreamKey } from '../market/marketData.ts';

/** The part of a subscription at one broker: its symbols, and the scope that serves them. */
interface PartOfBroker {
  readonly names: string[];
  scope: Scope | null;
  /** The symbols under this scope, and what their streams share. */
  symbols: SymbolSubscription[];
  owned: DisposableStack;
  /** The symbols of which the outcome of `resume` and history has not been reported yet. */
  readonly unreported: Set<string>;
}

/** One client's subscription, from its opening until it is disposed of. */
export class OpenSubscription implements Disposable {
  readonly #options: OpenSubscriptionOptions;
  readonly #parts = new Map<string, PartOfBroker>();
  readonly #cursors: ReadonlyMap<string, Cursor>;
  readonly #watch: Disposable;

  constructor(options: OpenSubscriptionOptions) {
    this.#options = options;
    const { access, request, routes } = options;
    const wantsPast = request.resume !== null || request.options.history > 0;
    this.#cursors = new Map(request.resume?.map((cursor) => [cursor.stream, cursor]));
    for (const { broker, symbol, scope } of routes) {
      const fresh = { names: [], scope, symbols: [], owned: new DisposableStack(), unreported: new Set<string>() };
      const part: PartOfBroker = this.#parts.get(broker) ?? fresh;
      part.names.push(symbol);
      if (wantsPast) part.unreported.add(symbol);
      this.#parts.set(broker, part);
    }
    for (const [broker, part] of this.#parts) this.#join(broker, part);
    this.#watch = access.watch((broker) => {
      this.#move(broker);
    });
  }

  /** The subscriber is still to be sent what it missed of a feed: the reports of gaps are among it. */
  isReplaying(type: FeedType): boolean {
    return this.#parts.values().some(({ symbols }) => symbols.some((symbol) => symbol.isReplaying(type)));
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    for (const { owned } of this.#parts.values()) owned.dispose();
    this.#parts.clear();
  }

  /** Called when the client's credentials for a broker have changed. */
  #move(broker: string): void {
    const part = this.#parts.get(broker);
    if (part === undefined) return;
    const { access, manager } = this.#options;
    const scope = manager.serving(broker, access)?.scope ?? null;
    if (scope === part.scope) return;
    const former = part.owned;
    part.scope = scope;
    part.owned = new DisposableStack();
    part.symbols = [];
    former.dispose();
    if (scope === null) {
      this.#sendStatus(broker, part, 'closed', 'The credentials were withdrawn.');
    } else {
      this.#sendStatus(broker, part, 'recovering', 'The streams begin anew under other credentials.');
      this.#join(broker, part);
    }
  }

  /** Symbols whose past is still owed are sent it first. */
  #join(broker: string, part: PartOfBroker): void {
    const { names, owned, scope, unreported } = part;
    if (scope === null) return;
    const receiver = this.#receiver(owned);
    for (const symbol of names) {
      const subscription = new SymbolSubscription({
        ...this.#options,
        route: { broker, symbol, scope },
        cursors: this.#cursors,
        receiver,
        isPastOwed: unreported.has(symbol),
        onReported: () => {
          unreported.delete(symbol);
        },
      });
      owned.use(subscription);
      part.symbols.push(subscription);
      subscription.start();
    }
  }

  #receiver(owned: DisposableStack): Subscriber {
    const { clock, manager, request, subscriber } = this.#options;
    const { throttleMs } = request.options;
    if (throttleMs === 0) return subscriber;
    const isCurrent = (key: StreamKey): boolean => manager.state.latest(key) !== null;
    return owned.use(new Throttle({ subscriber, throttleMs, clock, isCurrent }));
  }

  /** Sends a status to this subscription alone, because only this client's credentials have changed. */
  #sendStatus(broker: string, { names }: PartOfBroker, state: FeedState, reason: string): void {
    const { clock, request, subscriber } = this.#options;
    if (!request.types.includes('status')) return;
    for (const symbol of names) subscriber.deliver(ownStatus({ broker, symbol, state, reason }, clock.now()));
  }
}
