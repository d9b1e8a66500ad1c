import type { AccountMarket } from './AccountMarket.ts';
import type { Candle, Component } from './CandleMaker.ts';
import { GRANULARITIES, isGranularity } from './granularity.ts';
import type { Alignment, Granularity } from './granularity.ts';
import type { RestRequest, RestWorld } from './restEndpoints.ts';
import { formatTime, msOf, nanosOf } from './time.ts';
import type { TimeFormat } from './time.ts';
import { inFuture, invalid, tooMany, VenueError } from './VenueError.ts';

const DEFAULT_COUNT = 500;
/** The components in the order of the venue's answers. */
const COMPONENTS: readonly (readonly [letter: string, component: Component])[] = [
  ['B', 'bid'],
  ['M', 'mid'],
  ['A', 'ask'],
];

/** Answers both candle paths. */
export function candles(instrument: string, request: RestRequest, world: RestWorld): unknown {
  const { params, accountId, timeFormat } = request;
  const market = world.market(accountId, instrument);
  if (market === null) throw invalid('instrument');
  const granularity = params.granularity();
  const components = params.components();
  const alignment = params.alignment();
  const [from, to, count] = [params.time('from'), params.time('to'), params.integer('count')];
  const includeFirst = params.flag('includeFirst', world.includeFirst);
  const smooth = params.flag('smooth', false);
  params.integer('units');
  checkRange({ from, to, count, granularity }, world);
  const ranged = from !== null && to !== null;
  const found = market.candles.candles({
    granularity,
    alignment,
    fromMs: from === null ? null : msOf(from),
    toMs: to === null ? null : msOf(to),
    count: ranged ? world.maxCandles : (count ?? DEFAULT_COUNT),
  });
  // The recordings show that `includeFirst` leaves out the first candle that was found, wherever `from` lies.
  const kept = from === null || includeFirst ? found : found.slice(1);
  return { instrument, granularity, candles: written(kept, { components, smooth, timeFormat }) };
}

/** Returns the last complete candle and the running one of each requested kind, in that order. */
export function latestCandles(request: RestRequest, world: RestWorld): unknown {
  const { params, timeFormat } = request;
  const specifications = params.requiredNames('candleSpecifications');
  const alignment = params.alignment();
  const smooth = params.flag('smooth', false);
  params.integer('units');
  const latest = specifications.map((text) => {
    const { instrument, granularity, components, market } = specification(text, request, world);
    const found = lastTwo(market, granularity, alignment);
    return { instrument, granularity, candles: written(found, { components, smooth, timeFormat }) };
  });
  return { latestCandles: latest };
}

function specification(
  text: string,
  { params, accountId }: RestRequest,
  world: RestWorld,
): { instrument: string; granularity: Granularity; components: string; market: AccountMarket } {
  const [instrument = '', granularity = '', price = '', ...rest] = text.split(':');
  const known = granularity === '' ? 'S5' : granularity;
  const market = world.market(accountId, instrument);
  if (market === null || !isGranularity(known) || rest.length > 0) throw invalid('candleSpecifications');
  return { instrument, granularity: known, components: params.components(price === '' ? 'M' : price), market };
}

function lastTwo(market: AccountMarket, granularity: Granularity, alignment: Alignment): Candle[] {
  return market.candles.candles({ granularity, alignment, fromMs: null, toMs: null, count: 2 });
}

interface Range {
  readonly from: bigint | null;
  readonly to: bigint | null;
  readonly count: number | null;
  readonly granularity: Granularity;
}

function checkRange({ from, to, count, granularity }: Range, world: RestWorld): void {
  const now = nanosOf(world.time.nowMs()) + 1_000_000n;
  if (from !== null && from > now) throw inFuture('from');
  if (to !== null && to > now) throw inFuture('to');
  if (from !== null && to !== null) {
    if (count !== null) {
      throw new VenueError(400, "'count' cannot be specified when 'to' and 'from' parameters are set");
    }
    if (from > to) throw invalid('from');
    if (msOf(to - from) / GRANULARITIES[granularity] > world.maxCandles) throw tooMany();
  }
  if (count === 0) throw invalid('count');
  if (count !== null && count > world.maxCandles) throw tooMany();
}

interface Writing {
  readonly components: string;
  readonly smooth: boolean;
  readonly timeFormat: TimeFormat;
}

function written(found: readonly Candle[], { components, smooth, timeFormat }: Writing): unknown[] {
  const asked = COMPONENTS.filter(([letter]) => components.includes(letter)).map(([, component]) => component);
  return found.map((candle, index) => {
    const before = smooth ? found[index - 1] : undefined;
    const prices = asked.map((component) => {
      const range = candle[component];
      return [component, before === undefined ? range : { ...range, o: before[component].c }] as const;
    });
    const { complete, volume, startMs } = candle;
    return {
      complete,
      volume,
      time: formatTime(nanosOf(startMs), timeFormat),
      ...Object.fromEntries(prices),
    };
  });
}
