import { assertNever } from '../../../src/shared/errors.ts';
import { INTERVALS } from './intervals.ts';
import type { Interval } from './intervals.ts';

export type DepthSpeed = 100 | 1000;

/** The content of a stream that really exists. */
export type StreamKind =
  | { readonly kind: 'trade' }
  | { readonly kind: 'aggTrade' }
  | { readonly kind: 'bookTicker' }
  | { readonly kind: 'kline'; readonly interval: Interval }
  | { readonly kind: 'depth'; readonly speed: DepthSpeed }
  | { readonly kind: 'partialDepth'; readonly levels: number; readonly speed: DepthSpeed };

export interface Stream {
  /** In upper case, as in payloads. */
  readonly symbol: string;
  readonly kind: StreamKind;
}

const DEPTH = /^depth(5|10|20)?(@100ms)?$/;

/** Null for names that the venue acknowledges and never serves: upper case, unknown kinds, impossible speeds. */
export function parseStream(name: string): Stream | null {
  const at = name.indexOf('@');
  if (at <= 0) return null;
  const lower = name.slice(0, at);
  if (lower !== lower.toLowerCase()) return null;
  const kind = parseKind(name.slice(at + 1));
  return kind === null ? null : { symbol: lower.toUpperCase(), kind };
}

export function streamName(symbol: string, kind: StreamKind): string {
  return `${symbol.toLowerCase()}@${suffix(kind)}`;
}

function suffix(kind: StreamKind): string {
  switch (kind.kind) {
    case 'trade':
    case 'aggTrade':
    case 'bookTicker':
      return kind.kind;
    case 'kline':
      return `kline_${kind.interval}`;
    case 'depth':
      return `depth${speedSuffix(kind.speed)}`;
    case 'partialDepth':
      return `depth${kind.levels}${speedSuffix(kind.speed)}`;
    default:
      return assertNever(kind);
  }
}

function speedSuffix(speed: DepthSpeed): string {
  return speed === 100 ? '@100ms' : '';
}

function parseKind(text: string): StreamKind | null {
  if (text === 'trade' || text === 'aggTrade' || text === 'bookTicker') return { kind: text };
  const depth = DEPTH.exec(text);
  if (depth !== null) {
    const speed = depth[2] === undefined ? 1000 : 100;
    return depth[1] === undefined
      ? { kind: 'depth', speed }
      : { kind: 'partialDepth', levels: Number(depth[1]), speed };
  }
  const interval = INTERVALS.find((candidate) => text === `kline_${candidate}`);
  return interval === undefined ? null : { kind: 'kline', interval };
}
