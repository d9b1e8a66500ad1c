import type { Resolution, SymbolRejection } from '../core/subscription.ts';
import { GatewayError } from '../shared/errors.ts';
import type { RejectedSymbol, StatusReply, SubscribeMessage } from './messages.ts';

/** Refusals that are spelled out in an error's message; all of them are in its `rejected`. */
const SPELLED_OUT = 3;

/**
 * The answer to a `subscribe` of which something was accepted. Exactly one of `broker` and `routes` is in it: `routes` where
 * the client named no broker and its symbols went to more than one.
 */
export function describeOutcome({ accepted, rejected }: Resolution, { types }: SubscribeMessage): StatusReply {
  const brokers = new Set(accepted.map((route) => route.broker));
  const [broker] = brokers;
  const refused = rejected.length === 0 ? '' : ` ${rejected.length} rejected.`;
  return {
    type: 'status',
    status: 'subscribed',
    ...(brokers.size === 1
      ? { broker }
      : { routes: accepted.map((route) => ({ symbol: route.symbol, broker: route.broker })) }),
    symbols: accepted.map((route) => route.symbol),
    types,
    rejected: toRejectedSymbols(rejected),
    message: `Subscribed to ${accepted.length} ${accepted.length === 1 ? 'symbol' : 'symbols'}.${refused}`,
  };
}

export function toRejectedSymbols(rejected: readonly SymbolRejection[]): readonly RejectedSymbol[] {
  return rejected.map(({ symbol, error }) => ({ symbol, code: error.code, message: error.message }));
}

/** Nothing was accepted: one error with the code of the first refusal, naming all the symbols refused for that reason. */
export function refusalOfAll(rejected: readonly SymbolRejection[]): GatewayError {
  const [first] = rejected;
  if (first === undefined) return new GatewayError('BAD_REQUEST', 'No symbol was asked for.');
  const { code } = first.error;
  const symbols = rejected.filter(({ error }) => error.code === code).map(({ symbol }) => symbol);
  const reasons = [...new Set(rejected.map(({ error }) => error.message))];
  const more = reasons.length > SPELLED_OUT ? ' …' : '';
  return new GatewayError(code, reasons.slice(0, SPELLED_OUT).join(' ') + more, { symbols });
}
