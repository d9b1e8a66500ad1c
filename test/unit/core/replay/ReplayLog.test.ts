import { describe, expect, it } from 'vitest';
import { PAST_ROOM, VenueFeed } from '../../../../src/core/NumberedStream.ts';
import type { KeptEvent } from '../../../../src/core/replay/KeptEvents.ts';
import { ReplayLog } from '../../../../src/core/replay/ReplayLog.ts';
import { SharedEvent } from '../../../../src/fanout/frames/SharedEvent.ts';
import { parseCursor } from '../../../../src/market/cursor.ts';
import type { Cursor } from '../../../../src/market/cursor.ts';
import type { CandleDraft, TradeDraft } from '../../../../src/market/marketData.ts';
import { closedCandles } from '../../../support/candles.ts';
import { status } from '../../../support/events.ts';
import { tradeDraft } from '../../../support/pastEvents.ts';

const channel = { publish: () => undefined, reset: () => undefined, [Symbol.dispose]: () => undefined };
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

class Kept {
  readonly log: ReplayLog;
  bytes = 0;
  #place = { epoch: 'abcdefghijkl', sequence: PAST_ROOM };
  #feed: VenueFeed;
  readonly #type: 'trade' | 'candle';
  /** What is done whenever the log says how much it takes. */
  onBytes: (change: number) => void = () => undefined;

  constructor(type: 'trade' | 'candle' = 'trade') {
    this.#type = type;
    this.#feed = this.#newFeed();
    const { key } = this.#feed;
    this.log = new ReplayLog({
      key,
      address: this.#address,
      start: this.#place,
      now: () => 0,
      onBytes: (change) => {
        this.bytes += change;
        this.onBytes(change);
      },
    });
  }

  get ids(): number[] {
    return this.#all.map(({ place }) => place);
  }

  get cursors(): Cursor[] {
    return this.#all.flatMap(({ sharedEvent }) => parseCursor(sharedEvent.event.cursor) ?? []);
  }

