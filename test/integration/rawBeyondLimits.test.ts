import { expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';

it('a subscription beyond the limit is no bad message, so a page that asks for too many stays connected', async () => {
  const lists = Array.from({ length: 170 }, (_unused, index) => `S${index}`);
  const limits = { messagesPerSecond: 1_000, invalidMessagesPerMinute: 1 };
  await using gateway = await RawGateway.start({ brokers: { b: { lists } }, limits });
  await using client = await RawClient.connect(gateway.url);
  for (const symbol of lists) client.send({ action: 'subscribe', broker: 'b', symbols: [symbol] });
  expect(await client.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
  expect(client.messages.filter(({ status }) => status === 'subscribed')).toHaveLength(128);
  const refusals = client.messages.filter(({ type }) => type === 'error');
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['LIMIT_EXCEEDED']));
  expect(refusals).toHaveLength(42);
  expect(await gateway.metric('invalid_messages_total', { source: 'raw' })).toBe(0);
});
