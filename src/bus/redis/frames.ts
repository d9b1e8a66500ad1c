import type { StreamStart } from '../../market/cursor.ts';
import { isEventOf } from '../../market/isEventOf.ts';
import type { MarketData, StreamAddress } from '../../market/marketData.ts';

/** One message of a stream between gateways: a header line, then a line for each event. */
export interface Frame {
  /** The tenure of the leader that sent it: a later leader has a greater one. */
  readonly fence: number;
  /** Numbers the lines of one stream within a tenure. A snapshot has the number of the line that comes next. */
  readonly first: number;
  /** When it was sent, in milliseconds since the epoch. */
  readonly sentMs: number;
  /** The stream stands here, if the frame is a snapshot of it: its lines have been published before. */
  readonly start: StreamStart | null;
  /** Events; null: the last value no longer holds. */
  readonly lines: readonly (MarketData | null)[];
}

/** Another version is ignored. */
export const WIRE_VERSION = '1';
/** The line of a reset. */
const RESET = '-';
const NUMBER = /^(?:0|[1-9]\d{0,14})$/;
const EPOCH = /^[\w-]{12}$/;

/** Fences are about the time in seconds. One far ahead would make every leader to come look old. */
const MAX_AHEAD_S = 86_400;

/** True if a leader can have this fence. */
export function isPlausible(fence: number, nowMs: number): boolean {
  return fence <= nowMs / 1_000 + MAX_AHEAD_S;
}

/** Writes a frame whose lines have been written by `formatLine`. */
export function formatFrame({
  fence,
  first,
  sentMs,
  start,
  lines,
}: Omit<Frame, 'lines'> & { readonly lines: readonly string[] }): string {
  const kind = start === null ? 'E' : `S ${start.epoch} ${start.sequence}`;
  return `${WIRE_VERSION} ${fence} ${first} ${sentMs} ${kind}\n${lines.join('\n')}`;
}

/** The line of an event, or of a reset (null). */
export function formatLine(event: MarketData | null): string {
  return event === null ? RESET : JSON.stringify(event);
}

/** Reads what came on the channel of a stream. Returns null for anything that is no frame of that stream. */
export function parseFrame(address: StreamAddress, text: string): Frame | null {
  const [header = '', ...body] = text.split('\n');
  const [version, fence = '', first = '', sentMs = '', kind, epoch = '', sequence = '', ...rest] = header.split(' ');
  const isNumbered = NUMBER.test(fence) && NUMBER.test(first) && NUMBER.test(sentMs);
  if (version !== WIRE_VERSION || !isNumbered || rest.length > 0) return null;
  const isSnapshot = kind === 'S' && EPOCH.test(epoch) && NUMBER.test(sequence);
  if (!isSnapshot && kind !== 'E') return null;
  const lines: (MarketData | null)[] = [];
  for (const line of body) {
    if (line === '') continue;
    const event = line === RESET ? null : parseEvent(address, line);
    if (event === undefined) return null;
    lines.push(event);
  }
  const start = isSnapshot ? { epoch, sequence: Number(sequence) } : null;
  return { fence: Number(fence), first: Number(first), sentMs: Number(sentMs), start, lines };
}

/** Returns undefined if the text is no event of the stream. */
function parseEvent(address: StreamAddress, text: string): MarketData | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isEventOf(address, value) ? value : undefined;
}
