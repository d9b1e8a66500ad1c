import { expect, it } from 'vitest';
import type { EventBus, StreamReceiver } from '../../src/bus/EventBus.ts';
import type { MarketData, StreamKey } from '../../src/market/marketData.ts';
import { key, tick } from './events.ts';

const START = { epoch: 'abcdefghijkl', sequence: 0 };

/** A receiver that notes what it gets, in order. */
export function noting(known: (key: StreamKey) => readonly MarketData[] = () => []): StreamReceiver & {
  readonly heard: string[];
} {
  const heard: string[] = [];
  return {
    heard,
    known,
    receive: (stream, _start, past) => {
      const { length } = past;
      heard.push(`begins${length === 0 ? '' : ` behind ${length}`}`);
      return {
        publish: ({ sequence }) => heard.push(`${sequence}`),
        reset: () => heard.push('reset'),
        [Symbol.dispose]: () => heard.push(`ends ${stream === key('tick') ? '' : stream}`.trim()),
      };
    },
  };
}

/** What every bus promises to the gateway that it is in. */
export function promisesOfEveryBus(make: () => Promise<EventBus & AsyncDisposable>): void {
  it('passes on what is published at once, in order, until the stream ends', async () => {
    await using bus = await make();
    const receiver = noting();
    using _subscription = bus.subscribe(receiver);
    const channel = bus.open(key('tick'), START);
    channel.publish(tick(1));
    channel.publish(tick(2));
    channel.reset();
    channel.publish(tick(3));
    channel[Symbol.dispose]();
    expect(receiver.heard).toEqual(['begins', '1', '2', 'reset', '3', 'ends']);
  });

  it('has one receiver: the last one that came, until it leaves', async () => {
    await using bus = await make();
    const [first, second] = [noting(), noting()];
    const former = bus.subscribe(first);
    const subscription = bus.subscribe(second);
    former[Symbol.dispose]();
    bus.open(key('tick'), START).publish(tick(1));
    subscription[Symbol.dispose]();
    bus.open(key('tick'), START).publish(tick(2));
    expect([first.heard, second.heard]).toEqual([[], ['begins', '1']]);
  });
}
