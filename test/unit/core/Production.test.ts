import { expect, it } from 'vitest';
import type { EventBus, Fleet, FleetMember, FleetSeat, StreamPast } from '../../../src/bus/EventBus.ts';
import { Numberings, PAST_ROOM, VenueFeed } from '../../../src/core/NumberedStream.ts';
import { Production } from '../../../src/core/Production.ts';
import { parseCursor } from '../../../src/market/cursor.ts';
import { addressOf, SHARED } from '../../../src/market/marketData.ts';
import type { FeedType, StreamKey } from '../../../src/market/marketData.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { key, trade } from '../../support/events.ts';

/** An account's production, and everything that it asks of the fleet. */
class Subject {
  readonly feeds = new Set<VenueFeed>();
  readonly said: string[] = [];
  readonly wanted = new Set<string>();
  readonly production: Production;
  readonly past = Promise.withResolvers<StreamPast>();
  readonly metrics = new Metrics();
  member: FleetMember | null = null;

  constructor(scope = SHARED, isAlone = false) {
    const note = (word: string, stream: StreamKey): string => `${word} ${addressOf(stream).type}`;
    const seat: FleetSeat = {
      canLead: false,
      follow: (stream, goesOn) => {
        this.said.push(note(goesOn ? 'goes on with' : 'follows', stream));
        return { [Symbol.dispose]: () => this.said.push(note('leaves', stream)) };
      },
      past: (stream, goesOn) => {
        this.said.push(note(goesOn ? 'asks what it missed of' : 'asks for the past of', stream));
        return this.past.promise;
      },
      resync: (stream) => this.said.push(note('resyncs', stream)),
      epoch: () => 'epoch-of-fla',
      knows: (epoch) => epoch === 'epoch-of-fla',
      [Symbol.asyncDispose]: () => {
        this.said.push('gives up its seat');
        return Promise.resolve();
      },
    };
    const fleet: Fleet = {
      join: (_broker, member) => {
        this.member = member;
        return seat;
      },
      announcePause: () => undefined,
      onPause: () => undefined,
    };
    const bus: EventBus = {
      health: { engine: 'redis', state: 'ok', reason: null },
      fleet: isAlone ? null : fleet,
      open: (stream, { sequence }) => {
        this.said.push(`${note('opens', stream)} at ${sequence}`);
        return {
          publish: () => undefined,
          reset: () => undefined,
          [Symbol.dispose]: () => this.said.push(note('closes', stream)),
        };
      },
      subscribe: () => ({ [Symbol.dispose]: () => undefined }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    this.production = new Production({
      id: 'binance',
      scope,
      bus,
      metrics: this.metrics,
      numberings: new Numberings(new FakeClock(), () => this.production.epoch()),
      feeds: () => this.feeds,
      want: ({ type }) => {
        this.wanted.add(type);
        return { [Symbol.dispose]: () => this.wanted.delete(type) };
      },
      onReady: () => this.said.push('is ready'),
      onTurn: (isProducer) => this.said.push(isProducer ? 'produces' : 'follows'),
    });
  }

  begin(type: FeedType): VenueFeed {
    const address = { ...addressOf(key(type)), type };
    const feed = new VenueFeed({ address, received: { count: 0 } });
    this.feeds.add(feed);
    this.production.begin(feed);
    return feed;
  }

  end(feed: VenueFeed): void {
    this.feeds.delete(feed);
    this.production.end(feed);
  }

  /** The value of the metric that says whether this gateway leads; null if there is none. */
  async leads(): Promise<number | null> {
    const { values } = await this.metrics.busLeader.get();
    return values.find(({ labels }) => labels.broker === 'binance')?.value ?? null;
  }

  /** What was said since the last time. */
  heard(): readonly string[] {
    return this.said.splice(0);
  }
}

it('a gateway that takes no part in a fleet produces everything itself, and so does the account of a client', () => {
  const alone = new Subject();
  alone.begin('tick');
  expect([alone.production.isProducer, alone.heard()]).toEqual([true, ['opens tick at 0']]);
  const client = new Subject('a-client');
  client.production.join();
  client.begin('tick');
  expect([client.member, client.heard()]).toEqual([null, ['opens tick at 0']]);
});

it('a metric shows who leads: the gateway that is alone, or the leader of the fleet, as long as the broker is in service', async () => {
  const member = new Subject();
  expect(await member.leads()).toBeNull();
  member.production.join();
  expect(await member.leads()).toBe(0);
  member.member?.lead();
  expect(await member.leads()).toBe(1);
  member.member?.follow();
  expect(await member.leads()).toBe(0);
  member.production.leave();
  expect(await member.leads()).toBeNull();
  const alone = new Subject(SHARED, true);
  alone.production.join();
  expect(await alone.leads()).toBe(1);
  alone.production.leave();
  expect(await alone.leads()).toBeNull();
  const client = new Subject('a-client');
  client.production.join();
  expect(await client.leads()).toBeNull();
});

it('a follower follows each stream, and the statuses of a symbol once', () => {
  const subject = new Subject();
  subject.production.join();
  subject.heard();
  const [tick, trades] = [subject.begin('tick'), subject.begin('trade')];
  expect(subject.heard()).toEqual(['follows status', 'follows tick', 'follows trade']);
  subject.production.resync(tick.key);
  subject.end(tick);
  subject.end(trades);
  expect(subject.heard()).toEqual(['resyncs tick', 'leaves tick', 'leaves trade', 'leaves status']);
});

it('a new leader produces what it has followed: ticks at once, trades behind those that there were', async () => {
  const subject = new Subject();
  subject.production.join();
  const [, trades] = [subject.begin('tick'), subject.begin('trade')];
  subject.heard();
  subject.member?.lead();
  const left = ['leaves tick', 'leaves trade', 'leaves status'];
  expect(subject.heard()).toEqual([...left, 'opens tick at 0', 'asks what it missed of trade', 'produces']);
  expect(trades.isReady).toBe(false);
  subject.past.resolve({ known: [trade(7)], missed: [trade(8)] });
  await subject.past.promise;
  expect(subject.heard()).toEqual([`opens trade at ${8 + PAST_ROOM}`, 'is ready']);
  expect([trades.isReady, trades.lastPlace, trades.place.epoch]).toEqual([true, 1_008, 'epoch-of-fla']);
  const { cursor } = trades.number({ ...trade(0), tradeId: '1009' });
  expect(parseCursor(cursor)?.sequence).toBe(9 + PAST_ROOM);
});

it('a stream that ends while its past is read, or that another leader takes, leaves nothing behind', async () => {
  const subject = new Subject();
  subject.production.join();
  const [ended, taken] = [subject.begin('trade'), subject.begin('candle')];
  subject.member?.lead();
  subject.end(ended);
  subject.member?.follow();
  subject.heard();
  subject.past.resolve({ known: [], missed: [] });
  await subject.past.promise;
  expect(subject.heard()).toEqual([]);
  subject.end(taken);
  expect(subject.heard()).toEqual(['leaves candle', 'leaves status']);
});

it('a new leader goes on with the statuses that it has followed, and begins those of other symbols', async () => {
  const alone = new Subject();
  expect(alone.production.pastStatuses('BTCUSDT')).toBeNull();
  const subject = new Subject();
  subject.production.join();
  subject.begin('tick');
  subject.member?.lead();
  subject.heard();
  subject.past.resolve({ known: [], missed: [] });
  for (const symbol of ['BTCUSDT', 'ETHUSDT', 'BTCUSDT']) await subject.production.pastStatuses(symbol);
  const [goesOn, begins] = ['asks what it missed of status', 'asks for the past of status'];
  expect(subject.heard()).toEqual([goesOn, begins, begins]);
});

it('a leader that another one has replaced goes on as a follower, and serves nobody any more', () => {
  const subject = new Subject();
  subject.production.join();
  subject.begin('tick');
  subject.member?.lead();
  subject.member?.serve(new Set([key('orderbook'), key('status')]));
  expect([...subject.wanted]).toEqual(['orderbook']);
  subject.heard();
  subject.member?.follow();
  expect(subject.heard()).toEqual(['closes tick', 'goes on with status', 'goes on with tick', 'follows']);
  expect([...subject.wanted]).toEqual([]);
});

it('others are served what they want, no more and no less', () => {
  const subject = new Subject();
  subject.production.join();
  subject.member?.lead();
  subject.member?.serve(new Set([key('tick'), key('trade')]));
  subject.member?.serve(new Set([key('trade')]));
  expect([...subject.wanted]).toEqual(['trade']);
});

it('who leaves the fleet tells its own subscribers from then on', async () => {
  const subject = new Subject();
  subject.production.join();
  subject.begin('tick');
  subject.heard();
  subject.production.leave();
  expect(subject.heard()).toEqual(['gives up its seat', 'leaves tick', 'leaves status', 'opens tick at 0']);
  await subject.production[Symbol.asyncDispose]();
  expect(subject.heard()).toEqual(['closes tick']);
});
