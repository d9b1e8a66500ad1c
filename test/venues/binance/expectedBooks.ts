import { createHash } from 'node:crypto';
import { z } from 'zod';
import { recordingJson } from '../../support/recordings.ts';

const Level = z.tuple([z.string(), z.string()]);
const Book = z.object({
  state: z.literal('SYNC'),
  snapshotLastUpdateId: z.number(),
  /** The number of levels in the snapshot: bids, asks. */
  snapshotLevels: z.tuple([z.number(), z.number()]),
  firstApplied: z.object({ U: z.number(), u: z.number(), kind: z.enum(['exact', 'straddle']) }),
  diffs: z.number(),
  applied: z.number(),
  discarded: z.number(),
  gaps: z.number(),
  crossedEvents: z.number(),
  deletesOfAbsentLevels: z.number(),
  finalUpdateId: z.number(),
  finalLevels: z.tuple([z.number(), z.number()]),
  bids10: z.array(Level),
  asks10: z.array(Level),
  sha256: z.string(),
});
const AggTrades = z.object({
  count: z.number(),
  firstId: z.number(),
  lastId: z.number(),
  sumQty: z.string(),
  /** The trades with `m: true`. */
  sells: z.number(),
  fillSpan: z.number(),
});
const ClosedKline = z.object({
  t: z.number(),
  T: z.number(),
  i: z.string(),
  o: z.string(),
  c: z.string(),
  h: z.string(),
  l: z.string(),
  v: z.string(),
  n: z.number(),
  q: z.string(),
  V: z.string(),
  Q: z.string(),
  f: z.number(),
  L: z.number(),
});
const Session = z.object({
  /** The number of messages of each type. */
  messages: z.record(z.string(), z.number()),
  /** By symbol. */
  books: z.record(z.string(), Book),
  /** By symbol; symbols without any are absent. */
  aggTrades: z.record(z.string(), AggTrades),
  closedKlines: z.record(z.string(), z.array(ClosedKline)),
});
const Document = z.object({ sessions: z.record(z.string(), Session) });

export type ExpectedSession = z.infer<typeof Session>;

/** The state in which a session must end; the name is that of its file, with or without folder. */
export function expectedBooks(session: string): ExpectedSession {
  const { sessions } = Document.parse(recordingJson('binance/expected-books.json'));
  const found = sessions[session.replace(/^.*\//, '')];
  if (found === undefined) throw new RangeError(`nothing is known of ${session}`);
  return found;
}

/** The digest in `ExpectedBook.sha256`: levels best first, without regard to trailing zeros. */
export function bookDigest(
  bids: readonly (readonly [price: string, size: string])[],
  asks: readonly (readonly [price: string, size: string])[],
): string {
  const hash = createHash('sha256');
  for (const [price, size] of bids) hash.update(`b,${stripped(price)},${stripped(size)}\n`);
  for (const [price, size] of asks) hash.update(`a,${stripped(price)},${stripped(size)}\n`);
  return hash.digest('hex');
}

function stripped(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}
