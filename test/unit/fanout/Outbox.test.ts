import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/fanout/ByteBudget.ts';
import { Emission } from '../../../src/fanout/Emission.ts';
import { Outbox } from '../../../src/fanout/Outbox.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { key, tick, trade } from '../../support/events.ts';

/** A socket whose kernel takes bytes only when the test says so. */
class StalledSocket {
  readonly readyState = 1;
  readonly sent: string[] = [];
  readonly closed: { code: number | undefined; reason: string }[] = [];
  terminated = false;
  #callbacks: (() => void)[] = [];

  send(data: unknown, ...rest: unknown[]): void {
    this.sent.push(String(data));
    const callback = rest.find((argument): argument is () => void => typeof argument === 'function');
    if (callback !== undefined) this.#callbacks.push(callback);
  }

  drain(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  close(code?: number, reason?: string | Buffer): void {
    this.closed.push({ code, reason: String(reason) });
  }

  terminate(): void {
    this.terminated = true;
  }
}

const encoder = {
  encode: ({ type, sequence }: { type: string; sequence: number }) => Buffer.from(`${type} ${sequence}`),
};
const bulky = { encode: () => Buffer.alloc(70_000, 'x') };

function outbox(limitBytes = 10_000) {
  const socket = new StalledSocket();
  const clock = new FakeClock();
  const metrics = new Metrics();
  const subject = new Outbox({
    socket,
    budget: new ByteBudget(limitBytes),
    clock,
    metrics,
    protocol: 'raw',
    slowConsumerNotice: ({ code }) => code,
  });
  return { socket, clock, metrics, subject };
}

describe('Outbox', () => {
  it('writes at once while the socket keeps up', () => {
    const { socket, subject } = outbox();
    subject.deliver(new Emission(key('tick'), tick(1)), encoder);
    subject.deliver(new Emission(key('tick'), tick(2)), encoder);
    expect(socket.sent).toEqual(['tick 1', 'tick 2']);
  });

  it('conflates ticks while the socket does not keep up, keeps trades, and goes on in order when it drains', () => {
    const { socket, subject } = outbox(4_000);
    subject.deliver(new Emission(key('tick', 'OTHER'), tick(0)), bulky);
    for (let sequence = 1; sequence <= 4; sequence += 1) {
      subject.deliver(new Emission(key('tick'), tick(sequence)), encoder);
      subject.deliver(new Emission(key('trade'), trade(sequence)), encoder);
    }
    expect(socket.sent).toHaveLength(1);
    socket.drain();
    expect(socket.sent.slice(1).filter((text) => text.startsWith('trade'))).toEqual(
      [1, 2, 3, 4].map((n) => `trade ${n}`),
    );
    expect(socket.sent.slice(1).filter((text) => text.startsWith('tick'))).toEqual(['tick 1', 'tick 2', 'tick 4']);
  });

  it('loses nothing where one stream is told in two ways', () => {
    const { socket, subject } = outbox(1_000);
    const other = { encode: () => Buffer.from('other') };
    subject.deliver(new Emission(key('tick', 'OTHER'), tick(0)), bulky);
    subject.deliver(new Emission(key('tick'), tick(1)), encoder);
    subject.deliver(new Emission(key('tick'), tick(1)), other);
    socket.drain();
    expect(socket.sent.slice(1)).toEqual(['tick 1', 'other']);
  });

  it('tells a client that can not keep up with its trades, closes it with 1013, and cuts it off', async () => {
    const { socket, clock, subject } = outbox(2_000);
    subject.deliver(new Emission(key('tick', 'OTHER'), tick(0)), bulky);
    for (let sequence = 1; sequence <= 10; sequence += 1) {
      subject.deliver(new Emission(key('trade'), trade(sequence)), encoder);
    }
    expect(socket.sent.at(-1)).toBe('SLOW_CONSUMER');
    expect(socket.closed).toEqual([{ code: 1013, reason: expect.stringContaining('did not read') }]);
    await clock.advance(2_000);
    expect(socket.terminated).toBe(true);
  });

  it('makes a sender of replies wait until there is room', async () => {
    const { socket, subject } = outbox();
    let sent = false;
    const sending = subject.send('x'.repeat(70_000)).then(() => (sent = true));
    await Promise.resolve();
    expect(sent).toBe(false);
    socket.drain();
    await sending;
    expect(sent).toBe(true);
  });

  it('bounds replies as well: a client that asks and never reads is closed', () => {
    const { socket, subject } = outbox(10_000);
    for (let index = 0; index < 100; index += 1) void subject.send('x'.repeat(1_000));
    expect(socket.closed).toHaveLength(1);
  });

  it('sends nothing after it was closed, and leaves no timer when it is disposed of', () => {
    const { socket, clock, subject } = outbox();
    subject.close(1001, 'bye');
    subject.deliver(new Emission(key('tick'), tick(1)), encoder);
    void subject.send('late');
    expect(socket.sent).toEqual([]);
    subject[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});
