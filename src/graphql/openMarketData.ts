import type { SubscriptionRequest, SymbolRoute } from '../core/subscription.ts';
import type { Subscriber } from '../fanout/Audience.ts';
import type { Delivery } from '../fanout/Emission.ts';
import type { Outbox, Way } from '../fanout/Outbox.ts';
import type { DirectTelling, GraphqlContext } from './context.ts';
import type { OperationRequest } from './SharedShapes.ts';

export interface MarketDataOpening<Source> {
  readonly context: GraphqlContext;
  readonly routes: readonly SymbolRoute[];
  readonly request: SubscriptionRequest;
  /** Makes what takes the events; it calls `onClose` exactly once, at its end. */
  readonly source: (onClose: () => void) => Source;
}

/**
 * Joins a bounded source of events to live market data. The source owns the interest: when it ends, however it ends,
 * nothing of the subscription is left.
 */
export function openMarketData<Source extends Subscriber & Disposable>(opening: MarketDataOpening<Source>): Source {
  const { context, routes, request } = opening;
  const { metrics, subscriptions } = context.services;
  const interest = new DisposableStack();
  let delivering = false;
  const source = opening.source(() => {
    interest.dispose();
    // A source that ends while it is given something has given up: the client does not read.
    if (delivering) context.onSlowConsumer();
  });
  metrics.subscriptions.inc({ protocol: context.protocol });
  interest.defer(() => {
    metrics.subscriptions.dec({ protocol: context.protocol });
  });
  const subscriber: Subscriber = {
    deliver(delivery) {
      delivering = true;
      source.deliver(delivery);
      delivering = false;
    },
  };
  try {
    const { asker, session } = context.client;
    const joined = subscriptions.open({ routes, request, access: session, asker, subscriber });
    if (interest.disposed) joined[Symbol.dispose]();
    else interest.use(joined);
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
  return source;
}

/** A subscription whose events go straight to its client's socket. */
class SharedSubscriber implements Subscriber {
  readonly #outbox: Outbox;
  readonly #way: Way;

  constructor(outbox: Outbox, way: Way) {
    this.#outbox = outbox;
    this.#way = way;
  }

  deliver(delivery: Delivery): void {
    this.#outbox.deliver(delivery, this.#way);
  }
}

/**
 * Joins a socket to live market data past the executor: every event is told in bytes that all subscriptions of its shape
 * share. It is handed to whoever owns the operation; disposed of, nothing of it is left, and nothing more of it is told.
 */
export function openShared(
  { routes, request, context }: Omit<MarketDataOpening<never>, 'source'>,
  { shapes, outbox, id, take, operation }: DirectTelling & { readonly operation: OperationRequest },
): AsyncIterable<never> {
  const { services, client, protocol } = context;
  using opening = new DisposableStack();
  const { encoder } = opening.use(shapes.use({ ...operation, telling: 'single', types: request.types }));
  const way: Way = { encoder, id: Buffer.from(JSON.stringify(id)) };
  services.metrics.subscriptions.inc({ protocol });
  opening.defer(() => {
    services.metrics.subscriptions.dec({ protocol });
  });
  opening.use(outbox.open(way));
  const subscriber = new SharedSubscriber(outbox, way);
  opening.use(
    services.subscriptions.open({ routes, request, access: client.session, asker: client.asker, subscriber }),
  );
  take(opening.move());
  return NOTHING;
}

/** What the executor gets in place of results: nobody ever looks at them. */
export const NOTHING: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};
