import { cursorOf } from '../../core/Queries.ts';
import type { SymbolQuery } from '../../core/Queries.ts';
import { checkRange } from '../../core/Subscriptions.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { GraphqlContext } from '../context.ts';
import type { InstrumentConnectionResolvers, QueryResolvers } from '../generated.ts';
import { inSlices, turnOf } from '../slices.ts';

const MAX_PAGE = 1_000;

/** Resolves the fields of `Query`. Lists are resolved in slices, so that other clients get their turn in between. */
export const query: QueryResolvers = {
  brokers: (_root, _args, { services, client }) => services.manager.brokers(client.access),

  broker: (_root, { id }, { services, client }) => services.manager.broker(id, client.access) ?? null,

  async instruments(_root, { broker, search = null, first, after = null }, context) {
    const { services, client } = context;
    checkRange('first', first, { from: 1, to: MAX_PAGE });
    await turnOf(context);
    const page = await services.queries.instruments({ broker, access: client.access, search, first, after });
    const edges = page.instruments.map((instrument) => ({
      cursor: cursorOf(instrument.symbol),
      node: { ...instrument, broker },
    }));
    return {
      edges,
      pageInfo: {
        hasNextPage: page.hasNextPage,
        hasPreviousPage: page.hasPreviousPage,
        startCursor: edges.at(0)?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      },
      totalCount: page.totalCount,
    };
  },

  async tick(_root, { broker, symbol }, context) {
    await turnOf(context);
    return context.services.queries.tick({ broker, symbol, ...requesterOf(context) });
  },

  async orderBook(_root, { broker, symbol, depth }, context) {
    await turnOf(context);
    return context.services.queries.orderBook({ broker, symbol, ...requesterOf(context) }, depth);
  },

  async candles(_root, { broker, symbol, interval, from = null, to = null, limit }, context) {
    const span = { fromMs: epochMs(from), toMs: epochMs(to), limit };
    await turnOf(context);
    const candles = await context.services.queries.candles({
      broker,
      symbol,
      interval,
      ...requesterOf(context),
      ...span,
    });
    await turnOf(context);
    return inSlices(candles, () => turnOf(context));
  },

  async trades(_root, { broker, symbol, limit }, context) {
    await turnOf(context);
    const trades = await context.services.queries.trades({ broker, symbol, ...requesterOf(context) }, limit);
    await turnOf(context);
    return inSlices(trades, () => turnOf(context));
  },
};

/** Resolves the connection that `Query.instruments` returns. */
export const instrumentConnection: InstrumentConnectionResolvers = {
  edges: ({ edges }, _args, context) => inSlices(edges, () => turnOf(context)),
};

function requesterOf({ client }: GraphqlContext): Pick<SymbolQuery, 'access' | 'asker'> {
  return { access: client.access, asker: client.asker };
}

function epochMs(instant: Timestamp | null): number | null {
  return instant === null ? null : Date.parse(instant);
}
