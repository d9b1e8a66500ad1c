import type { Emission } from '../fanout/Emission.ts';
import type { DirectTelling, GraphqlContext } from './context.ts';
import { EventBatches } from './EventBatches.ts';
import { joinLists } from './joinLists.ts';
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
 * Joins a socket to live market data in lists, past the executor: an event is made into text once for all subscriptions of
 * its shape, and each of them puts its own lists together. The rest is as `openShared` has it.
 */
export function openSharedBatches(
  { everyMs, ...opening }: BatchOpening,
  { shapes, outbox, id, take, fail, operation }: DirectTelling & { readonly operation: OperationRequest },
): AsyncIterable<never> {
  const { context } = opening;
  const { clock, metrics } = context.services;
  using owned = new DisposableStack();
  const shape = owned.use(shapes.use(operation, 'list'));
  const source = (onClose: () => void): EventBatches =>
    new EventBatches({ everyMs, budget: context.budget, clock, metrics, onClose });
  const batches = owned.use(openMarketData({ ...opening, source }));
  tell(batches, { shape, outbox, id, context }).catch(fail);
  take(owned.move());
  return NOTHING;
}

/** Until the batches end; a list is not taken before there is room for it. */
async function tell(batches: EventBatches, { shape, outbox, id, context }: Hearer): Promise<void> {
  const start = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  for await (const emissions of batches) {
    if (batches.closed) return;
    for (const emission of emissions) context.meter.told(emission);
    await outbox.send(`${start}${listOf(emissions, shape)}}`);
  }
}

function listOf(emissions: readonly Emission[], { encoder, encodeAll }: ShapeUse): string {
  const each = emissions.flatMap((emission) => emission.frames(encoder).payloads.map(({ text }) => text));
  return joinLists(each) ?? encodeAll(emissions.map(({ event }) => event));
}
