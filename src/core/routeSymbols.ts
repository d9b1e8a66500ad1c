import type { MarketDataType, Scope } from '../market/marketData.ts';
import type { InstrumentCatalog } from '../market/instrument.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Resolution, SymbolRejection, SymbolRoute } from './subscription.ts';

/** At most this many unknown symbols of a request get a suggestion, because each is compared with the whole catalog. */
const MAX_SUGGESTIONS = 5;

/** Routing has to know this about a broker that is enabled. */
export interface RoutableBroker {
  readonly id: string;
  /** The scope of the account that would serve the client. */
  readonly scope: Scope;
  /** Null while the venue's catalog is not known. */
  readonly catalog: InstrumentCatalog | null;
  readonly synthetic: boolean;
  /** True if the client may use the broker: it asks for no credentials, or the client has given them. */
  readonly open: boolean;
  readonly supportedTypes: readonly MarketDataType[];
}

/** Routes all symbols to the broker that the client named. If its catalog is not known, it is trusted to list them. */
export function routeToBroker(broker: RoutableBroker, symbols: readonly string[]): Resolution {
  const accepted: SymbolRoute[] = [];
  const rejected: SymbolRejection[] = [];
  for (const symbol of symbols) {
    if (broker.catalog === null || broker.catalog.get(symbol) !== undefined)
      accepted.push({ broker: broker.id, symbol, scope: broker.scope });
    else rejected.push({ symbol, error: unknownSymbol(symbol, [broker], rejected.length < MAX_SUGGESTIONS) });
  }
  return { accepted, rejected };
}

/**
 * The brokers that serve clients who name none: the real ones, even while they can't be reached. Made-up prices are for
 * those who ask for them, or for a gateway that has nothing else.
 */
export function unasked<B extends Pick<RoutableBroker, 'synthetic'>>(enabled: readonly B[]): readonly B[] {
  const real = enabled.filter(({ synthetic }) => !synthetic);
  return real.length > 0 ? real : enabled;
}

/** Routes each symbol to the one of these brokers that lists it: see `unasked`. */
export function routeBySymbol(brokers: readonly RoutableBroker[], symbols: readonly string[]): Resolution {
  const accepted: SymbolRoute[] = [];
  const rejected: SymbolRejection[] = [];
  for (const symbol of symbols) {
    const route = routeOne(brokers, symbol, rejected.length < MAX_SUGGESTIONS);
    if (route instanceof GatewayError) rejected.push({ symbol, error: route });
    else accepted.push({ broker: route.id, symbol, scope: route.scope });
  }
  return { accepted, rejected };
}

function routeOne(
  brokers: readonly RoutableBroker[],
  symbol: string,
  suggests: boolean,
): RoutableBroker | GatewayError {
  const listing = brokers.filter((broker) => broker.catalog?.get(symbol) !== undefined);
  const usable = listing.filter((broker) => broker.open);
  const real = usable.filter((broker) => !broker.synthetic);
  if (real.length > 1) return ambiguous(symbol, real);
  const found = real[0] ?? usable[0];
  if (found !== undefined) return found;
  const closed = listing[0];
  if (closed !== undefined) return authenticationRequired(closed.id);
  // No known catalog lists the symbol, but a broker whose catalog is not known yet may.
  const [unheard, ...others] = brokers.filter((broker) => broker.catalog === null && broker.open);
  if (unheard === undefined) return unknownSymbol(symbol, brokers, suggests);
  return others.length === 0 ? unheard : unheardOf(symbol);
}

function unheardOf(symbol: string): GatewayError {
  return new GatewayError(
    'BROKER_UNAVAILABLE',
    `Which broker lists ${quoted(symbol)} is not known while venues can't be reached: name the broker, or try again later.`,
    { symbols: [symbol] },
  );
}

/** The error for a client that has to give its own credentials first. */
export function authenticationRequired(broker: string): GatewayError {
  return new GatewayError(
    'BROKER_AUTHENTICATION_REQUIRED',
    `Broker ${broker} needs your own credentials: authenticate with it first.`,
  );
}

function ambiguous(symbol: string, brokers: readonly RoutableBroker[]): GatewayError {
  const ids = brokers.map((broker) => broker.id).join(' and ');
  return new GatewayError('AMBIGUOUS_SYMBOL', `${quoted(symbol)} is listed by ${ids}: name the broker.`, {
    symbols: [symbol],
  });
}

/** The error for a symbol that nobody lists. */
export function unknownSymbol(
  symbol: string,
  brokers: readonly Pick<RoutableBroker, 'id' | 'catalog' | 'open'>[],
  suggests = true,
): GatewayError {
  const catalogs = suggests ? brokers.map(({ catalog }) => catalog) : [];
  const suggestion = catalogs.map((catalog) => catalog?.suggest(symbol)).find((found) => found !== undefined);
  const who = brokers.length === 1 ? `Broker ${brokers[0]?.id ?? ''} does not list` : 'No broker lists';
  const closed = brokers.filter(({ open }) => !open).map(({ id }) => id);
  const hint =
    (suggestion === undefined ? '' : ` Did you mean ${suggestion}?`) +
    (closed.length === 0 ? '' : ` What ${closed.join(' and ')} would serve is known once you authenticate there.`);
  return new GatewayError('UNKNOWN_SYMBOL', `${who} ${quoted(symbol)}.${hint}`, { symbols: [symbol] });
}

/** Shortens a symbol that a client sent, so that it can be sent back. */
function quoted(symbol: string): string {
  return JSON.stringify(symbol.length > 40 ? `${symbol.slice(0, 40)}…` : symbol);
}