  get #all(): readonly KeptEvent[] {
    return this.log.events.after(Number.NEGATIVE_INFINITY);
  }

  get #address() {
    const interval = this.#type === 'candle' ? ('1m' as const) : null;
    return { scope: 'shared', broker: 'binance', symbol: 'BTCUSDT', type: this.#type, interval };
  }

  publish(...drafts: readonly (TradeDraft | CandleDraft)[]): SharedEvent[] {
    return drafts.map((draft) => {
      const event = new SharedEvent(this.#feed.key, this.#feed.number(draft));
      if (draft.type === 'trade' || draft.closed) this.log.append(event);
      return event;
    });
  }

  reopen(): void {
    const { sequence } = this.#feed.place;
    this.#place = { ...this.#place, sequence: sequence + PAST_ROOM };
    this.#feed = this.#newFeed();
    this.log.end();
    this.log.reopen(this.#place);
  }

  /** Another gateway leads, and goes on behind what is kept. */
  takeOver(): void {
    const past = this.#all.map(({ sharedEvent }) => sharedEvent.event);
    this.#place = { epoch: 'mnopqrstuvwx', sequence: this.#feed.place.sequence + PAST_ROOM };
    this.#feed = this.#newFeed();
    this.log.reopen(this.#place, past);
  }

  fillIn(drafts: readonly (TradeDraft | CandleDraft)[], after: number, next: number): void {
    this.log.fillIn({ drafts, after, next });
  }

  #newFeed(): VenueFeed {
    return new VenueFeed({ address: this.#address, start: this.#place, channel, received: { count: 0 } });
  }
}

const trades = (ids: readonly number[], laterMs = 0): TradeDraft[] =>
  ids.map((id) => tradeDraft({ id, timeMs: 1_000_000 + id + laterMs }));

describe('what is filled in', () => {
  it('has its numbers between those of its neighbours, also where history has a hole that is filled later', () => {
    const kept = new Kept();
    kept.fillIn(trades([1, 2, 5, 6]), 0, 7);
    expect(kept.log.events.isWholeBehind(kept.log.events.beforeFirst)).toBe(false);
    expect(kept.log.events.tornBehind(kept.log.events.beforeFirst)).toBe(2);
    kept.fillIn(trades([2, 3, 4]), 1, 5);
    kept.publish(...trades([7]));
    expect(kept.ids).toEqual(range(1, 7));
    expect(kept.log.events.isWholeBehind(0)).toBe(true);
    const numbers = kept.cursors.map(({ sequence }) => sequence);
    expect(numbers).toEqual(range(PAST_ROOM - 5, PAST_ROOM + 1));
  });

  it('may come while the stream delivers, and be a moment behind it', () => {
    const kept = new Kept();
    kept.publish(...trades([100]));
    kept.reopen();
    kept.publish(...trades([110, 111]));
    for (const [from, to] of [
      [105, 106],
      [107, 109],
      [99, 102],
      [102, 105],
    ] as const) {
      kept.fillIn(trades(range(from, to)), from - 1, to + 1);
      const numbers = kept.cursors.map(({ sequence }) => sequence);
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    }
    expect(kept.ids).toEqual(range(99, 111));
    expect(kept.log.events.isWholeBehind(0)).toBe(true);
  });

  it('comes behind every update of an open candle that was sent before', () => {
    const kept = new Kept('candle');
    const [first, second, third, fourth] = closedCandles(4) as [CandleDraft, CandleDraft, CandleDraft, CandleDraft];
    kept.publish(first);
    const [, update] = kept.publish({ ...second, closed: false }, { ...second, closed: false });
    kept.reopen();
    const [open1, open4] = [Date.parse(first.openTime), Date.parse(fourth.openTime)];
    kept.fillIn([second, third], open1, open4);
    const cursor = parseCursor(update?.event.cursor ?? '') ?? expect.fail('no cursor');
    const behind = kept.log.positionOf(cursor) ?? expect.fail('not kept');
    expect(kept.log.events.after(behind).map(({ place }) => place)).toEqual(kept.ids.slice(1));
    expect(kept.log.events.isWholeBehind(behind)).toBe(true);
  });

  it('is not what the stream delivers, or has said that it will', () => {
    const kept = new Kept();
    kept.fillIn(trades(range(1, 5)), 0, 6);
    kept.fillIn(trades(range(3, 8)), 2, 9);
    expect(kept.ids).toEqual(range(1, 5));
    kept.publish(...trades([4, 5, 6]));
    expect(kept.ids).toEqual(range(1, 6));
    kept.fillIn(trades(range(3, 8)), 2, 9);
    expect(kept.ids).toEqual(range(1, 6));
  });

  it('proves nothing about a stream whose first event leaves a hole behind it', () => {
    const kept = new Kept();
    kept.fillIn([], 5, 6);
    kept.publish(...trades([9]));
    expect(kept.log.events.tornBehind(0)).toBe(5);
    expect(kept.log.events.isWholeBehind(kept.log.events.beforeFirst)).toBe(false);
  });

  it('takes no memory away while it is put in its place', () => {
    const kept = new Kept();
    kept.publish(...trades([100]));
    kept.reopen();
    kept.publish(...trades([110]));
    kept.onBytes = (change) => {
      if (change > 0) kept.log.dropBefore(Number.POSITIVE_INFINITY, { isForced: true });
    };
    kept.fillIn(trades(range(101, 109)), 100, 110);
    expect(kept.ids).toEqual([]);
    expect(kept.bytes).toBe(0);
  });
});

it('history is not more than what is joined to the live events', () => {
  const kept = new Kept();
  kept.publish(...trades(range(100, 105)));
  kept.reopen();
  expect(kept.log.events.positionOfLast(3)).toMatchObject({ isAll: false });
  kept.publish(...trades([110, 111]));
  const { behind, isAll } = kept.log.events.positionOfLast(3);
  expect(isAll).toBe(false);
  expect(kept.log.events.after(behind).map(({ place }) => place)).toEqual([110, 111]);
  expect(kept.log.events.positionOfLast(2).isAll).toBe(true);
});

it('every report of a gap has a place of its own', () => {
  const kept = new Kept();
  kept.publish(...trades([100]));
  const reports = [1, 2, 3].map((sequence) => new SharedEvent(kept.log.key, status(sequence)));
  for (const report of reports) kept.log.appendGap(report);
  kept.publish(...trades([120]));
  let behind = kept.log.events.beforeFirst;
  const sent: unknown[] = [];
  for (let [next] = kept.log.events.after(behind, 1); next !== undefined; [next] = kept.log.events.after(behind, 1)) {
    sent.push(next.sharedEvent.event.type);
    behind = next.sequence;
  }
  expect(sent).toEqual(['trade', 'status', 'status', 'status', 'trade']);
});

describe('a venue that numbers its trades anew', () => {
  it('makes all that was kept useless, after those who are being sent it have had the rest', () => {
    const kept = new Kept();
    kept.publish(...trades(range(100, 105)));
    let had: number[] = [];
    using _held = kept.log.hold(() => {
      had = kept.ids;
    });
    const before = kept.cursors;
    kept.publish(...trades([5], 1_000));
    expect(had).toEqual([...range(100, 105), 5]);
    expect(kept.ids).toEqual([5]);
    for (const cursor of before) {
      expect(kept.log.positionOf(cursor)).toBeNull();
      expect(kept.log.events.positionBehind(Number(cursor.place?.tradeId), cursor.place?.timeMs ?? 0)).toBeNull();
    }
  });

  it('is noticed in its history, too', () => {
    const kept = new Kept();
    kept.publish(...trades(range(100, 105)));
    kept.reopen();
    let had: number[] = [];
    using _held = kept.log.hold(() => {
      had = kept.ids;
    });
    const [last] = kept.cursors.slice(-1);
    kept.fillIn(trades(range(3, 6), 1_000), 2, 7);
    expect(had).toEqual(range(100, 105));
    expect(kept.ids).toEqual(range(3, 6));
    expect(last === undefined ? null : kept.log.positionOf(last)).toBeNull();
    kept.publish(...trades([7], 1_000));
    expect(kept.log.events.isWholeBehind(kept.log.events.beforeFirst)).toBe(true);
  });
});

it('what a new leader has still to publish is left to it: history would give it numbers that other gateways do not know', () => {
  const kept = new Kept();
  kept.publish(...trades(range(100, 105)));
  const [last] = kept.cursors.slice(-1);
  kept.takeOver();
  expect(last && kept.log.positionOf(last)).toBe(last?.sequence);
  expect(kept.log.events.tornBehind(last?.sequence ?? 0)).toBeNull();
  kept.fillIn(trades(range(104, 108)), 103, 109);
  expect(kept.ids).toEqual(range(100, 105));
  kept.publish(...trades(range(106, 110)));
  expect(kept.ids).toEqual(range(100, 110));
  expect(kept.log.events.isWholeBehind(last?.sequence ?? 0)).toBe(true);
  const [first] = kept.cursors.slice(-5);
  expect(first?.sequence).toBe((last?.sequence ?? 0) + PAST_ROOM + 1);
});

it('so are the closed candles that a new leader has still to publish', () => {
  const kept = new Kept('candle');
  const [first, second, third] = closedCandles(3) as [CandleDraft, CandleDraft, CandleDraft];
  kept.publish(first);
  const behind = kept.cursors.at(-1)?.sequence ?? 0;
  kept.takeOver();
  expect(kept.log.events.tornBehind(behind)).toBeNull();
  kept.fillIn([second], Date.parse(first.openTime), Date.parse(third.openTime));
  expect(kept.ids).toEqual([Date.parse(first.openTime)]);
  kept.publish(second, third);
  expect(kept.cursors.map(({ sequence }) => sequence).slice(1)).toEqual([1, 2].map((n) => behind + PAST_ROOM + n));
});

it('whoever is called because memory is short finds the event that needed it', () => {
  const kept = new Kept();
  const [event] = kept.publish(...trades([1]));
  let had: number[] = [];
  using _held = kept.log.hold(() => {
    had = kept.ids;
  });
  kept.onBytes = (change) => {
    if (change > 800) kept.log.dropBefore(Number.POSITIVE_INFINITY, { isForced: true });
  };
  event?.frames({ isShared: true, encode: () => 'x'.repeat(1_000) });
  kept.publish(...trades([2]));
  expect(had).toEqual([1, 2]);
});
