import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Frame } from '../../../src/bus/redis/frames.ts';
import { StreamReader } from '../../../src/bus/redis/StreamReader.ts';
import { isLossless } from '../../../src/market/marketData.ts';
import type { MarketData, MarketDataType } from '../../../src/market/marketData.ts';
import { OrderBook } from '../../../src/market/OrderBook.ts';
import { book } from '../../support/events.ts';
import { epochOf, keyOfType, numbered } from './streams.ts';

/** The fate of the next frame on its way. One that is late comes at the end of a later step. */
type Fate = 'arrives' | 'lost' | 'twice' | 'late';
interface Step {
  readonly deed: 'publish' | 'reset' | 'change' | 'beat' | 'deliver late ones';
  readonly count: number;
  readonly fate: Fate;
}

const steps = fc.array(
  fc.record({
    deed: fc.oneof(
      { weight: 8, arbitrary: fc.constant('publish' as const) },
      { weight: 2, arbitrary: fc.constantFrom('reset' as const, 'beat' as const, 'deliver late ones' as const) },
      { weight: 1, arbitrary: fc.constant('change' as const) },
    ),
    count: fc.integer({ min: 1, max: 5 }),
    fate: fc.oneof(
      { weight: 6, arbitrary: fc.constant('arrives' as const) },
      { weight: 2, arbitrary: fc.constantFrom('lost' as const, 'twice' as const, 'late' as const) },
    ),
  }),
  { maxLength: 60 },
);

/** Leaders that follow one another, each of which goes on behind the one before. */
class Leader {
  fence = 1;
  next = 1;
  place = 10;
  sequence = 10;
  epoch = 'a';
  /** The events that it knows of the stream. */
  known: readonly MarketData[] = [];
  readonly #book = new OrderBook();
  readonly #type: MarketDataType;
  readonly #kept: number;

  constructor(type: MarketDataType, kept: number) {
    this.#type = type;
    this.#kept = kept;
  }

  publish(count: number): Frame {
    return this.#frame(Array.from({ length: count }, () => this.#event()));
  }

