import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/shared/errors.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { tick, trade } from '../support/events.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import type { BrokerScript } from '../support/ScriptedGateway.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const MOCK = { 'mock-oanda': { kind: 'mock-oanda', enabled: true, ticksPerSecond: 100 } };
const RIGHT = { token: 'mock-token', accountId: 'mock-account' };
const MINUTE_MS = 60_000;

/**
 * A venue that serves nobody without credentials, and accepts any token but `bad`, `away` and those that are to wait.
 */
function venue(more: BrokerScript = {}): BrokerScript {
  return {
    lists: ['EUR_USD', 'USD_JPY'],
    traits: { requiresAuthentication: true },
    check: ({ token }) => {
      if (token === 'bad') return Promise.reject(new GatewayError('BROKER_AUTHENTICATION_FAILED', 'Refused.'));
      if (token === 'away') return Promise.reject(new GatewayError('BROKER_UNAVAILABLE', 'Away.'));
      return Promise.resolve();
    },
    ...more,
  };
}

function give(client: RawClient, token: string, action = 'authenticate') {
  return client.ask({ action, broker: 'oanda', credentials: { token } });
}

/** Makes the account of a token send an event of a symbol. */
function emit(gateway: RawGateway, account: string, event: ReturnType<typeof tick | typeof trade>): void {
  const { feed, sink } = {
    feed: gateway.broker(account).feed(`${event.type} EUR_USD`),
    sink: gateway.broker(account).sink,
  };
  sink.onEvent(feed, event);
}

/** The feed statuses that the client received, in order. */
function statusesOf(client: RawClient): unknown[] {
  return client.messages
    .filter(({ type, symbol }) => type === 'status' && symbol !== undefined)
    .map(({ status }) => status);
}

