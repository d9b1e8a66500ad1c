import { createHash } from 'node:crypto';
import type { StreamAddress } from './marketData.ts';

/** The beginning of a stream's numbering: the epoch, and the number before that of its first event. */
export interface StreamStart {
  readonly epoch: string;
  readonly sequence: number;
}

/**
 * The venue's own place of an event in its stream: the time, and the id of a trade if it is a whole number of fifteen
 * digits at most.
 */
export interface VenuePlace {
  readonly timeMs: number;
  readonly tradeId: string | null;
}

/** The parts of a cursor. */
export interface Cursor {
  /** The cursor itself. */
  readonly text: string;
  /** From `streamMark`. */
  readonly stream: string;
  readonly epoch: string;
  readonly sequence: number;
  /** Trades: the trade itself. Candles: the time after which those open that come next. Null for other streams. */
  readonly place: VenuePlace | null;
}

const VERSION = '1';
/** 48 bits, so that two streams of a gateway can't be mixed up by chance. */
const MARK_LENGTH = 8;
/** The length of every epoch. */
export const EPOCH_LENGTH = 12;
/** The epoch of events that belong to no stream, and of a stream of which no leader has been heard. It means nothing in `resume`. */
export const NO_EPOCH = '-'.repeat(EPOCH_LENGTH);

/** A whole number in its only notation. Fifteen digits are always exact. */
const NUMBER = '(0|[1-9]\\d{0,14})';
const PATTERN = new RegExp(
  `^${VERSION}([\\w-]{${MARK_LENGTH}})([\\w-]{${EPOCH_LENGTH}})${NUMBER}(?:-${NUMBER}(?:-${NUMBER})?)?$`,
);
/** The year 10,000, which no timestamp reaches. */
const END_OF_TIME_MS = 253_402_300_800_000;

/** A short text that stands for a stream, the same on every gateway, whoever's credentials it flows with. */
export function streamMark({ broker, symbol, type, interval }: Omit<StreamAddress, 'scope'>): string {
  const hash = createHash('sha256').update(JSON.stringify([broker, symbol, type, interval]));
  return hash.digest('base64url').slice(0, MARK_LENGTH);
}

/** Returns the text that all cursors of one epoch of a stream begin with; sequence and place follow. */
export function cursorPrefix(stream: string, epoch: string): string {
  return VERSION + stream + epoch;
}

/** The cursor of an event, in letters, digits, `-` and `_` alone. It has no secret in it. */
export function formatCursor(prefix: string, sequence: number, place: VenuePlace | null = null): string {
  if (place === null) return `${prefix}${sequence}`;
  const { timeMs, tradeId } = place;
  const time = textOf(timeMs);
  return tradeId === null ? `${prefix}${sequence}-${time}` : `${prefix}${sequence}-${time}-${tradeId}`;
}

/** The milliseconds of a second, as the last digits of a number. */
const LAST_DIGITS: readonly string[] = Array.from({ length: 1_000 }, (_, ms) => String(ms).padStart(3, '0'));
/** The text of the last second is kept: many events share a second, and large numbers are slow to write. */
let lastSecond = { second: 0, text: '' };

function textOf(timeMs: number): string {
  const second = Math.floor(timeMs / 1_000);
  if (second === 0) return String(timeMs);
  if (second !== lastSecond.second) lastSecond = { second, text: String(second) };
  return lastSecond.text + (LAST_DIGITS[timeMs - second * 1_000] ?? '');
}

/** Reads a cursor that a client gives. Returns null for a text that is none. */
export function parseCursor(text: string): Cursor | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  const [, stream = '', epoch = '', digits = '', time, tradeId = null] = match;
  const timeMs = Number(time);
  if (timeMs >= END_OF_TIME_MS) return null;
  return { text, stream, epoch, sequence: Number(digits), place: time === undefined ? null : { timeMs, tradeId } };
}