  /** The values that it knew no longer hold. */
  reset(): Frame {
    if (!isLossless(this.#type)) this.known = [];
    return this.#frame([null]);
  }

  change(): void {
    this.fence += 1;
    this.next = 1;
    this.epoch += 'a';
    this.sequence += 100_000;
    // Its connection to the venue is a new one, so that it has no book yet.
    if (!isLossless(this.#type)) this.known = [];
  }

  snapshot(): Frame {
    const start = { epoch: epochOf(this.epoch), sequence: this.sequence };
    return { fence: this.fence, first: this.next, sentMs: 0, start, lines: this.known };
  }

  /** Its own book, as text. */
  get view(): string {
    return this.known.length === 0 ? 'none' : JSON.stringify(this.#book.top(100));
  }

  #frame(lines: Frame['lines']): Frame {
    const frame = { fence: this.fence, first: this.next, sentMs: 0, start: null, lines };
    this.next += lines.length;
    return frame;
  }

  #event(): MarketData {
    this.place += 1;
    this.sequence += 1;
    const event = numbered(this.#type, this.sequence, { epoch: this.epoch, place: this.place });
    if (event.type !== 'orderbook') {
      this.known = [...this.known, event].slice(-this.#kept);
      return event;
    }
    const kind = this.known.length === 0 ? 'snapshot' : 'delta';
    const { bids, asks } = book(0, kind, {
      bids: [[`${90 + (this.place % 7)}`, `${kind === 'delta' && this.place % 3 === 0 ? 0 : this.place}`]],
      asks: [[`${100 + (this.place % 5)}`, `${this.place}`]],
    });
    this.#book.apply({ kind, bids, asks });
    this.known = [{ ...event, kind: 'snapshot', ...this.#book.top(100) }];
    return { ...event, kind, bids, asks };
  }
}

/** One stream of a leader, a channel that is not to be relied on, and a gateway that follows. */
class Scene {
  readonly leader: Leader;
  readonly live: MarketData[] = [];
  gaps = 0;
  /** Changes of the leader before the first trade: nobody knows whether there were any in between. */
  quietChanges = 0;
  asked = 0;
  /** How many channels of the gateway are open. */
  open = 0;
  #book = new OrderBook();
  #hasBook = false;
  /** Changes of a book that was not there. */
  readonly faults: string[] = [];
  readonly #late: Frame[] = [];
  readonly reader: StreamReader;

  constructor(type: MarketDataType, kept: number) {
    this.leader = new Leader(type, kept);
    this.reader = new StreamReader({
      key: keyOfType(type),
      start: { epoch: epochOf('none'), sequence: 0 },
      last: null,
      receiver: {
        known: () => [],
        receive: () => {
          this.open += 1;
          this.#hasBook = false;
          return {
            publish: (event) => {
              this.#take(event);
            },
            reset: () => (this.#hasBook = false),
            [Symbol.dispose]: () => (this.open -= 1),
          };
        },
      },
      ask: () => (this.asked += 1),
      onDropped: () => undefined,
      onLost: () => undefined,
      onGap: () => (this.gaps += 1),
    });
    this.reader.take(this.leader.snapshot());
  }

  get view(): string {
    return this.#hasBook ? JSON.stringify(this.#book.top(100)) : 'none';
  }

  run({ deed, count, fate }: Step): void {
    if (deed === 'publish') this.#pass(this.leader.publish(count), fate);
    else if (deed === 'reset') this.#pass(this.leader.reset(), fate);
    else if (deed === 'beat') this.reader.expect(this.leader.fence, this.leader.next);
    else if (deed === 'change') {
      this.leader.change();
      if (this.live.length === 0) this.quietChanges += 1;
      this.#pass(this.leader.snapshot(), fate);
    } else for (const frame of this.#late.splice(0).toReversed()) this.reader.take(frame);
    if (this.asked > 0) this.#pass(this.leader.snapshot(), fate === 'lost' ? 'arrives' : fate);
    this.asked = 0;
  }

  /** Nothing is lost any more. */
  settle(): void {
    for (const frame of this.#late.splice(0)) this.reader.take(frame);
    this.asked = 0;
    this.reader.expect(this.leader.fence, this.leader.next);
    if (this.asked > 0) this.reader.take(this.leader.snapshot());
  }

  /** The reader has everything that the leader has published. */
  get isInStep(): boolean {
    const before = this.asked;
    this.reader.expect(this.leader.fence, this.leader.next);
    return this.asked === before;
  }

  #pass(frame: Frame, fate: Fate): void {
    if (fate === 'late') this.#late.push(frame);
    else if (fate !== 'lost') this.reader.take(frame);
    if (fate === 'twice') this.reader.take(frame);
  }

  #take(event: MarketData): void {
    this.live.push(event);
    if (event.type !== 'orderbook') return;
    if (event.kind === 'delta' && !this.#hasBook) this.faults.push(`a change to no book: ${event.cursor}`);
    if (event.kind === 'snapshot') this.#book = new OrderBook();
    this.#book.apply(event);
    this.#hasBook = true;
  }
}

it('a book is that of the leader whenever nothing of it is missing, whatever is lost, late, repeated or led by others', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const scene = new Scene('orderbook', 1);
      for (const [at, step] of all.entries()) {
        scene.run(step);
        // Looking more often would mend holes before they do harm.
        if (at % 4 === 0 && scene.isInStep) expect(scene.view).toBe(scene.leader.view);
      }
      scene.settle();
      expect([scene.isInStep, scene.view, scene.open]).toEqual([true, scene.leader.view, 1]);
      expect(scene.faults).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

it('trades come once and in order or a gap is told, whatever is lost, late, repeated or led by others', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 3, max: 50 }), (all, kept) => {
      const scene = new Scene('trade', kept);
      const first = scene.leader.place;
      for (const step of all) scene.run(step);
      scene.settle();
      const ids = scene.live.map((event) => (event.type === 'trade' ? Number(event.tradeId) : Number.NaN));
      for (const [at, id] of ids.entries()) expect(id).toBeGreaterThan(ids[at - 1] ?? first);
      const holes = ids.filter((id, at) => id !== (ids[at - 1] ?? first) + 1).length;
      expect(scene.gaps).toBeGreaterThanOrEqual(holes);
      expect(scene.gaps).toBeLessThanOrEqual(holes + scene.quietChanges);
      expect([ids.at(-1) ?? first, scene.isInStep, scene.open]).toEqual([scene.leader.place, true, 1]);
    }),
    { numRuns: 1_000 },
  );
});

it('statuses come all and in order, and only the newest of them is repeated, whatever is lost, late, or led by others', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const scene = new Scene('status', 1_000);
      const first = scene.leader.publish(1).lines[0]?.sequence;
      scene.reader.take(scene.leader.snapshot());
      for (const step of all) if (step.deed !== 'reset') scene.run(step);
      scene.settle();
      const numbers = scene.live.map(({ sequence }) => sequence);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      const published = scene.leader.known.map(({ sequence }) => sequence);
      expect([...new Set(numbers)]).toEqual(published.filter((number) => number >= (first ?? 0)));
      expect([scene.gaps, scene.isInStep, scene.open]).toEqual([0, true, 1]);
    }),
    { numRuns: 1_000 },
  );
});
