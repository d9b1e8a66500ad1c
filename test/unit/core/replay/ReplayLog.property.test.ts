import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PAST_ROOM, VenueFeed } from '../../../../src/core/NumberedStream.ts';
import { ReplayLog } from '../../../../src/core/replay/ReplayLog.ts';
import { Seam } from '../../../../src/core/replay/Seam.ts';
import type { LastPlace } from '../../../../src/core/replay/Seam.ts';
import { SharedEvent } from '../../../../src/fanout/frames/SharedEvent.ts';
import type { SharedUpdate } from '../../../../src/fanout/frames/SharedEvent.ts';
import { parseCursor } from '../../../../src/market/cursor.ts';
import { streamKey } from '../../../../src/market/marketData.ts';
import type { MarketData, TradeDraft } from '../../../../src/market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../../../src/market/timestamp.ts';
import { assertNever } from '../../../../src/shared/errors.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { tradeDraft } from '../../../support/pastEvents.ts';

const ADDRESS = { scope: 'shared', broker: 'binance', symbol: 'BTCUSDT', type: 'trade', interval: null } as const;
const KEY = streamKey(ADDRESS);
const EPOCH = 'abcdefghijkl';
const START_MS = Date.UTC(2026, 0, 2);

/** A trade of the venue; `order` counts all that it ever made, whatever their ids. */
interface Made {
  readonly order: number;
  readonly id: number;
}

/** What a client was sent: trades, and that something may be missing. */
type Sent = { readonly order: number } | 'hole';

interface Client {
  readonly sent: Sent[];
  cursor: string | null;
  /** Null while it is away. */
  seam: Seam | null;
}

/** A venue, its stream as an adapter passes it on, the log of the stream, and clients that come and go. */
class World {
  readonly clock = new FakeClock(START_MS);
  bytes = 0;
  log: ReplayLog;
  readonly clients: Client[] = [1, 2, 3].map(() => ({ sent: [], cursor: null, seam: null }));
  #made: Made[] = [];
  #orders = 0;
  #nextId = 1_000_000;
  /** How far the stream has come, once it is open. */
  #queue: Made[] = [];
  #feed: VenueFeed | null = null;
  #lastId: number | null = null;
  #known = Number.POSITIVE_INFINITY;
  #place = { epoch: EPOCH, sequence: PAST_ROOM };

  constructor() {
    this.log = this.#newLog();
    this.#open();
  }

