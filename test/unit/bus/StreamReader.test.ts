import { describe, expect, it } from 'vitest';
import { StreamReader } from '../../../src/bus/redis/StreamReader.ts';
import type { Frame } from '../../../src/bus/redis/frames.ts';
import type { StreamStart } from '../../../src/market/cursor.ts';
import type { FeedGap, MarketData, MarketDataType } from '../../../src/market/marketData.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

/** A reader, and what its subscribers were given. */
class Subject {
  readonly live: MarketData[] = [];
  readonly past: MarketData[] = [];
  readonly gaps: Pick<FeedGap, 'from' | 'to'>[] = [];
  readonly dropped: string[] = [];
  resets = 0;
  asked = 0;
  open = 0;
  readonly reader: StreamReader;

  constructor(type: MarketDataType, last: MarketData | null = null) {
    this.reader = new StreamReader({
      key: keyOfType(type),
      start: { epoch: epochOf('none'), sequence: 0 },
      last,
      receiver: {
        known: () => [],
        receive: (_key, _start, past) => {
          this.open += 1;
          this.past.push(...past);
          return {
            publish: (event) => this.live.push(event),
            reset: () => (this.resets += 1),
            [Symbol.dispose]: () => (this.open -= 1),
          };
        },
      },
      ask: () => (this.asked += 1),
      onDropped: (reason) => this.dropped.push(reason),
      onLost: () => undefined,
      onGap: (gap) => this.gaps.push(gap),
    });
  }

  get ids(): readonly number[] {
    return this.live.map(({ sequence }) => sequence);
  }

  snapshot(fence: number, first: number, start: StreamStart, lines: readonly MarketData[]): void {
    this.reader.take({ fence, first, sentMs: 0, start, lines });
  }

  lines(fence: number, first: number, lines: Frame['lines']): void {
    this.reader.take({ fence, first, sentMs: 0, start: null, lines });
  }
}

const start = (sequence: number, epoch = 'e'): StreamStart => ({ epoch: epochOf(epoch), sequence });
const trades = (from: number, to: number, epoch = 'e'): MarketData[] =>
  Array.from({ length: to - from + 1 }, (_, n) => numbered('trade', from + n, { epoch }));