describe("a broker's credentials", () => {
  it.each(['authenticate', 'auth'])('%s opens the broker to this client, and to nobody else', async (action) => {
    await using gateway = await startGateway({ config: { brokers: MOCK } });
    await using client = await RawClient.connect(gateway.urls.raw);
    await using other = await RawClient.connect(gateway.urls.raw);
    const before = await client.subscribe('mock-oanda', ['EUR_USD']);
    expect(before).toMatchObject({ type: 'error', code: 'BROKER_AUTHENTICATION_REQUIRED', broker: 'mock-oanda' });
    const answer = await client.ask({ action, broker: 'mock-oanda', credentials: RIGHT });
    expect(answer).toMatchObject({
      type: 'status',
      status: 'authenticated',
      broker: 'mock-oanda',
      session: expect.stringMatching(/^.{40,}$/),
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(await client.subscribe(null, ['EUR_USD'])).toMatchObject({ status: 'subscribed', broker: 'mock-oanda' });
    await waitFor(() => client.data('tick', 'EUR_USD').length > 2);
    expect(await other.subscribe('mock-oanda', ['EUR_USD'])).toMatchObject({ code: 'BROKER_AUTHENTICATION_REQUIRED' });
    expect(other.data('tick')).toEqual([]);
  });

  it('that are wrong, or can be neither checked nor accepted, are refused with the id, and change nothing', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() } });
    await using client = await RawClient.connect(gateway.url);
    const first = await give(client, 'mine');
    await client.subscribe('oanda', ['EUR_USD']);
    expect(await give(client, 'bad')).toMatchObject({
      type: 'error',
      code: 'BROKER_AUTHENTICATION_FAILED',
      broker: 'oanda',
      retryable: false,
    });
    expect(await give(client, 'away')).toMatchObject({ code: 'BROKER_UNAVAILABLE', retryable: true });
    const unknown = await client.ask({ action: 'auth', broker: 'nope', credentials: { token: 'x' } });
    expect(unknown).toMatchObject({ code: 'UNKNOWN_BROKER', message: expect.stringContaining('oanda') });
    await gateway.wanted('tick EUR_USD', 'oanda mine');
    emit(gateway, 'oanda mine', tick(1));
    await waitFor(() => client.data('tick').length === 1);
    expect(await give(client, 'mine')).toMatchObject({ session: first['session'] });
    expect(statusesOf(client)).toEqual([]);
  });

  it('are not accepted over plain text from another machine, and the venue is not asked', async () => {
    let asked = 0;
    const check = () => {
      asked += 1;
      return Promise.resolve();
    };
    await using gateway = await RawGateway.start({ brokers: { oanda: venue({ check }) }, secure: false });
    await using client = await RawClient.connect(gateway.url);
    expect(await give(client, 'mine')).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('TLS') });
    expect([asked, client.closed]).toEqual([0, null]);
    await using lenient = await RawGateway.start({
      brokers: { oanda: venue({ check }) },
      secure: false,
      allowInsecureCredentials: true,
    });
    await using allowed = await RawClient.connect(lenient.url);
    expect(await give(allowed, 'mine')).toMatchObject({ status: 'authenticated' });
  });

  it('of two clients lead to two accounts, and events of one never reach the other', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() } });
    await using mine = await RawClient.connect(gateway.url);
    await using yours = await RawClient.connect(gateway.url);
    await using mineToo = await RawClient.connect(gateway.url);
    const sessions = [await give(mine, 'mine'), await give(yours, 'yours'), await give(mineToo, 'mine')];
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(3);
    for (const client of [mine, yours, mineToo]) await client.subscribe('oanda', ['EUR_USD'], ['tick', 'trade']);
    for (const account of ['oanda mine', 'oanda yours']) await gateway.wanted('trade EUR_USD', account);
    for (let count = 1; count <= 3; count += 1) {
      emit(gateway, 'oanda mine', tick(count, '1.1'));
      emit(gateway, 'oanda yours', tick(count, '2.2'));
    }
    await waitFor(() => [mine, yours, mineToo].every((client) => client.data('tick').length === 3));
    const bids = [mine, yours, mineToo].map((client) => [...new Set(client.data('tick').map(({ bid }) => bid))]);
    expect(bids).toEqual([['1.1'], ['2.2'], ['1.1']]);
  });

  it('that replace others move the running subscriptions, which begin anew and report it', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() } });
    await using client = await RawClient.connect(gateway.url);
    await using neighbour = await RawClient.connect(gateway.url);
    for (const each of [client, neighbour]) {
      await give(each, 'old');
      await each.subscribe('oanda', ['EUR_USD']);
    }
    await gateway.wanted('tick EUR_USD', 'oanda old');
    for (let count = 1; count <= 3; count += 1) emit(gateway, 'oanda old', tick(count, '1.1'));
    await waitFor(() => client.data('tick').length === 3);
    expect(await give(client, 'new')).toMatchObject({ status: 'authenticated' });
    await gateway.wanted('tick EUR_USD', 'oanda new');
    emit(gateway, 'oanda old', tick(4, '1.1'));
    emit(gateway, 'oanda new', tick(1, '2.2'));
    emit(gateway, 'oanda new', tick(2, '2.3'));
    await waitFor(() => client.data('tick').length === 5 && neighbour.data('tick').length === 4);
    expect(client.data('tick').map(({ bid, sequence }) => [bid, sequence])).toEqual([
      ['1.1', 1],
      ['1.1', 2],
      ['1.1', 3],
      ['2.2', 1],
      ['2.3', 2],
    ]);
    expect(statusesOf(client)).toEqual(['recovering', 'live']);
    expect(statusesOf(neighbour)).toEqual([]);
  });

  it('apply to what is subscribed to afterwards, too', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() } });
    await using client = await RawClient.connect(gateway.url);
    await give(client, 'old');
    await client.subscribe('oanda', ['EUR_USD'], ['tick', 'trade']);
    await gateway.wanted('tick EUR_USD', 'oanda old');
    await give(client, 'new');
    await waitFor(() => gateway.broker('oanda old').closed);
    await client.subscribe('oanda', ['EUR_USD'], ['tick'], { throttleMs: 1 });
    await client.subscribe('oanda', ['EUR_USD'], ['orderbook']);
    await gateway.wanted('orderbook EUR_USD', 'oanda new');
    emit(gateway, 'oanda new', tick(1, '2.2'));
    emit(gateway, 'oanda new', trade(1));
    await waitFor(() => client.data('tick').length === 1 && client.data('trade').length === 1);
    expect((await client.ask({ action: 'unsubscribe', broker: 'oanda' }))['symbols']).toEqual(['EUR_USD']);
    await waitFor(() => gateway.broker('oanda new').wantedNames.length === 0);
  });

  it('are nowhere in the answers, the log or the routes', async () => {
    let log = '';
    const output = { isTTY: false, write: (line: string) => ((log += line), true) };
    const logger = createLogger({ level: 'trace', pretty: false, output });
    const brokers = { oanda: venue(), other: { lists: ['BTCUSDT'] } };
    await using gateway = await RawGateway.start({ brokers, logger });
    await using client = await RawClient.connect(gateway.url);
    const { session } = await give(client, 'canary');
    await client.ask({ action: 'auth', credentials: { session: 'canary' } });
    await client.ask({ action: 'auth', credentials: { token: 'canary' } });
    client.send('{"action":"auth","credentials":{"token":"canary"');
    await client.waitFor(({ code }) => code === 'BAD_REQUEST');
    const { routes } = await client.subscribe(null, ['EUR_USD', 'BTCUSDT']);
    expect(routes).toEqual([
      { symbol: 'EUR_USD', broker: 'oanda' },
      { symbol: 'BTCUSDT', broker: 'other' },
    ]);
    await client.close();
    await waitFor(() => log.includes('client left'));
    expect(JSON.stringify(client.messages) + log).not.toContain('canary');
    expect(log).not.toContain(String(session));
  });

  it('of a client that leaves while they are checked are released at once', async () => {
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const check = () => {
      asked += 1;
      return gate.promise;
    };
    await using gateway = await RawGateway.start({ brokers: { oanda: venue({ check }) } });
    await using client = await RawClient.connect(gateway.url);
    client.send({ action: 'authenticate', broker: 'oanda', credentials: { token: 'mine' } });
    await waitFor(() => asked === 1);
    client.socket.terminate();
    await gateway.settles('connections', { protocol: 'raw' }, 0);
    gate.resolve();
    await gateway.settles('errors_total', { code: 'UNAUTHENTICATED' }, 1);
    expect(gateway.services.sessions.size).toBe(0);
    expect(gateway.broker('oanda mine').closed).toBe(true);
  });
});