  trade(count: number): void {
    for (let n = 0; n < count; n += 1) {
      const made = { order: this.#orders, id: this.#nextId };
      this.#orders += 1;
      this.#nextId += 1;
      this.#made.push(made);
      if (this.#feed !== null) this.#queue.push(made);
    }
  }

  /** The venue numbers anew, and has nothing of before. */
  renumber(): void {
    this.deliver();
    this.#nextId -= 10_000;
    this.#made = [];
  }

  deliver(): void {
    for (const made of this.#queue.splice(0)) this.#receive(made);
  }

  /** What the stream has on its way never comes. */
  lose(): void {
    this.#queue = [];
  }

  /** Nobody wants the stream, and some time later somebody does. */
  reopen(between: number): void {
    this.leave();
    if (this.#feed !== null) this.#place = this.#feed.place;
    this.#feed = null;
    this.#queue = [];
    this.log.end();
    this.trade(between);
    this.#place = { ...this.#place, sequence: this.#place.sequence + PAST_ROOM };
    this.#open();
    this.log.reopen(this.#place);
  }

  /** The gateway is another one. */
  restart(between: number, epoch: string): void {
    this.leave();
    this.#feed = null;
    this.#queue = [];
    this.trade(between);
    this.bytes = 0;
    this.#place = { epoch, sequence: PAST_ROOM };
    this.log = this.#newLog();
    this.#open();
  }

  /** Like Backfills: everything behind a place, or the newest; history is behind the stream, and has only so many. */
  fetch(ask: { behind: number | null; lag: number; window: number; limit: number }): void {
    const has = this.#made.slice(0, this.#made.length - ask.lag).slice(-ask.window);
    const { behind } = ask;
    const found = behind === null ? has.slice(-ask.limit) : has.filter(({ id }) => id >= behind).slice(0, ask.limit);
    const [first] = found;
    const last = found.at(-1);
    if (first === undefined || last === undefined) return;
    const past = { drafts: found.map((made) => this.#draft(made, true)), after: first.id - 1, next: last.id + 1 };
    this.log.fillIn(past);
    this.#known = Math.min(this.#known, last.id);
  }

  trim(count: number): void {
    const [entry] = this.log.events.after(-1).slice(count, count + 1);
    if (entry !== undefined) this.log.dropBefore(entry.atMs);
  }

  resume(client: Client): void {
    if (client.seam !== null) return;
    const cursor = client.cursor === null ? null : parseCursor(client.cursor);
    let behind = this.log.events.lastSequence;
    let last: LastPlace | null = null;
    if (cursor !== null) {
      const { tradeId, timeMs } = cursor.place ?? expect.fail('trades have places');
      const position = this.log.positionOf(cursor) ?? this.log.events.positionBehind(Number(tradeId), timeMs);
      if (position === null) client.sent.push('hole');
      behind = position ?? this.log.events.positionSince(timeMs);
      last = { place: Number(tradeId), timeMs };
    } else {
      client.sent.push('hole');
    }
    for (const { sharedEvent, place, room } of this.log.events.after(behind)) {
      if (room !== null) client.sent.push('hole');
      this.#send(client, sharedEvent.event);
      if (!Number.isNaN(place)) last = { place, timeMs: toEpochMs(sharedEvent.event.time) };
    }
    if (!this.log.events.isWholeBehind(this.log.events.lastSequence)) client.sent.push('hole');
    const deliver = ({ events }: SharedUpdate): void => {
      for (const { event } of events) this.#send(client, event);
    };
    client.seam = new Seam({ deliver }, last, () => client.sent.push('hole'));
  }

  leave(client?: Client): void {
    for (const each of client === undefined ? this.clients : [client]) each.seam = null;
  }

  /** The place behind which a client would have to be given what it missed. */
  placeOf(client: Client): number | null {
    const place = client.cursor === null ? null : parseCursor(client.cursor)?.place;
    return place ? Number(place.tradeId) : null;
  }

  #newLog(): ReplayLog {
    return new ReplayLog({
      key: KEY,
      address: ADDRESS,
      start: this.#place,
      now: () => this.clock.monotonic(),
      onBytes: (change) => (this.bytes += change),
    });
  }

  #open(): void {
    const channel = { publish: () => undefined, reset: () => undefined, [Symbol.dispose]: () => undefined };
    this.#feed = new VenueFeed({ address: ADDRESS, start: this.#place, channel, received: { count: 0 } });
    this.#lastId = null;
    this.#known = Number.POSITIVE_INFINITY;
  }

  /** As a TradeSequencer and its stream: what is missing is fetched, else reported. */
  #receive(made: Made): void {
    if (this.#lastId === null && made.id > this.#known + 1) this.#lastId = this.#known;
    if (this.#lastId !== null && made.id !== this.#lastId + 1) this.#report();
    this.#lastId = made.id;
    const event = this.#feed?.number(this.#draft(made, false)) ?? expect.fail('the stream is closed');
    const sharedEvent = new SharedEvent(KEY, event);
    this.log.append(sharedEvent);
    for (const client of this.clients) client.seam?.deliver(sharedEvent);
  }

  #report(): void {
    const time = fromEpochMs(START_MS);
    const status = {
      type: 'status',
      broker: 'binance',
      symbol: 'BTCUSDT',
      time,
      receivedAt: time,
      since: time,
    } as const;
    const rest = { sequence: 1, cursor: '', state: 'live', reason: null, replay: null } as const;
    const gap = { type: 'trade', from: null, to: null } as const;
    this.log.appendGap(new SharedEvent(KEY, { ...status, ...rest, gap }));
    for (const client of this.clients) if (client.seam !== null) client.sent.push('hole');
  }

  #send(client: Client, event: MarketData): void {
    if (event.type === 'status') {
      client.sent.push('hole');
      return;
    }
    client.sent.push({ order: toEpochMs(event.time) - START_MS });
    client.cursor = event.cursor;
  }

  #draft({ order, id }: Made, backfilled: boolean): TradeDraft {
    return tradeDraft({ id, timeMs: START_MS + order, backfilled });
  }
}

type Step =
  | { readonly does: 'trade' | 'publish' | 'reopen' | 'trim'; readonly count: number }
  | { readonly does: 'deliver' | 'lose' | 'renumber' }
  | { readonly does: 'restart'; readonly count: number; readonly epoch: string }
  | {
      readonly does: 'fetchBehind';
      readonly client: number;
      readonly lag: number;
      readonly window: number;
      readonly limit: number;
    }
  | { readonly does: 'fetchLast'; readonly lag: number; readonly limit: number }
  | { readonly does: 'resume' | 'leave'; readonly client: number };

function take(world: World, step: Step): void {
  const client = world.clients['client' in step ? step.client : 0] ?? expect.fail('no client');
  switch (step.does) {
    case 'trade':
      world.trade(step.count);
      break;
    case 'publish':
      world.trade(step.count);
      world.deliver();
      break;
    case 'reopen':
      world.reopen(step.count);
      break;
    case 'trim':
      world.trim(step.count);
      break;
    case 'deliver':
    case 'lose':
    case 'renumber':
      world[step.does]();
      break;
    case 'restart':
      world.restart(step.count, step.epoch);
      break;
    case 'fetchBehind':
      world.fetch({ ...step, behind: world.placeOf(client) });
      break;
    case 'fetchLast':
      world.fetch({ ...step, behind: null, window: 1_000 });
      break;
    case 'resume':
      world.resume(client);
      break;
    case 'leave':
      world.leave(client);
      break;
    default:
      assertNever(step);
  }
}

const client = fc.integer({ min: 0, max: 2 });
const count = fc.integer({ min: 0, max: 6 });
const does = <Name extends string>(...names: Name[]): fc.Arbitrary<Name> => fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: does('publish', 'publish', 'trade', 'reopen', 'trim'), count }) },
  { weight: 2, arbitrary: fc.record({ does: does('deliver', 'deliver', 'lose', 'renumber') }) },
  { weight: 1, arbitrary: fc.record({ does: does('restart'), count, epoch: fc.stringMatching(/^[a-z]{12}$/) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: does('fetchBehind'),
      client,
      lag: count,
      window: fc.constantFrom(3, 8, 1_000),
      limit: fc.constantFrom(2, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: does('fetchLast'), lag: count, limit: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ does: does('resume', 'resume', 'leave'), client }) },
);

/** Each trade once and in order, and where one is missing, that was told. */
function faultOf(sent: readonly Sent[]): string | null {
  let last: number | null = null;
  let isTold = true;
  for (const each of sent) {
    if (each === 'hole') {
      isTold = true;
      continue;
    }
    if (last !== null && each.order <= last) return `${each.order} after ${last}`;
    if (last !== null && each.order !== last + 1 && !isTold) return `nothing between ${last} and ${each.order}`;
    last = each.order;
    isTold = false;
  }
  return null;
}

it('whatever happens, a client is sent each event once and in order, or told where some are missing', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
      const world = new World();
      for (const each of steps) {
        void world.clock.advance(1);
        take(world, each);
        const entries = world.log.events.after(-1);
        const sequences = entries.map(({ sequence }) => sequence);
        expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
        expect(world.bytes).toBe(entries.reduce((sum, { bytes }) => sum + bytes, 0));
      }
      world.deliver();
      for (const each of world.clients) expect(faultOf(each.sent)).toBeNull();
    }),
    { numRuns: 700 },
  );
});
