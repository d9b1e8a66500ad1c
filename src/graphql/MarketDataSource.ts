import type { SubscriptionRequest, SymbolRoute } from '../core/subscription.ts';
import type { Subscriber } from '../fanout/routing/SubscriberGroup.ts';
import type { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import { MarketDataQueue } from '../fanout/client/EventQueue.ts';
import type { Outbox, OperationTarget } from '../fanout/client/Outbox.ts';
import type { GraphqlContext } from './context.ts';
import { EventBatches } from './EventBatches.ts';
import type { EventBatchesOptions } from './EventBatches.ts';
import type { SharedShapes } from './shapes/SharedShapes.ts';

export interface MarketDataSourceOptions {
  readonly context: Pick<GraphqlContext, 'services' | 'client' | 'protocol' | 'budget' | 'operation'>;
  readonly routes: readonly SymbolRoute[];
  readonly request: SubscriptionRequest;
  /** Events are gathered into lists, one each so many milliseconds. Null: each event by itself. */
  readonly everyMs: number | null;
}

/** One operation of a connection, as a place to which market data is pushed. */
export interface PushDestination {
  readonly shapes: SharedShapes;
  readonly outbox: Outbox;
  /** The operation's id as JSON, with its quotes. Null: the connection has one operation, and its frames have no id. */
  readonly id: Buffer | null;
  /** Called when the subscription ends by a fault of ours. */
  readonly onError: (error: unknown) => void;
}

/**
 * The market data of one subscription, not opened yet. It is either pushed to the outbox of a connection, in frames that all
 * subscriptions of the same shape share, or pulled by an executor that knows nothing of outboxes. Whichever opens it owns what
 * it opened: when that ends, nothing of the subscription is left.
 */
export class MarketDataSource implements AsyncIterable<SharedEvent | readonly SharedEvent[], undefined> {
  readonly #options: MarketDataSourceOptions;

  constructor(options: MarketDataSourceOptions) {
    this.#options = options;
  }

  /** Writes every event to the outbox from now on, until disposed of. Rejects nothing and throws what opening throws. */
  pushTo({ shapes, outbox, id, onError }: PushDestination): Disposable {
    const { context, everyMs, request } = this.#options;
    using opening = new DisposableStack();
    const telling = everyMs === null ? 'single' : 'list';
    const shape = opening.use(shapes.use({ ...context.operation, telling, types: request.types }));
    const target: OperationTarget = { encoder: shape.encoder, id };
    opening.use(outbox.open(target));
    if (everyMs === null) {
      opening.use(
        this.#join({
          deliver: (update) => {
            outbox.deliver(update, target);
          },
        }),
      );
      return opening.move();
    }
    const lists = opening.use(this.#lists(everyMs, { encoder: shape.encoder, onClose: () => undefined }));
    const write = async (): Promise<void> => {
      for await (const events of lists) {
        if (lists.closed) return;
        await outbox.sendEvents(events, shape.list(events), id);
      }
    };
    write().catch(onError);
    const subscriber: Subscriber = {
      deliver(update) {
        lists.deliver(update);
        if (lists.closed) outbox.closeSlow(target);
      },
    };
    opening.use(this.#join(subscriber));
    return opening.move();
  }

  /** A bounded queue: whoever does not read in time loses what may be conflated, and then gets SLOW_CONSUMER. */
  [Symbol.asyncIterator](): AsyncIterator<SharedEvent | readonly SharedEvent[], undefined> {
    const { context, everyMs } = this.#options;
    const { budget, services } = context;
    const interest = new DisposableStack();
    const onClose = (): void => {
      interest.dispose();
    };
    const queue =
      everyMs === null
        ? new MarketDataQueue({ budget, metrics: services.metrics, onClose })
        : this.#lists(everyMs, { encoder: null, onClose });
    const joined = this.#join(queue);
    // What the subscription began with may have been too much already.
    if (interest.disposed) joined[Symbol.dispose]();
    else interest.use(joined);
    return queue[Symbol.asyncIterator]();
  }

  #lists(everyMs: number, rest: Pick<EventBatchesOptions, 'encoder' | 'onClose'>): EventBatches {
    const { budget, services } = this.#options.context;
    const { clock, metrics } = services;
    return new EventBatches({ everyMs, budget, clock, metrics, ...rest });
  }

  #join(subscriber: Subscriber): Disposable {
    const { context, routes, request } = this.#options;
    const { client, protocol, services } = context;
    using interest = new DisposableStack();
    services.metrics.subscriptions.inc({ protocol });
    interest.defer(() => {
      services.metrics.subscriptions.dec({ protocol });
    });
    const { access, asker } = client;
    interest.use(services.subscriptions.open({ routes, request, access, asker, subscriber }));
    return interest.move();
  }
}
