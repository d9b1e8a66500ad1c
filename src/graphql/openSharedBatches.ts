import type { DirectTelling, GraphqlContext } from './context.ts';
import { EventBatches } from './EventBatches.ts';
import { NOTHING, openMarketData } from './openMarketData.ts';
import type { MarketDataOpening } from './openMarketData.ts';
import type { OperationRequest, ShapeUse } from './SharedShapes.ts';

interface Hearer extends Pick<DirectTelling, 'outbox' | 'id'> {
  readonly shape: ShapeUse;
  readonly context: GraphqlContext;
}

export interface BatchOpening extends Omit<MarketDataOpening<never>, 'source'> {
  readonly everyMs: number;
}

/**
 * Joins a socket to live market data in lists, past the executor: an event, and a list that several are told at once, is made
 * into text once for all subscriptions of its shape. The rest is as `openShared` has it.
 */
export function openSharedBatches(
  { everyMs, ...opening }: BatchOpening,
  { shapes, outbox, id, take, fail, operation }: DirectTelling & { readonly operation: OperationRequest },
): AsyncIterable<never> {
  const { context } = opening;
  const { clock, metrics } = context.services;
  using owned = new DisposableStack();
  const shape = owned.use(shapes.use({ ...operation, telling: 'list', types: opening.request.types }));
  const source = (onClose: () => void): EventBatches =>
    new EventBatches({ everyMs, budget: context.budget, clock, metrics, encoder: shape.encoder, onClose });
  const batches = owned.use(openMarketData({ ...opening, source }));
  tell(batches, { shape, outbox, id, context }).catch(fail);
  take(owned.move());
  return NOTHING;
}

/** Until the batches end; a list is not taken before there is room for it. */
async function tell(batches: EventBatches, { shape, outbox, id, context }: Hearer): Promise<void> {
  const idBytes = Buffer.from(JSON.stringify(id));
  for await (const emissions of batches) {
    if (batches.closed) return;
    for (const emission of emissions) context.meter.told(emission);
    await outbox.sendFrames(shape.list(emissions), idBytes);
  }
}
