import { cursorOf } from '../../core/Queries.ts';
import { checkRange } from '../../core/Subscriptions.ts';
import type { Timestamp } from '../../market/timestamp.ts';
import type { QueryResolvers } from '../generated.ts';

const MAX_PAGE = 1_000;

export const query: QueryResolvers = {
  brokers: (_root, _args, { services, client }) => services.manager.brokers(client.session),

  broker: (_root, { id }, { services, client }) => services.manager.broker(id, client.session) ?? null,

  async instruments(_root, { broker, search = null, first, after = null }, { services, client }) {
    checkRange('first', first, { from: 1, to: MAX_PAGE });
    const page = await services.queries.instruments({ broker, access: client.session, search, first, after });
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

  tick: (_root, { broker, symbol }, { services, client }) =>
    services.queries.tick({ broker, symbol, access: client.session }),

  orderBook: (_root, { broker, symbol, depth }, { services, client }) =>
    services.queries.orderBook({ broker, symbol, access: client.session }, depth),

  candles(_root, { broker, symbol, interval, from = null, to = null, limit }, { services, client }) {
    const span = { fromMs: epochMs(from), toMs: epochMs(to), limit };
    return services.queries.candles({ broker, symbol, interval, access: client.session, ...span });
  },

  trades: (_root, { broker, symbol, limit }, { services, client }) =>
    services.queries.trades({ broker, symbol, access: client.session }, limit),
};

function epochMs(instant: Timestamp | null): number | null {
  return instant === null ? null : Date.parse(instant);
}
