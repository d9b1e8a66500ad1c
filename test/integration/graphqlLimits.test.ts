import { describe, expect, it } from 'vitest';
import { FakeClock } from '../support/FakeClock.ts';
import type { GraphqlResponse, GraphqlResponseError } from '../support/GraphqlGateway.ts';
import { logIn, startGuarded } from '../support/graphqlLogins.ts';

const TYPENAME = '{ __typename }';
const TICKS = 'subscription { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';

describe('limits', () => {
  const refusal = (payload: unknown): unknown => (payload as GraphqlResponseError[])[0]?.extensions;

  it('of a key count in place of the general ones', async () => {
    await using gateway = await startGuarded({ limits: { symbolsPerSubscription: 2 } });
    await using small = await logIn(gateway, { apiKey: 'key-of-small' });
    small.subscribe('1', TICKS);
    small.subscribe('2', TICKS);
    small.subscribe('3', TICKS);
    expect(refusal((await small.typed('error', '3')).payload)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    small.send({ type: 'complete', id: '1' });
    small.subscribe('4', 'subscription { marketData(symbols: ["BTCUSDT", "ETHUSDT"]) { symbol } }');
    expect(refusal((await small.typed('error', '4')).payload)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await using large = await logIn(gateway, { apiKey: 'key-of-large' });
    large.subscribe('1', 'subscription { marketData(symbols: ["BTCUSDT", "ETHUSDT", "SOLUSDT"]) { symbol } }');
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 2);
    expect(large.messages).toHaveLength(1);
  });

  it('of messages refuse the operation that comes too soon, and say when to try again', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, limits: { messagesPerSecond: 2 } });
    await using client = await logIn(gateway, { apiKey: 'key-of-plain' });
    for (const id of ['1', '2', '3', '4']) client.subscribe(id, TICKS);
    client.subscribe('5', TICKS);
    expect(refusal((await client.typed('error', '5')).payload)).toEqual({
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterMs: 500,
    });
    for (const id of ['1', '2', '3', '4']) client.send({ type: 'complete', id });
    await gateway.settles('subscriptions', { protocol: 'graphql-ws' }, 0);
    await clock.advance(500);
    client.subscribe('5', TYPENAME);
    await client.typed('complete', '5');
  });

  it('of messages leave pings without an answer, and close with 1013 who goes on', async () => {
    const clock = new FakeClock();
    await using gateway = await startGuarded({ clock, limits: { messagesPerSecond: 2, invalidMessagesPerMinute: 3 } });
    await using client = await logIn(gateway, { apiKey: 'key-of-plain' });
    for (let count = 0; count < 7; count += 1) client.send({ type: 'ping', payload: { count } });
    client.subscribe('seen', TYPENAME);
    await client.typed('error', 'seen');
    await clock.advance(500);
    await client.roundTrip();
    expect(client.messages.filter(({ type }) => type === 'pong')).toHaveLength(5);
    client.send({ type: 'ping' });
    expect((await client.closing()).code).toBe(1013);
  });

  it('of messages close who never stops asking for operations', async () => {
    const limits = { messagesPerSecond: 1, subscriptionsPerConnection: 10 };
    await using gateway = await startGuarded({ clock: new FakeClock(), limits });
    await using client = await logIn(gateway, { apiKey: 'key-of-plain' });
    for (let count = 0; count < 50; count += 1) client.subscribe(`s${count}`, TYPENAME);
    expect((await client.closing()).code).toBe(1013);
    expect(client.messages.filter(({ type }) => type === 'error').length).toBeLessThanOrEqual(11);
  });

  it.each([
    ['depth', `{ ${'brokers { '.repeat(11)} id ${'} '.repeat(11)} }`],
    ['aliases', `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: __typename`).join(' ')} }`],
    ['tokens', `{ ${'__typename '.repeat(2_001)} }`],
  ])('of a document hold over HTTP, server-sent events and WebSocket: %s', async (_name, query) => {
    await using gateway = await startGuarded();
    const headers = { 'x-api-key': 'key-of-plain' };
    const codes = ({ errors }: GraphqlResponse): unknown[] => errors?.map(({ extensions }) => extensions['code']) ?? [];
    expect(codes((await gateway.post(query, { headers })).body)).toContain('LIMIT_EXCEEDED');
    const accept = { ...headers, accept: 'text/event-stream' };
    const url = `${gateway.url}?query=${encodeURIComponent(query)}`;
    if (url.length < 16_000) expect(await (await fetch(url, { headers: accept })).text()).toContain('LIMIT_EXCEEDED');
    await using client = await logIn(gateway, undefined, headers);
    client.subscribe('1', query);
    const { payload } = await client.typed('error', '1');
    expect(JSON.stringify(payload)).toContain('LIMIT_EXCEEDED');
  });
});
