import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { frameReader } from '../../support/frameReader.ts';
import { ByteBudget } from '../../../src/fanout/client/PendingEvents.ts';
import { DeliveryMeter, Metrics } from '../../../src/shared/metrics.ts';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import type { Encoder } from '../../../src/fanout/frames/SharedEvent.ts';
import { Outbox } from '../../../src/fanout/client/Outbox.ts';
import type { OperationTarget, OutboxStream } from '../../../src/fanout/client/outboxOptions.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { FlushScheduler } from '../../../src/fanout/routing/FlushScheduler.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { book, key, tick, trade } from '../../support/events.ts';

/**
 * A connection whose kernel takes bytes at once, or none until the test says so. What it took is read by ws's receiver.
 */
class Wire extends EventEmitter {
  readonly readyState = 1;
  readonly read: string[] = [];
  readonly closed: { code: number | undefined; reason: string }[] = [];
  writes = 0;
  stalled = false;
  terminated = false;
  writableLength = 0;
  readonly #receive = frameReader((text) => this.read.push(text));
  #waiting: Buffer[] = [];

  write(chunk: Buffer): boolean {
    this.writes += 1;
    if (this.stalled) {
      this.#waiting.push(chunk);
      this.writableLength += chunk.length;
    } else {
      this.#receive(Buffer.from(chunk));
    }
    return !this.stalled;
  }

