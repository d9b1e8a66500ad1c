import { describe, expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';

const SUBSCRIBE = { action: 'subscribe', symbols: ['BTCUSDT'] };
const NOTHING = { id: null, broker: null, types: null, options: null, credentials: null, resume: null };

describe('null for what a raw client leaves out changes no answer:', () => {
  it.each<[string, object[], string]>([
    ['subscribe', [{ ...SUBSCRIBE, ...NOTHING }], 'subscribed'],
    ['subscribe, in its options', [{ ...SUBSCRIBE, options: { depth: null, throttleMs: null } }], 'subscribed'],
    ['unsubscribe', [SUBSCRIBE, { action: 'unsubscribe', symbols: null, ...NOTHING }], 'unsubscribed'],
    ['list', [{ action: 'list', ...NOTHING }], 'subscriptions'],
    ['ping', [{ action: 'ping', ...NOTHING }], 'pong'],
    ['auth', [{ action: 'auth', ...NOTHING, credentials: { token: 't', apiKey: null } }], 'authenticated'],
  ])('%s', async (_name, messages, status) => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    for (const message of messages) client.send(message);
    const answer = await client.waitFor((message) => message['status'] === status);
    expect(answer).not.toHaveProperty('id');
    expect(client.messages.filter(({ type }) => type === 'error')).toEqual([]);
  });
});
