import type { CandleInterval } from '../../client/index.ts';

/** A symbol at a broker. */
export interface Listed {
  readonly broker: string;
  readonly symbol: string;
}

/** The view of the page. A link carries it. */
export interface View {
  /** Null: whatever is there. */
  readonly shown: Listed | null;
  readonly interval: CandleInterval;
  /** Null: the broker's first symbols. */
  readonly watched: readonly Listed[] | null;
}

/** The intervals by the names that people and the raw protocol give them. */
export const INTERVALS = {
  '1s': 'ONE_SECOND',
  '5s': 'FIVE_SECONDS',
  '1m': 'ONE_MINUTE',
  '5m': 'FIVE_MINUTES',
  '15m': 'FIFTEEN_MINUTES',
  '1h': 'ONE_HOUR',
  '4h': 'FOUR_HOURS',
  '1d': 'ONE_DAY',
} as const satisfies Record<string, CandleInterval>;
export type IntervalName = keyof typeof INTERVALS;

/** The most symbols that the watch list has: more are no list that a person watches. */
export const MAX_WATCHED = 40;
const DEFAULT_INTERVAL = 'ONE_MINUTE';
const MAX_TEXT = 64;

export function intervalName(interval: CandleInterval): IntervalName {
  const found = intervalNames().find((name) => INTERVALS[name] === interval);
  return found ?? '1m';
}

export function intervalNames(): readonly IntervalName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The keys of a constant object are known.
  return Object.keys(INTERVALS) as IntervalName[];
}

/** The part of a link behind `#`. */
export function toHash({ shown, interval, watched }: View): string {
  const parts = [
    ...(shown === null ? [] : [`broker=${encode(shown.broker)}`, `symbol=${encode(shown.symbol)}`]),
    ...(interval === DEFAULT_INTERVAL ? [] : [`interval=${intervalName(interval)}`]),
    ...(watched === null
      ? []
      : [`watch=${watched.map(({ broker, symbol }) => `${encode(broker)}:${encode(symbol)}`).join()}`]),
  ];
  return parts.join('&');
}

/** The view of a link. What is not understood is left out: a link may be old, or made by hand. */
export function fromHash(hash: string): View {
  const values = new Map(hash.replace(/^#/, '').split('&').map(toPair));
  const shown = listed(values.get('broker'), values.get('symbol'));
  const watch = values.get('watch');
  const name = intervalNames().find((known) => known === values.get('interval'));
  return {
    shown,
    interval: name === undefined ? DEFAULT_INTERVAL : INTERVALS[name],
    watched: watch === undefined ? null : watchedOf(watch),
  };
}

function watchedOf(text: string): readonly Listed[] {
  const entries = text.split(',').map((entry) => {
    const [broker, symbol] = entry.split(':');
    return listed(broker, symbol);
  });
  return unique(entries.filter((entry) => entry !== null)).slice(0, MAX_WATCHED);
}

export function unique(entries: readonly Listed[]): readonly Listed[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}

export function keyOf({ broker, symbol }: Listed): string {
  return JSON.stringify([broker, symbol]);
}

function listed(broker: string | undefined, symbol: string | undefined): Listed | null {
  const [a, b] = [decode(broker), decode(symbol)];
  return a === null || b === null ? null : { broker: a, symbol: b };
}

function toPair(part: string): readonly [string, string] {
  const at = part.indexOf('=');
  return at === -1 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
}

/** What is encoded has none of the signs that divide a link. */
function encode(text: string): string {
  return encodeURIComponent(text);
}

function decode(text: string | undefined): string | null {
  if (text === undefined || text === '') return null;
  try {
    const plain = decodeURIComponent(text);
    return plain.length > MAX_TEXT ? null : plain;
  } catch {
    return null;
  }
}
