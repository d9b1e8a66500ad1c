import { expect, it } from 'vitest';
import { feedOf, openAndAcknowledge, send, startBroker, trade } from './harness.ts';

it('a thousand lost connections leave as many timers as one, and no warning', async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warn);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => {
    process.off('warning', warn);
  });
  const feeds = [feedOf('BTCUSDT', 'trade'), feedOf('BTCUSDT', 'orderbook'), feedOf('BTCUSDT', 'candle', '1s')];
  const harness = startBroker();
  let socket = await harness.goLive(...feeds);
  let settled = 0;
  for (let count = 1; count <= 1_000; count += 1) {
    send(socket, 'btcusdt@trade', trade(1, harness.clock.now()));
    socket.drop();
    // The venue allows 300 connections in five minutes.
    const opened = harness.sockets.all.length;
    while (harness.sockets.all.length === opened) await harness.clock.advance(2_000);
    socket = harness.sockets.last;
    await openAndAcknowledge(harness.clock, socket);
    if (count === 10) settled = harness.clock.pending;
  }
  expect(harness.clock.pending).toBeLessThanOrEqual(settled);
  expect(harness.sockets.alive).toHaveLength(1);
  await harness.broker.close();
  await harness.clock.advance(0);
  expect(harness.clock.pending).toBe(0);
  await new Promise(setImmediate);
  expect(warnings).toEqual([]);
});
