import { expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import type { StreamKey } from '../../../src/market/marketData.ts';
import { key, tick, trade } from '../../support/events.ts';

const START = { epoch: 'epoch', sequence: 0 };

function subject() {
  const bus = new MemoryBus();
  const heard: unknown[] = [];
  const subscription = bus.subscribe({
    known: () => [],
    receive: (stream: StreamKey) => ({
      publish: (event) => heard.push([stream, event]),
      reset: () => heard.push([stream, 'reset']),
      [Symbol.dispose]: () => heard.push([stream, 'end']),
    }),
  });
  return { bus, heard, subscription };
}

it('delivers what is published, stream by stream, until the stream ends', () => {
  const { bus, heard } = subject();
  const ticks = bus.open(key('tick'), START);
  const trades = bus.open(key('trade'), START);
  ticks.publish(tick(1));
  trades.publish(trade(1));
  ticks.publish(tick(2));
  ticks.reset();
  ticks[Symbol.dispose]();
  expect(heard).toEqual([
    [key('tick'), tick(1)],
    [key('trade'), trade(1)],
    [key('tick'), tick(2)],
    [key('tick'), 'reset'],
    [key('tick'), 'end'],
  ]);
});

it('accepts events that nobody receives', async () => {
  const { bus, heard, subscription } = subject();
  subscription[Symbol.dispose]();
  bus.open(key('tick'), START).publish(tick(1));
  await bus[Symbol.asyncDispose]();
  const trades = bus.open(key('trade'), START);
  trades.publish(trade(1));
  trades[Symbol.dispose]();
  expect(heard).toEqual([]);
});
