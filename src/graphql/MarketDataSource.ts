import type { SubscriptionRequest, SymbolRoute } from '../core/subscription.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import { MarketDataQueue } from '../fanout/client/EventQueue.ts';
import type { Outbox } from '../fanout/client/Outbox.ts';
import type { OperationTarget } from '../fanout/client/outboxOptions.ts';
import type { Cursor } from '../market/cursor.ts';
import type { GraphqlContext } from './context.ts';
import { EventBatches } from './EventBatches.ts';
import type { EventBatchesOptions } from './EventBatches.ts';
import type { SharedShapes } from './shapes/SharedShapes.ts';

export interface MarketDataSourceOptions {
  readonly context: Pick<GraphqlContext, 'services' | 'client' | 'protocol' | 'budget' | 'operation'>;
  readonly routes: readonly SymbolRoute[];
  readonly request: SubscriptionRequest;
  /** One list of events each so many milliseconds. Null: each event by itself. */
  readonly everyMs: number | null;
}

/** The place to which the market data of one operation is pushed. */
export interface PushDestination {
  readonly shapes: SharedShapes;
  readonly outbox: Outbox;
  /** The operation's id as JSON, with its quotes. Null: the connection has one operation, and its frames have no id. */
  readonly id: Buffer | null;
  /** Called if the subscription ends because of a fault of ours. */
  readonly onError: (error: unknown) => void;
}

/**
 * The market data of one subscription, which opens when somebody takes it. Either it is pushed to a connection's
 * outbox, in frames that all subscriptions of the same shape share, or an executor that knows nothing of outboxes pulls
 * it. Whoever opens it owns it: when it is disposed of, nothing of the subscription is left.
 */
export class MarketDataSource implements AsyncIterable<SharedEvent | readonly SharedEvent[], undefined> {
  readonly #options: MarketDataSourceOptions;

  constructor(options: MarketDataSourceOptions) {
    this.#options = options;
  }

  /** The cursors that the client goes on from. */
  get resumed(): readonly Cursor[] {
    return this.#options.request.resume ?? [];
  }

  /** Writes every event to the outbox until disposed of. Throws what opening the subscription throws. */
  pushTo({ shapes, outbox, id, onError }: PushDestination): Disposable {
    const { context, everyMs, request } = this.#options;
    using opening = new DisposableStack();
    const yields = everyMs === null ? 'single' : 'list';
    const shape = opening.use(shapes.use({ ...context.operation, yields, types: request.types }));
    const target: OperationTarget = { encoder: shape.encoder, id };
    const subscriber = opening.use(outbox.open(target));
    if (everyMs === null) {
      opening.use(this.#join(subscriber));
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
    const gathering: Subscriber = {
      deliver(update) {
        lists.deliver(update);
        if (lists.closed) outbox.closeSlow(target);
      },
      room: () => lists.room(),
    };
    opening.use(this.#join(gathering));
    return opening.move();
  }

  /**
   * Opens the subscription as a bounded queue: a consumer that is too slow loses what may be conflated, and then gets
   * SLOW_CONSUMER.
   */
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
    // The first events may already have been too much for the budget.
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