describe('a stream that is followed', () => {
  it('begins when the leader has said where it stands; a newcomer gets nothing of the past live', () => {
    const subject = new Subject('trade');
    subject.lines(1, 1, trades(1, 1));
    expect([subject.live, subject.dropped, subject.asked]).toEqual([[], ['unsynced'], 1]);
    subject.snapshot(1, 2, start(3), trades(1, 3));
    expect([subject.ids, subject.past.length]).toEqual([[], 3]);
    subject.lines(1, 2, trades(4, 5));
    expect(subject.ids).toEqual([4, 5]);
  });

  it('comes once, whatever of it comes twice or in part', () => {
    const subject = new Subject('trade');
    subject.snapshot(1, 1, start(0), []);
    subject.lines(1, 1, trades(1, 3));
    subject.lines(1, 1, trades(1, 3));
    subject.lines(1, 3, trades(3, 5));
    subject.snapshot(1, 6, start(5), trades(1, 5));
    expect(subject.ids).toEqual([1, 2, 3, 4, 5]);
    expect(subject.dropped).toEqual(['duplicate', 'duplicate']);
  });

  it('is asked for again where lines are missing, and what was missed comes in order', () => {
    const subject = new Subject('trade');
    subject.snapshot(1, 1, start(0), []);
    subject.lines(1, 1, trades(1, 2));
    subject.lines(1, 4, trades(4, 4));
    expect([subject.ids, subject.asked]).toEqual([[1, 2], 1]);
    subject.lines(1, 5, trades(5, 5));
    subject.snapshot(1, 6, start(5), trades(1, 5));
    subject.lines(1, 6, trades(6, 6));
    expect([subject.ids, subject.gaps]).toEqual([[1, 2, 3, 4, 5, 6], []]);
  });

  it('has a gap, told once, if the leader does not have what was missed any more', () => {
    const subject = new Subject('trade');
    subject.snapshot(1, 1, start(0), []);
    subject.lines(1, 1, trades(1, 2));
    subject.snapshot(1, 9, start(8), trades(6, 8));
    expect(subject.ids).toEqual([1, 2, 6, 7, 8]);
    const [two, six] = [trades(2, 2)[0], trades(6, 6)[0]];
    expect(subject.gaps).toEqual([{ from: two?.time, to: six?.time }]);
  });

  it('is asked for again if the leader has come further, although nothing more comes', () => {
    const subject = new Subject('trade');
    subject.snapshot(1, 1, start(0), []);
    subject.reader.expect(1, 1);
    expect(subject.asked).toBe(0);
    subject.reader.expect(1, 3);
    expect(subject.asked).toBe(1);
  });

  it('goes on with the next leader, and nothing of the former one comes any more', () => {
    const subject = new Subject('trade');
    subject.snapshot(1, 1, start(0), []);
    subject.lines(1, 1, trades(1, 3));
    subject.lines(2, 1, [numbered('trade', 100_005, { epoch: 'f', place: 5 })]);
    expect(subject.asked).toBe(1);
    subject.lines(1, 4, trades(4, 4));
    const since = [4, 5].map((place) => numbered('trade', 100_000 + place, { epoch: 'f', place }));
    subject.snapshot(2, 2, start(100_005, 'f'), [...trades(1, 3), ...since]);
    expect(subject.ids).toEqual([1, 2, 3, 100_004, 100_005]);
    expect([subject.dropped, subject.gaps, subject.open]).toEqual([['unsynced', 'stale'], [], 1]);
  });

  it('leaves out what another leader repeats for those who have it already', () => {
    const subject = new Subject('trade', numbered('trade', 9));
    subject.snapshot(2, 1, start(100_005, 'f'), trades(1, 5));
    const repeated = [6, 7, 8, 9, 10].map((place) => numbered('trade', 100_000 + place, { epoch: 'f', place }));
    subject.lines(2, 1, repeated);
    expect(subject.live.map((event) => (event.type === 'trade' ? event.tradeId : null))).toEqual(['10']);
  });

  it('does not take the trades of a market that begins anew for repeated ones', () => {
    const subject = new Subject('trade', numbered('trade', 9));
    subject.snapshot(2, 1, start(100_005, 'f'), []);
    const anew = { ...numbered('trade', 100_006, { epoch: 'f', place: 20 }), tradeId: '1' } as MarketData;
    subject.lines(2, 1, [anew]);
    expect(subject.live).toEqual([anew]);
  });

  it('gives the candle in progress to a newcomer, and no closed one', () => {
    const subject = new Subject('candle');
    const open = { ...numbered('candle', 3), closed: false } as MarketData;
    subject.snapshot(1, 1, start(3), [numbered('candle', 1), numbered('candle', 2), open]);
    expect([subject.ids, subject.past.length]).toEqual([[3], 2]);
  });

  it.each(['tick', 'orderbook'] as const)(
    'of type %s comes whole after a hole, and stays if nothing was missed',
    (type) => {
      const subject = new Subject(type);
      subject.snapshot(1, 1, start(0), []);
      subject.lines(1, 1, [numbered(type, 1)]);
      subject.reader.lose();
      subject.snapshot(1, 2, start(1), [numbered(type, 1)]);
      expect(subject.ids).toEqual([1]);
      subject.lines(1, 3, [numbered(type, 3)]);
      subject.snapshot(1, 4, start(3), [numbered(type, 3)]);
      expect(subject.ids).toEqual([1, 3]);
    },
  );

  it('of a book that can not be right comes again, also if it is the same', () => {
    const subject = new Subject('orderbook');
    subject.snapshot(1, 1, start(1), [numbered('orderbook', 1)]);
    const before = subject.resets;
    subject.reader.resync();
    expect([subject.resets, subject.asked]).toEqual([before + 1, 1]);
    subject.snapshot(1, 1, start(1), [numbered('orderbook', 1)]);
    expect(subject.ids).toEqual([1, 1]);
  });

  it('has no value if the leader has none', () => {
    const subject = new Subject('orderbook');
    subject.snapshot(1, 1, start(1), [numbered('orderbook', 1)]);
    subject.reader.lose();
    subject.snapshot(1, 3, start(1), []);
    subject.lines(1, 3, [null]);
    expect(subject.resets).toBe(2);
  });

  it('of statuses is told again after this gateway has told something else, without gaps of the past', () => {
    const subject = new Subject('status');
    const gap = { type: 'trade', from: null, to: null } as const;
    const known = { ...numbered('status', 1), gap } as MarketData;
    subject.snapshot(1, 1, start(1), [known]);
    subject.reader.tell(numbered('status', 1));
    subject.snapshot(1, 1, start(1), [known]);
    expect(subject.live.map((event) => (event.type === 'status' ? event.gap : undefined))).toEqual([null, null, null]);
  });

  it('of statuses begins with the newest one, and what was before can be resumed', () => {
    const subject = new Subject('status');
    const [one, two, three] = [1, 2, 3].map((n) => numbered('status', n)) as [MarketData, MarketData, MarketData];
    subject.snapshot(1, 4, start(3), [one, two, three]);
    expect([subject.ids, subject.past.map(({ sequence }) => sequence)]).toEqual([[3], [1, 2]]);
  });

  it('of statuses goes on with the next leader: what was missed comes, and is repeated if nothing was', () => {
    const subject = new Subject('status');
    const [one, two] = [numbered('status', 1), numbered('status', 2)];
    const next = numbered('status', 100_003, { epoch: 'f' });
    subject.snapshot(1, 2, start(1), [one]);
    subject.snapshot(2, 1, start(100_002, 'f'), [one]);
    subject.snapshot(3, 1, start(100_003, 'g'), [one, two, next]);
    expect(subject.ids).toEqual([1, 1, 2, 100_003]);
    expect(subject.open).toBe(1);
  });

  it('has one gap for one change of the leader in a quiet market, although the first trade is lost on the way', () => {
    const subject = new Subject('trade');
    subject.snapshot(1, 1, start(10), []);
    subject.snapshot(2, 1, start(100_010, 'f'), []);
    expect(subject.gaps).toEqual([{ from: null, to: null }]);
    subject.lines(2, 2, trades(100_012, 100_012, 'f'));
    subject.snapshot(2, 3, start(100_012, 'f'), trades(100_011, 100_012, 'f'));
    expect([subject.ids, subject.gaps.length]).toEqual([[100_011, 100_012], 1]);
  });

  it.each(['tick', 'orderbook'] as const)('of type %s is not taken back by a snapshot that comes late', (type) => {
    const subject = new Subject(type);
    subject.snapshot(1, 2, start(1), [numbered(type, 1)]);
    subject.lines(1, 2, [numbered(type, 2)]);
    const before = subject.resets;
    subject.snapshot(1, 1, start(0), []);
    expect([subject.ids, subject.resets]).toEqual([[1, 2], before]);
    subject.reader.expect(1, 3);
    expect(subject.asked).toBe(0);
  });

  it.each(['tick', 'orderbook'] as const)(
    'of type %s comes again when it holds again, also if it is the same',
    (type) => {
      const subject = new Subject(type);
      subject.snapshot(1, 1, start(1), [numbered(type, 1)]);
      subject.lines(1, 1, [null]);
      subject.reader.lose();
      subject.snapshot(1, 2, start(1), [numbered(type, 1)]);
      expect(subject.ids).toEqual([1, 1]);
    },
  );
});
