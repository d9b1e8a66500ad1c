import { z } from 'zod';
import { isDecimal } from '../market/decimal.ts';
import type { Instrument } from '../market/instrument.ts';
import { isEventOf } from '../market/isEventOf.ts';
import { CANDLE_INTERVALS, MARKET_DATA_TYPES, SHARED } from '../market/marketData.ts';
import type { CandleInterval, FeedType, MarketData, MarketDataType, StreamAddress } from '../market/marketData.ts';
import { parseTimestamp } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';

/** The first line of a recording, which describes the rest. */
export interface RecordingHeader {
  /** The version of tickgraph that took it. */
  readonly tickgraph: string;
  readonly broker: { readonly id: string; readonly kind: string; readonly synthetic: boolean };
  /** Those that were recorded. */
  readonly instruments: readonly Instrument[];
  readonly types: readonly FeedType[];
  readonly interval: CandleInterval;
  /** The levels on each side of a book. */
  readonly depth: number;
  readonly startedAt: Timestamp;
}

/** The recorder had no gateway to record from. */
export interface RecordedOutage {
  readonly type: 'outage';
  readonly from: Timestamp;
  readonly to: Timestamp;
}

/** A frame or a line of the venue, as it came. */
export interface RecordedFrame {
  readonly type: 'raw';
  readonly at: Timestamp;
  readonly text: string;
}

/** The last line of a recording that was ended properly. */
export interface RecordedEnd {
  readonly type: 'end';
  readonly at: Timestamp;
  readonly events: number;
}

/** Any line of a recording but the first. */
export type RecordedLine = MarketData | RecordedOutage | RecordedFrame | RecordedEnd;

const FORMAT = 'tickgraph-recording';
/** A reader refuses recordings of a version that it does not know. */
const FORMAT_VERSION = 1;

/** Why a file can't be read as a recording: a sentence for a person. */
export class RecordingFault extends Error {
  override readonly name = 'RecordingFault';
}

export function formatHeader(header: RecordingHeader): string {
  return JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, ...header });
}

/** The text of a line, without its line feed. The feeds that a status is made of are the gateway's own affair. */
export function formatLine(line: RecordedLine): string {
  if (line.type !== 'status') return JSON.stringify(line);
  const { feeds: _feeds, ...status } = line;
  return JSON.stringify(status);
}

const timestamp = z.string().transform((text) => parseTimestamp(text));
const step = z.custom<Instrument['tickSize']>(
  (value) => value === null || (typeof value === 'string' && isDecimal(value)),
);
const name = z.string().min(1).max(64);
const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  tickgraph: z.string(),
  broker: z.object({ id: name, kind: z.string(), synthetic: z.boolean() }),
  instruments: z.array(
    z.object({
      symbol: name,
      displayName: z.string(),
      base: z.string().nullable(),
      quote: z.string().nullable(),
      tickSize: step,
      lotSize: step,
      tradable: z.boolean(),
    }),
  ),
  types: z.array(z.enum(['tick', 'candle', 'orderbook', 'trade'])),
  interval: z.custom<CandleInterval>((value) => typeof value === 'string' && Object.hasOwn(CANDLE_INTERVALS, value)),
  depth: z.number(),
  startedAt: timestamp,
});

/** Reads the first line. Throws a RecordingFault. */
export function parseHeader(text: string): RecordingHeader {
  const value = parseJson(text);
  if (!isRecord(value) || value['format'] !== FORMAT) throw new RecordingFault('It is no recording of tickgraph.');
  const { version } = value;
  if (typeof version === 'number' && version > FORMAT_VERSION) {
    throw new RecordingFault(
      `It was taken by a newer tickgraph (${String(value['tickgraph'])}, format ${version}), which this one can't read.`,
    );
  }
  const result = attempt(() => headerSchema.safeParse(value));
  if (result?.success !== true) throw new RecordingFault('Its first line is damaged.');
  const { format: _format, version: _version, ...header } = result.data;
  return header;
}

/** Reads any line but the first. Returns null for a text that is none. */
export function parseLine(header: RecordingHeader, text: string): RecordedLine | null {
  const value = parseJson(text);
  if (!isRecord(value)) return null;
  switch (value['type']) {
    case 'raw':
      return attempt(() => frameSchema.parse(value));
    case 'outage':
      return attempt(() => outageSchema.parse(value));
    case 'end':
      return attempt(() => endSchema.parse(value));
    default:
      return parseEvent(header, value);
  }
}

const frameSchema = z.object({ type: z.literal('raw'), at: timestamp, text: z.string() });
const outageSchema = z.object({ type: z.literal('outage'), from: timestamp, to: timestamp });
const endSchema = z.object({ type: z.literal('end'), at: timestamp, events: z.number() });

function parseEvent(header: RecordingHeader, value: Record<string, unknown>): MarketData | null {
  const type = MARKET_DATA_TYPES.find((each) => each === value['type']);
  const { symbol } = value;
  if (type === undefined || typeof symbol !== 'string') return null;
  return isEventOf(recordedAddress(header, symbol, type), value) ? value : null;
}

/** A stream of the recording. What was recorded is for everybody, whatever account it came from. */
export function recordedAddress(header: RecordingHeader, symbol: string, type: MarketDataType): StreamAddress {
  const interval = type === 'candle' ? header.interval : null;
  return { scope: SHARED, broker: header.broker.id, symbol, type, interval };
}

function parseJson(text: string): unknown {
  return attempt((): unknown => JSON.parse(text));
}

function attempt<Result>(task: () => Result): Result | null {
  try {
    return task();
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
