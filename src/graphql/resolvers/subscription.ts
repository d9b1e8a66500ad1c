import type { BrokerInfo } from '../../core/brokerInfo.ts';
import { DEFAULT_OPTIONS, readCursors } from '../../core/subscription.ts';
import type { SubscriptionRequest, SymbolRejection, SymbolRoute } from '../../core/subscription.ts';
import { checkRange } from '../../core/Subscriptions.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { GraphqlContext } from '../context.ts';
import { BrokerChanges } from '../BrokerChanges.ts';
import type { SubscriptionMarketDataArgs, SubscriptionResolvers } from '../generated.ts';
import { MarketDataSource } from '../MarketDataSource.ts';
import { eventOf, eventsOf } from './marketData.ts';

const MAX_EVERY_MS = 60_000;
/** The message spells out this many rejections; `extensions.symbols` has them all. */
const MAX_SPELLED_OUT = 10;

/** Resolves the fields of `Subscription`. */
export const subscription: SubscriptionResolvers = {
  marketData: {
    async subscribe(_root, args, context) {
      const request = toRequest(args, context);
      const routes = await admit(request, context);
      return new MarketDataSource({ context, routes, request, everyMs: null });
    },
    resolve: eventOf,
  },

  marketDataBatch: {
    async subscribe(_root, { everyMs, ...args }, context) {
      checkRange('everyMs', everyMs, { from: 1, to: MAX_EVERY_MS });
      const request = toRequest(args, context);
      const routes = await admit(request, context);
      return new MarketDataSource({ context, routes, request, everyMs });
    },
    resolve: eventsOf,
  },

  brokerStatus: {
    subscribe(_root, { broker = null }, { services, client, protocol }) {
      const { manager, metrics } = services;
      // Throws if there is no such broker.
      if (broker !== null) manager.configured(broker);
      metrics.subscriptions.inc({ protocol });
      return new BrokerChanges({
        manager,
        access: client.access,
        broker,
        onClose: () => {
          metrics.subscriptions.dec({ protocol });
        },
      });
    },
    resolve: (info: BrokerInfo) => info,
  },
};

function toRequest(
  { broker = null, symbols, types, options, resume = null }: SubscriptionMarketDataArgs,
  { lastCursors }: GraphqlContext,
): SubscriptionRequest {
  // The argument is that of the first request: a browser repeats it, and adds what it has seen since.
  const cursors = readCursors(lastCursors ?? resume);
  return { broker, symbols, types, options: options ?? DEFAULT_OPTIONS, resume: cursors };
}

/** Routes the symbols. A GraphQL subscription is opened whole or not at all. */
async function admit(
  request: SubscriptionRequest,
  { services, client }: GraphqlContext,
): Promise<readonly SymbolRoute[]> {
  const { access, limits } = client;
  const { accepted, rejected } = await services.subscriptions.resolve(request, access, limits.symbolsPerSubscription);
  const [first, ...others] = rejected;
  if (first !== undefined) throw refusal([first, ...others]);
  return accepted;
}

/** One error for all rejections, with the code of the first. */
function refusal(rejected: readonly [SymbolRejection, ...SymbolRejection[]]): GatewayError {
  const messages = [...new Set(rejected.map(({ error }) => error.message))];
  const rest = messages.length - MAX_SPELLED_OUT;
  const message = messages.slice(0, MAX_SPELLED_OUT).join(' ') + (rest > 0 ? ` And ${rest} more.` : '');
  const { code, details } = rejected[0].error;
  return new GatewayError(code, message, { ...details, symbols: rejected.map(({ symbol }) => symbol) });
}
