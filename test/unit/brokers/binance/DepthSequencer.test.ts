import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DepthSequencer } from '../../../../src/brokers/binance/DepthSequencer.ts';
import type { DiffRange } from '../../../../src/brokers/binance/DepthSequencer.ts';
import { toDepthSnapshot, Depth } from '../../../../src/brokers/binance/restReplies.ts';
import { parseDepth, parseFrame } from '../../../../src/brokers/binance/streamMessages.ts';
import type { DepthMessage } from '../../../../src/brokers/binance/streamMessages.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';
import { hasRecordings, recordingLines } from '../../../support/recordings.ts';
import { bookDigest, expectedBooks } from '../../../venues/binance/expectedBooks.ts';

const diff = (firstId: number, lastId: number): DiffRange => ({ firstId, lastId });

function sequencer(...buffered: DiffRange[]): DepthSequencer<DiffRange> {
  const made = new DepthSequencer({ maxBuffered: 100 });
  for (const kept of buffered) expect(made.push(kept)).toBe('buffer');
  return made;
}

function synced(id: number): DepthSequencer<DiffRange> {
  const made = sequencer();
  expect(made.load(id)).toEqual({ kind: 'synced', diffs: [] });
  return made;
}

describe('DepthSequencer, with a snapshot', () => {
  it('goes on from a diff that follows it exactly', () => {
    const made = sequencer(diff(11, 12), diff(13, 15));
    expect(made.load(10)).toEqual({ kind: 'synced', diffs: [diff(11, 12), diff(13, 15)] });
    expect(made.push(diff(16, 16))).toBe('apply');
  });

  it('goes on from a diff that straddles it', () => {
    const made = sequencer(diff(5, 8), diff(9, 12), diff(13, 13));
    expect(made.load(10)).toEqual({ kind: 'synced', diffs: [diff(9, 12), diff(13, 13)] });
  });

  it('drops the diffs that it contains, that which ends with it too', () => {
    const made = sequencer(diff(5, 8), diff(9, 10));
    expect(made.load(10)).toEqual({ kind: 'synced', diffs: [] });
    expect(made.push(diff(11, 11))).toBe('apply');
  });

  it('older than the first diff keeps what it has and asks again', () => {
    const made = sequencer(diff(11, 12));
    expect(made.load(9)).toEqual({ kind: 'stale' });
    expect(made.buffered).toBe(1);
    expect(made.push(diff(13, 14))).toBe('buffer');
    expect(made.load(12)).toEqual({ kind: 'synced', diffs: [diff(13, 14)] });
  });

  it('is valid by itself if no diff came', () => {
    const made = synced(10);
    expect(made.isSynced).toBe(true);
    expect(made.push(diff(9, 11))).toBe('apply');
  });

  it('is refused if the diffs behind it have a hole; what follows the hole is kept', () => {
    const made = sequencer(diff(9, 11), diff(14, 15), diff(16, 17));
    expect(made.load(10)).toEqual({ kind: 'gap' });
    expect(made.isSynced).toBe(false);
    expect(made.load(14)).toEqual({ kind: 'synced', diffs: [diff(14, 15), diff(16, 17)] });
  });

  it('takes a duplicate among the kept diffs for one', () => {
    const made = sequencer(diff(11, 12), diff(11, 12), diff(13, 13));
    expect(made.load(10)).toEqual({ kind: 'synced', diffs: [diff(11, 12), diff(13, 13)] });
  });
});

describe('DepthSequencer, in step', () => {
  it.each([
    ['follows exactly', diff(11, 12), 'apply'],
    ['overlaps', diff(8, 12), 'apply'],
    ['repeats', diff(9, 10), 'ignore'],
    ['is older', diff(1, 2), 'ignore'],
    ['leaves one out', diff(12, 12), 'gap'],
  ])('a diff that %s', (_, next, verdict) => {
    expect(synced(10).push(next)).toBe(verdict);
  });

  it('begins again behind a gap, with the diff that showed it', () => {
    const made = synced(10);
    expect(made.push(diff(15, 16))).toBe('gap');
    expect(made.isSynced).toBe(false);
    expect(made.push(diff(17, 18))).toBe('buffer');
    expect(made.load(15)).toEqual({ kind: 'synced', diffs: [diff(15, 16), diff(17, 18)] });
  });

  it('forgets everything on a restart', () => {
    const made = synced(10);
    made.restart();
    expect(made.isSynced).toBe(false);
    expect(made.push(diff(11, 11))).toBe('buffer');
  });
});

it('keeps no more diffs than its bound: over it, only the newest', () => {
  const made = new DepthSequencer({ maxBuffered: 3 });
  const verdicts = [1, 2, 3, 4, 5].map((id) => made.push(diff(id, id)));
  expect(verdicts).toEqual(['buffer', 'buffer', 'buffer', 'overflow', 'buffer']);
  expect(made.buffered).toBe(2);
  expect(made.load(2)).toEqual({ kind: 'stale' });
  expect(made.load(3)).toEqual({ kind: 'synced', diffs: [diff(4, 4), diff(5, 5)] });
});

