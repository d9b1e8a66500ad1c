import type { AccountDraft } from './accounts.ts';
import type { AccountMarket } from './AccountMarket.ts';
import { candles, latestCandles } from './candleEndpoints.ts';
import type { InstrumentInfo } from './instruments.ts';
import { PLAIN_STYLE, renderPrice } from './prices.ts';
import type { PriceStyle } from './prices.ts';
import type { QueryParams } from './queryParams.ts';
import { formatTime } from './time.ts';
import type { TimeFormat, VenueTime } from './time.ts';
import { invalid } from './VenueError.ts';

/** The data that the endpoints use. */
export interface RestWorld {
  readonly time: VenueTime;
  /** The accounts that the token may use. */
  readonly accountsOf: (token: string) => readonly AccountDraft[];
  /** The instruments that an account is offered. */
  readonly instruments: (accountId: string) => readonly InstrumentInfo[];
  /** Null if the account is not offered the instrument. */
  readonly market: (accountId: string, instrument: string) => AccountMarket | null;
  readonly maxCandles: number;
  /** The default of `includeFirst` in a candle request. */
  readonly includeFirst: boolean;
  readonly style: () => Partial<PriceStyle>;
}

export interface RestRequest {
  readonly params: QueryParams;
  readonly token: string;
  /** The account in the path, otherwise the first that the token may use. */
  readonly accountId: string;
  readonly timeFormat: TimeFormat;
}

/** Returns the body of the reply. Throws a VenueError. */
export type Answer = (request: RestRequest, world: RestWorld) => string;

export interface Route {
  /** The account as written in the path, still to be checked against the token; null for a path without one. */
  readonly accountId: string | null;
  readonly answer: Answer;
}

/** Null if there is no endpoint at this path. */
export function routeOf(path: string): Route | null {
  const [root, version, kind, id, ...rest] = path.split('/').map(decoded);
  if (root !== '' || version !== 'v3') return null;
  if (kind === 'accounts' && id === undefined) return { accountId: null, answer: accounts };
  if (id === undefined || id === '') return null;
  if (kind === 'instruments' && rest.length === 1 && rest[0] === 'candles') {
    return { accountId: null, answer: (request, world) => JSON.stringify(candles(id, request, world)) };
  }
  const answer = kind === 'accounts' ? accountAnswer(rest) : null;
  return answer === null ? null : { accountId: id, answer };
}

function accountAnswer(rest: readonly string[]): Answer | null {
  const [first, second, third] = rest;
  if (rest.length === 1 && first === 'instruments') return instruments;
  if (rest.length === 1 && first === 'pricing') return pricing;
  if (rest.length === 2 && first === 'candles' && second === 'latest') {
    return (request, world) => JSON.stringify(latestCandles(request, world));
  }
  if (rest.length === 3 && first === 'instruments' && third === 'candles') {
    return (request, world) => JSON.stringify(candles(second ?? '', request, world));
  }
  return null;
}

function accounts({ token }: RestRequest, { accountsOf }: RestWorld): string {
  const listed = accountsOf(token).map(({ id, tags = [], mt4AccountID }) => {
    return { id, ...(mt4AccountID === undefined ? {} : { mt4AccountID }), tags };
  });
  return JSON.stringify({ accounts: listed });
}

function instruments({ params, accountId }: RestRequest, world: RestWorld): string {
  const offered = world.instruments(accountId);
  const wanted = params.names('instruments');
  const found = wanted?.map((name) => offered.find((info) => info.name === name) ?? unknown()) ?? offered;
  return JSON.stringify({ instruments: found, lastTransactionID: '2124' });
}

function pricing({ params, accountId, timeFormat }: RestRequest, world: RestWorld): string {
  const names = params.requiredNames('instruments');
  const since = params.time('since');
  const withUnits = params.flag('includeUnitsAvailable', true);
  const withConversions = params.flag('includeHomeConversions', false);
  const markets = names.map((name) => world.market(accountId, name) ?? unknown());
  const style = { ...PLAIN_STYLE, ...world.style() };
  const prices = markets.flatMap(({ last }) => {
    if (last === null || (since !== null && last.time <= since)) return [];
    const line = renderPrice(last, timeFormat, style);
    return withUnits ? [`${line.slice(0, -1)},${UNITS}}`] : [line];
  });
  const time = JSON.stringify(formatTime(world.time.stamp(), timeFormat));
  return `{"time":${time},"prices":[${prices.join(',')}]${withConversions ? `,${CONVERSIONS}` : ''}}`;
}

function unknown(): never {
  throw invalid('instruments');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const SIDES = { long: '506128', short: '506246' };
const UNITS = JSON.stringify({
  unitsAvailable: { default: SIDES, openOnly: SIDES, reduceFirst: SIDES, reduceOnly: { long: '0', short: '0' } },
  quoteHomeConversionFactors: { positiveUnits: '1.00000000', negativeUnits: '1.00000000' },
}).slice(1, -1);
const CONVERSIONS = JSON.stringify({
  homeConversions: [{ currency: 'USD', accountGain: '1', accountLoss: '1', positionValue: '1' }],
}).slice(1, -1);
