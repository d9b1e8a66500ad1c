import { cursorOf } from '../../core/Queries.ts';
import { checkRange } from '../../core/Subscriptions.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { QueryResolvers } from '../generated.ts';

const MAX_PAGE = 1_000;

export const query: QueryResolvers = {
  brokers: (_root, _args, { services }) => services.manager.brokers(),

  broker: (_root, { id }, { services }) => services.manager.broker(id) ?? null,

  async instruments(_root, { broker, search = null, first, after = null }, { services }) {
    checkRange('first', first, { from: 1, to: MAX_PAGE });
    const page = await services.queries.instruments({ broker, search, first, after });
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

  tick: (_root, { broker, symbol }, { services }) => services.queries.tick(broker, symbol),

  orderBook: (_root, { broker, symbol, depth }, { services }) => services.queries.orderBook(broker, symbol, depth),

  candles: (_root, { broker, symbol, interval, from = null, to = null, limit }, { services }) =>
    services.queries.candles({ broker, symbol, interval, fromMs: epochMs(from), toMs: epochMs(to), limit }),

  trades: (_root, { broker, symbol, limit }, { services }) => services.queries.trades(broker, symbol, limit),
};

function epochMs(instant: Timestamp | null): number | null {
  return instant === null ? null : Date.parse(instant);
}