describe('a session', () => {
  it('is resumed by another connection, and the subscriptions of that connection move to it', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue({ traits: {} }) } });
    await using first = await RawClient.connect(gateway.url);
    await using second = await RawClient.connect(gateway.url);
    const { session } = await give(first, 'mine');
    await second.subscribe('oanda', ['EUR_USD']);
    await gateway.wanted('tick EUR_USD', 'oanda');
    emit(gateway, 'oanda', tick(1, '1.1'));
    await waitFor(() => second.data('tick').length === 1);
    const resumed = await second.ask({ action: 'auth', credentials: { session } });
    expect(resumed).toMatchObject({ status: 'authenticated', session, expiresAt: expect.stringContaining('T') });
    await gateway.wanted('tick EUR_USD', 'oanda mine');
    await waitFor(() => gateway.broker('oanda').wantedNames.length === 0);
    emit(gateway, 'oanda mine', tick(1, '2.2'));
    await waitFor(() => second.data('tick').length === 2);
    expect(second.data('tick').map(({ bid, sequence }) => [bid, sequence])).toEqual([
      ['1.1', 1],
      ['2.2', 1],
    ]);
    expect(statusesOf(second)).toEqual(['recovering', 'live']);
  });

  it('that two connections share moves both when one of them gives other credentials', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() } });
    await using first = await RawClient.connect(gateway.url);
    await using second = await RawClient.connect(gateway.url);
    const { session } = await give(first, 'old');
    await second.ask({ action: 'auth', credentials: { session } });
    for (const client of [first, second]) await client.subscribe('oanda', ['EUR_USD']);
    await give(second, 'new');
    await gateway.wanted('tick EUR_USD', 'oanda new');
    emit(gateway, 'oanda new', tick(1, '2.2'));
    await waitFor(() => [first, second].every((client) => client.data('tick')[0]?.['bid'] === '2.2'));
    await waitFor(() => gateway.broker('oanda old').closed);
  });

  it('outlives its connection for a while, and then ends together with its credentials', async () => {
    const clock = new FakeClock();
    await using gateway = await RawGateway.start({
      brokers: { oanda: venue() },
      clock,
      heartbeatMs: 24 * 60 * MINUTE_MS,
    });
    await using first = await RawClient.connect(gateway.url);
    const { session } = await give(first, 'mine');
    await first.close();
    await gateway.settles('connections', { protocol: 'raw' }, 0);
    await clock.advance(14 * MINUTE_MS);
    await using second = await RawClient.connect(gateway.url);
    expect(await second.ask({ action: 'auth', credentials: { session } })).toMatchObject({ session });
    await clock.advance(60 * MINUTE_MS);
    expect(await second.subscribe('oanda', ['EUR_USD'])).toMatchObject({ status: 'subscribed' });
    await second.close();
    await gateway.settles('connections', { protocol: 'raw' }, 0);
    await clock.advance(15 * MINUTE_MS);
    expect(gateway.broker('oanda mine').closed).toBe(true);
    await using third = await RawClient.connect(gateway.url);
    const late = await third.ask({ action: 'auth', credentials: { session } });
    expect(late).toMatchObject({ type: 'error', code: 'UNAUTHENTICATED', retryable: false });
  });

  it('that does not exist changes nothing', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() } });
    await using client = await RawClient.connect(gateway.url);
    await give(client, 'mine');
    await client.subscribe('oanda', ['EUR_USD']);
    const answer = await client.ask({ action: 'auth', credentials: { session: 'x'.repeat(43) } });
    expect(answer).toMatchObject({ type: 'error', code: 'UNAUTHENTICATED' });
    await gateway.wanted('tick EUR_USD', 'oanda mine');
    emit(gateway, 'oanda mine', tick(1));
    await waitFor(() => client.data('tick').length === 1);
  });

  it('is not accepted over plain text from another machine', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: venue() }, secure: false });
    await using client = await RawClient.connect(gateway.url);
    expect(await client.ask({ action: 'auth', credentials: { session: 'x' } })).toMatchObject({ code: 'FORBIDDEN' });
  });
});
