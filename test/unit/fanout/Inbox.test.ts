import { beforeEach, describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/client/PendingEvents.ts';
import { Inbox } from '../../../src/fanout/client/Inbox.ts';
import { FakeClock } from '../../support/FakeClock.ts';

let clock: FakeClock;
let budget: ByteBudget;
let rate: { perSecond: number; burst: number };
let handled: string[];
let overloads: number;
let isPaused: boolean;
/** A message that begins with "slow" waits for this. */
let gate: PromiseWithResolvers<void>;
let inbox: Inbox<string>;

beforeEach(() => {
  clock = new FakeClock();
  budget = new ByteBudget(10_000);
  rate = { perSecond: 10, burst: 20 };
  handled = [];
  overloads = 0;
  isPaused = false;
  gate = Promise.withResolvers();
  inbox = new Inbox<string>({
    socket: { pause: () => (isPaused = true), resume: () => (isPaused = false) },
    clock,
    budget,
    rate: () => rate,
    handle: (message) => {
      handled.push(message);
      return message.startsWith('slow') ? gate.promise : undefined;
    },
    onOverload: () => (overloads += 1),
  });
});

function send(count: number): void {
  for (let n = 0; n < count; n += 1) inbox.add('message', 10);
}

describe('Inbox', () => {
  it('handles messages within the rate at once, and after quiet a limited number beyond it', () => {
    send(20);
    expect([handled.length, isPaused, budget.used, clock.pending]).toEqual([20, false, 0, 0]);
  });

  it('reads messages that come faster later, and loses none of them', async () => {
    send(25);
    expect([handled.length, isPaused, budget.used]).toEqual([20, true, 50]);
    await clock.advance(100);
    expect([handled.length, isPaused]).toEqual([21, true]);
    await clock.advance(400);
    expect([handled.length, isPaused, budget.used, clock.pending]).toEqual([25, false, 0, 0]);
  });

  it('handles one message after the other, in order, and reads no more while many wait', async () => {
    rate = { perSecond: 1_000, burst: 1_000 };
    inbox.add('slow 1', 10);
    inbox.add('slow 2', 10);
    inbox.add('third', 10);
    expect(handled).toEqual(['slow 1']);
    expect(isPaused).toBe(false);
    send(62);
    expect(isPaused).toBe(true);
    gate.resolve();
    await clock.advance(10);
    expect(handled.slice(0, 3)).toEqual(['slow 1', 'slow 2', 'third']);
    expect([handled.length, isPaused]).toEqual([65, false]);
  });

  it('closes a client that exceeds the rate for ten seconds, and not before', async () => {
    for (let tenth = 0; tenth < 99; tenth += 1) {
      if (!isPaused) send(30);
      await clock.advance(100);
    }
    expect(overloads).toBe(0);
    for (let tenth = 0; tenth < 30; tenth += 1) {
      if (!isPaused) send(30);
      await clock.advance(100);
    }
    expect([overloads, budget.used, clock.pending]).toEqual([1, 0, 0]);
    send(1);
    expect(budget.used).toBe(0);
  });

  it('tolerates many messages at once again and again if there is quiet in between', async () => {
    for (let time = 0; time < 20; time += 1) {
      send(30);
      await clock.advance(5_000);
    }
    expect([handled.length, overloads]).toEqual([600, 0]);
  });

  it('closes a client if more of its messages wait than allowed', () => {
    inbox.add('slow', 10);
    inbox.add('large', 9_000);
    expect(overloads).toBe(0);
    inbox.add('large', 2_000);
    expect([overloads, budget.used]).toEqual([1, 0]);
  });

  it('follows a rate that changes while the client is connected', async () => {
    send(21);
    rate = { perSecond: 0.001, burst: 20 };
    await clock.advance(100);
    expect(handled.length).toBe(20);
    rate = { perSecond: 1_000, burst: 20 };
    await clock.advance(1_000_000);
    expect(handled.length).toBe(21);
  });

  it('leaves nothing behind when it is disposed of', async () => {
    send(25);
    inbox[Symbol.dispose]();
    expect([budget.used, clock.pending]).toEqual([0, 0]);
    await clock.advance(10_000);
    expect(handled.length).toBe(20);
  });
});