it('never passes over a missing update, whatever is lost, repeated or late', () => {
  const script = fc.array(
    fc.record({ size: fc.integer({ min: 1, max: 3 }), fate: fc.constantFrom('ok', 'ok', 'ok', 'lost', 'twice') }),
  );
  fc.assert(
    fc.property(
      script,
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 0, max: 40 }),
      (steps, snapshotAt, snapshotId) => {
        const made = new DepthSequencer<DiffRange>({ maxBuffered: 5 });
        /** The last update that whoever follows the verdicts has. */
        let have: number | null = null;
        let next = 1;
        for (const [index, { size, fate }] of steps.entries()) {
          const sent = diff(next, next + size - 1);
          next += size;
          for (let times = fate === 'lost' ? 0 : fate === 'twice' ? 2 : 1; times > 0; times -= 1) {
            const verdict = made.push(sent);
            if (verdict === 'gap') have = null;
            if (verdict !== 'apply') continue;
            if (have === null) throw new Error('applied without a book');
            expect(sent.firstId).toBeLessThanOrEqual(have + 1);
            have = Math.max(have, sent.lastId);
          }
          if (index !== snapshotAt || made.isSynced) continue;
          const loaded = made.load(snapshotId);
          if (loaded.kind !== 'synced') continue;
          have = snapshotId;
          for (const kept of loaded.diffs) {
            expect(kept.firstId).toBeLessThanOrEqual(have + 1);
            expect(kept.lastId).toBeGreaterThan(have);
            have = kept.lastId;
          }
        }
      },
    ),
  );
});

const Line = z.object({ k: z.string(), url: z.string().optional(), raw: z.string().optional() });

describe.runIf(hasRecordings)('recorded books', () => {
  it.each([
    'session-2021-04-05-binance-10sym',
    'session-2021-04-17-binanceus-10sym',
    'session-2021-08-14-binance-4sym',
    'session-2021-10-12-binance-4sym',
  ])('of %s come out level for level', (name) => {
    const books = new Map<string, RecordedBook>();
    const bookOf = (symbol: string): RecordedBook => {
      const book = books.get(symbol) ?? new RecordedBook();
      books.set(symbol, book);
      return book;
    };
    for (const line of recordingLines(`binance/${name}.jsonl`)) {
      const { k, url = '', raw = '' } = Line.parse(line);
      if (k === 'rest' && url.includes('/depth')) {
        bookOf(new URL(url).searchParams.get('symbol') ?? '').load(raw);
        continue;
      }
      const frame = k === 'ws' ? parseFrame(raw) : undefined;
      if (frame?.kind !== 'data' || !frame.stream.includes('@depth')) continue;
      const message = parseDepth(frame.data);
      if (message === undefined) throw new Error(`malformed: ${raw}`);
      bookOf(frame.stream.split('@')[0]?.toUpperCase() ?? '').push(message);
    }
    const expected = expectedBooks(`${name}.jsonl`).books;
    expect([...books.keys()].toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [symbol, { sha256, finalUpdateId, applied, discarded }] of Object.entries(expected)) {
      expect({ symbol, ...bookOf(symbol).outcome() }).toEqual({ symbol, sha256, finalUpdateId, applied, discarded });
    }
  });
});

class RecordedBook {
  readonly #sequencer = new DepthSequencer<DepthMessage>({ maxBuffered: 1_000 });
  readonly #book = new OrderBook();
  #lastId = 0;
  #received = 0;
  #applied = 0;

  load(raw: string): void {
    const snapshot = toDepthSnapshot(Depth.parse(JSON.parse(raw)));
    const verdict = this.#sequencer.load(snapshot.lastUpdateId);
    if (verdict.kind !== 'synced') throw new Error(`the recorded snapshot does not fit: ${verdict.kind}`);
    this.#book.apply({ kind: 'snapshot', ...snapshot });
    this.#lastId = snapshot.lastUpdateId;
    for (const message of verdict.diffs) this.#apply(message);
  }

  push(message: DepthMessage): void {
    this.#received += 1;
    const verdict = this.#sequencer.push(message);
    if (verdict === 'apply') this.#apply(message);
    else if (verdict !== 'buffer' && verdict !== 'ignore') throw new Error(`the recording has no ${verdict}`);
  }

  outcome() {
    const { bids, asks } = this.#book.top(Number.MAX_SAFE_INTEGER);
    const rows = (levels: typeof bids) => levels.map(({ price, size }) => [price, size] as const);
    return {
      sha256: bookDigest(rows(bids), rows(asks)),
      finalUpdateId: this.#lastId,
      applied: this.#applied,
      discarded: this.#received - this.#applied,
    };
  }

  #apply(message: DepthMessage): void {
    this.#book.apply({ kind: 'delta', bids: message.bids, asks: message.asks });
    expect(this.#book.crossed).toBe(false);
    this.#lastId = message.lastId;
    this.#applied += 1;
  }
}