  drain(): void {
    this.stalled = false;
    for (const chunk of this.#waiting.splice(0)) this.#receive(Buffer.from(chunk));
    this.writableLength = 0;
    this.emit('drain');
  }

  send(text: unknown): void {
    const payload = Buffer.from(String(text));
    const header = payload.length < 126 ? Buffer.from([0x81, payload.length]) : Buffer.from([0x81, 126, 0, 0]);
    if (payload.length >= 126) header.writeUInt16BE(payload.length, 2);
    this.write(Buffer.concat([header, payload]));
  }

  close(code?: number, reason?: string | Buffer): void {
    this.closed.push({ code, reason: String(reason) });
  }

  terminate(): void {
    this.terminated = true;
  }
}

const encoder: Encoder = { isShared: true, encode: ({ type, sequence }) => `"${type} ${sequence}"` };
const bulky: Encoder = { isShared: true, encode: () => 'x'.repeat(70_000) };
const plain: OperationTarget = { encoder, id: null };
const withId = (id: string): OperationTarget => ({ encoder, id: Buffer.from(JSON.stringify(id)) });

function outbox(limitBytes = 10_000, compressFromBytes: number | null = null) {
  const wire = new Wire();
  const clock = new FakeClock();
  const scheduler = new FlushScheduler(clock);
  const metrics = new Metrics();
  const subject = new Outbox({
    socket: wire,
    stream: wire as unknown as OutboxStream,
    scheduler,
    compressFromBytes,
    budget: new ByteBudget(limitBytes),
    clock,
    meter: new DeliveryMeter({ protocol: 'raw', clock, metrics }),
    metrics,
    protocol: 'raw',
    finalMessage: ({ code }) => code,
  });
  return { wire, clock, subject, scheduler };
}

/** Leaves the connection with so many unsent bytes that it does not keep up. */
async function stall({ wire, clock, subject }: ReturnType<typeof outbox>): Promise<void> {
  wire.stalled = true;
  subject.deliver(new SharedEvent(key('tick', 'OTHER'), tick(0)), { encoder: bulky, id: null });
  await clock.advance(0);
}

describe('Outbox', () => {
  it('writes everything that arrives in one turn in one write, in order, across all subscriptions', async () => {
    const { wire, clock, subject } = outbox();
    subject.deliver(new SharedEvent(key('tick'), tick(1)), plain);
    subject.deliver(new SharedEvent(key('trade'), trade(2)), withId('a'));
    subject.deliver(new SharedEvent(key('tick'), tick(3)), plain);
    expect(wire.read).toEqual([]);
    await clock.advance(0);
    expect(wire.read).toEqual(['"tick 1"', '{"id":"a","type":"next","payload":"trade 2"}', '"tick 3"']);
    expect(wire.writes).toBe(1);
  });

  it('writes a reply after the events that came before it, and before those that came after it', async () => {
    const { wire, clock, subject } = outbox();
    subject.deliver(new SharedEvent(key('tick'), tick(1)), plain);
    void subject.send('complete');
    await clock.advance(0);
    expect(wire.read).toEqual(['"tick 1"', 'complete']);
  });

  it('does not mix up ids if a client that does not read holds on to a shared frame', async () => {
    const [slow, quick] = [outbox(), outbox()];
    slow.wire.stalled = true;
    const sharedEvent = new SharedEvent(key('tick'), tick(1));
    slow.subject.deliver(sharedEvent, withId('s'));
    quick.subject.deliver(sharedEvent, withId('q'));
    await slow.clock.advance(0);
    await quick.clock.advance(0);
    slow.wire.drain();
    expect(slow.wire.read).toEqual(['{"id":"s","type":"next","payload":"tick 1"}']);
    expect(quick.wire.read).toEqual(['{"id":"q","type":"next","payload":"tick 1"}']);
  });

  it('writes many frames of a turn intact if the kernel takes none of them', async () => {
    const [slow, quick] = [outbox(), outbox()];
    slow.wire.stalled = true;
    for (let sequence = 1; sequence <= 3; sequence += 1) {
      const sharedEvent = new SharedEvent(key('trade'), trade(sequence));
      slow.subject.deliver(sharedEvent, withId('s'));
      quick.subject.deliver(sharedEvent, withId('q'));
    }
    await slow.clock.advance(0);
    await quick.clock.advance(0);
    slow.wire.drain();
    expect(slow.wire.read.map((text) => text.slice(0, 9))).toEqual(Array<string>(3).fill('{"id":"s"'));
    expect(quick.wire.read.map((text) => text.slice(0, 9))).toEqual(Array<string>(3).fill('{"id":"q"'));
  });

  it('writes a turn that is larger than one write in order', async () => {
    const { wire, clock, subject } = outbox();
    const large: Encoder = {
      isShared: true,
      encode: ({ sequence }) => `"${'x'.repeat(sequence === 2 ? 70_000 : 30_000)}"`,
    };
    for (let sequence = 1; sequence <= 4; sequence += 1) {
      subject.deliver(new SharedEvent(key('orderbook'), book(sequence, 'snapshot', {})), { encoder: large, id: null });
    }
    await clock.advance(0);
    expect(wire.read.map(({ length }) => length)).toEqual([30_002, 70_002, 30_002, 30_002]);
  });

  it('conflates ticks while the socket does not keep up, keeps trades, and goes on in order when it drains', async () => {
    const scene = outbox(4_000);
    await stall(scene);
    const { wire, subject } = scene;
    for (let sequence = 1; sequence <= 4; sequence += 1) {
      subject.deliver(new SharedEvent(key('tick'), tick(sequence)), plain);
      subject.deliver(new SharedEvent(key('trade'), trade(sequence)), plain);
    }
    wire.drain();
    const rest = wire.read.slice(1);
    expect(rest.filter((text) => text.startsWith('"trade'))).toEqual([1, 2, 3, 4].map((n) => `"trade ${n}"`));
    expect(rest.filter((text) => text.startsWith('"tick'))).toEqual(['"tick 1"', '"tick 2"', '"tick 4"']);
  });

  it('sends nothing more of a subscription that has ended, written or waiting', async () => {
    const scene = outbox();
    const { wire, clock, subject } = scene;
    const [ended, other] = [withId('e'), withId('o')];
    let opened = subject.open(ended);
    subject.deliver(new SharedEvent(key('tick'), tick(1)), ended);
    subject.deliver(new SharedEvent(key('tick'), tick(1)), other);
    opened[Symbol.dispose]();
    await clock.advance(0);
    await stall(scene);
    opened = subject.open(ended);
    subject.deliver(new SharedEvent(key('tick'), tick(2)), ended);
    subject.deliver(new SharedEvent(key('tick'), tick(2)), other);
    opened[Symbol.dispose]();
    wire.drain();
    expect(wire.read.filter((text) => text.includes('"e"'))).toEqual([]);
    expect(wire.read.filter((text) => text.includes('"o"'))).toHaveLength(2);
  });

  it('sends an error to a client that cannot keep up with its trades, closes it with 1013, and finally cuts it off', async () => {
    const scene = outbox(2_000);
    await stall(scene);
    const { wire, clock, subject } = scene;
    for (let sequence = 1; sequence <= 10; sequence += 1) {
      subject.deliver(new SharedEvent(key('trade'), trade(sequence)), plain);
    }
    expect(wire.closed).toEqual([{ code: 1013, reason: expect.stringContaining('did not read') }]);
    // Bytes that are already on the way come before the error.
    await clock.advance(29_999);
    expect(wire.terminated).toBe(false);
    wire.drain();
    expect(wire.read.at(-1)).toBe('SLOW_CONSUMER');
    await clock.advance(1);
    expect(wire.terminated).toBe(true);
  });

  it('gives a client no more time if it is closed again, and starts nothing once it is disposed of', async () => {
    const { wire, clock, subject } = outbox();
    subject.close(1001, 'shutting down');
    await clock.advance(1_500);
    subject.close(1001, 'shutting down');
    await clock.advance(500);
    expect(wire.terminated).toBe(true);
    const left = outbox();
    left.subject[Symbol.dispose]();
    left.subject.close(1001, 'shutting down');
    expect(left.clock.pending).toBe(0);
  });

  it('cuts a slow client off sooner if the connection is closed meanwhile', async () => {
    const scene = outbox(2_000);
    await stall(scene);
    const { wire, clock, subject } = scene;
    subject.closeSlow();
    await clock.advance(1_000);
    subject.close(1001, 'shutting down');
    expect(wire.closed.map(({ code }) => code)).toEqual([1013]);
    await clock.advance(2_000);
    expect(wire.terminated).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('that is finished writes what waits as the client reads, then the last message, and closes; nothing new comes', async () => {
    const scene = outbox();
    await stall(scene);
    const { wire, clock, subject } = scene;
    const opened = subject.open(plain);
    for (let n = 1; n <= 3; n += 1) opened.deliver(new SharedEvent(key('trade'), trade(n)));
    subject.finish(1001, 'shutting down', 'bye');
    subject.finish(1001, 'shutting down', 'bye again');
    opened.deliver(new SharedEvent(key('trade'), trade(4)));
    void subject.send('a reply');
    // Its subscriptions end, but what they had to say is still said.
    opened[Symbol.dispose]();
    expect(wire.closed).toEqual([]);
    await clock.advance(1_000);
    wire.drain();
    expect(wire.read.slice(1)).toEqual(['"trade 1"', '"trade 2"', '"trade 3"', 'bye']);
    expect(wire.closed).toEqual([{ code: 1001, reason: 'shutting down' }]);
    await clock.advance(1_000);
    expect(wire.terminated).toBe(true);
  });

  it('that is finished is cut off after two seconds if the client does not read', async () => {
    const scene = outbox();
    await stall(scene);
    const { wire, clock, subject } = scene;
    subject.deliver(new SharedEvent(key('trade'), trade(1)), plain);
    subject.finish(1001, 'shutting down');
    await clock.advance(1_999);
    expect([wire.terminated, wire.closed]).toEqual([false, []]);
    await clock.advance(1);
    expect(wire.terminated).toBe(true);
    subject[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });

  it('that is finished with nothing waiting closes at once, after the events of this turn', () => {
    const { wire, subject } = outbox();
    subject.deliver(new SharedEvent(key('tick'), tick(1)), plain);
    subject.finish(1001, 'shutting down');
    expect(wire.read).toEqual(['"tick 1"']);
    expect(wire.closed).toEqual([{ code: 1001, reason: 'shutting down' }]);
  });

  it('makes a sender of replies wait until there is room', async () => {
    const scene = outbox();
    await stall(scene);
    let sent = false;
    const sending = scene.subject.send('answer').then(() => (sent = true));
    await Promise.resolve();
    expect(sent).toBe(false);
    scene.wire.drain();
    await sending;
    expect(sent).toBe(true);
  });

  it('bounds replies as well: a client that asks and never reads is closed', async () => {
    const scene = outbox(10_000);
    await stall(scene);
    for (let index = 0; index < 100; index += 1) void scene.subject.send('x'.repeat(1_000));
    expect(scene.wire.closed).toHaveLength(1);
  });

  it('sends nothing after it was closed, and leaves neither timer nor listener when it is disposed of', async () => {
    const { wire, clock, subject } = outbox();
    subject.close(1001, 'bye');
    subject.deliver(new SharedEvent(key('tick'), tick(1)), plain);
    void subject.send('late');
    subject[Symbol.dispose]();
    await clock.advance(0);
    expect(wire.read).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(wire.listenerCount('drain')).toBe(0);
  });

  it('closes a client whose event fails by a fault of ours, and none of the others in the same turn', async () => {
    const [broken, well] = [outbox(), outbox()];
    const faulty: OperationTarget = {
      encoder: {
        isShared: true,
        encode: () => {
          throw new Error('a fault');
        },
      },
      id: null,
    };
    const scheduler = new FlushScheduler(broken.clock);
    const index = new SubscriptionIndex(scheduler);
    index.join(key('tick'), { deliver: (update) => broken.subject.deliver(update, faulty) });
    index.join(key('tick'), { deliver: (update) => well.subject.deliver(update, plain) });
    index.open(key('tick')).topic.publish(tick(1), null);
    await broken.clock.advance(0);
    await well.clock.advance(0);
    expect(broken.wire.read).toEqual(['INTERNAL']);
    expect(broken.wire.closed.map(({ code }) => code)).toEqual([1013]);
    expect(well.wire.read).toEqual(['"tick 1"']);
  });

  it('writes the events of one stream at once if nothing else came in the turn', async () => {
    const { wire, clock, subject, scheduler } = outbox();
    const index = new SubscriptionIndex(scheduler);
    index.join(key('trade'), { deliver: (update) => subject.deliver(update, withId('a')) });
    const { topic } = index.open(key('trade'));
    for (const sequence of [1, 2, 3]) topic.publish(trade(sequence), null);
    await clock.advance(0);
    expect(wire.writes).toBe(1);
    expect(wire.read).toEqual([1, 2, 3].map((sequence) => `{"id":"a","type":"next","payload":"trade ${sequence}"}`));
  });

  it('writes them in one write to a client that has several subscriptions to the stream', async () => {
    const { wire, clock, subject, scheduler } = outbox();
    const index = new SubscriptionIndex(scheduler);
    const targets = ['a', 'b'].map(withId);
    const opened = targets.map((target) => subject.open(target));
    for (const target of targets) index.join(key('trade'), { deliver: (update) => subject.deliver(update, target) });
    const { topic } = index.open(key('trade'));
    topic.publish(trade(1), null);
    await clock.advance(0);
    expect(wire.read).toEqual(['a', 'b'].map((id) => `{"id":"${id}","type":"next","payload":"trade 1"}`));
    expect(wire.writes).toBe(1);
    for (const each of opened) each[Symbol.dispose]();
  });

  it('writes no more of a large turn once a client stops reading in the middle of it', async () => {
    const { wire, clock, subject } = outbox(3_000_000);
    wire.stalled = true;
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      subject.deliver(new SharedEvent(key('trade'), trade(sequence)), { encoder: bulky, id: null });
    }
    await clock.advance(0);
    expect(wire.writes).toBe(1);
    wire.drain();
    expect(wire.read).toHaveLength(20);
  });

  it('writes no more of one stream’s events once a client stops reading in the middle of them', async () => {
    const { wire, clock, subject, scheduler } = outbox(3_000_000);
    const index = new SubscriptionIndex(scheduler);
    index.join(key('trade'), {
      deliver: (update) => {
        wire.stalled = true;
        subject.deliver(update, { encoder: bulky, id: null });
      },
    });
    const { topic } = index.open(key('trade'));
    for (let sequence = 1; sequence <= 20; sequence += 1) topic.publish(trade(sequence), null);
    await clock.advance(0);
    expect(wire.writes).toBe(1);
    wire.drain();
    expect(wire.read).toHaveLength(20);
  });

  it('sends an event that was published before a reply before that reply', () => {
    const { wire, subject, scheduler } = outbox();
    const index = new SubscriptionIndex(scheduler);
    index.join(key('tick'), { deliver: (update) => subject.deliver(update, plain) });
    index.open(key('tick')).topic.publish(tick(1), null);
    void subject.send('pong');
    expect(wire.read).toEqual(['"tick 1"', 'pong']);
  });
});
