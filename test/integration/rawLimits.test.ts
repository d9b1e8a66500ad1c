import { once } from 'node:events';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { PAST_ROOM } from '../../src/core/NumberedStream.ts';
import { WebSocket } from 'ws';
import { tick, trade } from '../support/events.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { waitFor } from '../support/waitFor.ts';

/** Makes the gateway's `resolve` wait from now on, until the test lets it continue. */
function hold(gateway: RawGateway): { readonly release: () => void; readonly waiting: () => number } {
  const gate = Promise.withResolvers<void>();
  const { subscriptions } = gateway.services;
  const resolve = subscriptions.resolve.bind(subscriptions);
  const spy = vi.spyOn(subscriptions, 'resolve').mockImplementation(async (...asked) => {
    await gate.promise;
    return resolve(...asked);
  });
  return { release: gate.resolve, waiting: () => spy.mock.calls.length };
}

/** Sends bytes over an upgraded connection and closes it, whatever the gateway answers. */
async function sendBytes(gateway: RawGateway, bytes: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const handshake = ['GET /ws HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket'];
  const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  socket.write([...handshake, ...key, '\r\n'].join('\r\n'));
  await once(socket, 'data');
  socket.resume();
  socket.end(bytes);
  await once(socket, 'close');
}

describe('a bad message', () => {
  it('gets its error, and nothing else happens', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    client.send('{"action":');
    await client.waitFor(({ code }) => code === 'BAD_REQUEST');
    const answer = await client.ask({ action: 'subscribe', symbols: ['BTCUSDT'], options: { depth: 0 } });
    expect(answer).toMatchObject({ type: 'error', code: 'BAD_REQUEST', retryable: false });
    expect((await client.ask({ action: 'list' }))['subscriptions']).toEqual([]);
    expect(client.closed).toBeNull();
    expect(await gateway.metric('invalid_messages_total', { source: 'raw' })).toBe(2);
    expect(await gateway.metric('errors_total', { code: 'BAD_REQUEST' })).toBe(2);
  });

  it('closes the connection with 1008 if there are too many within a minute', async () => {
    await using gateway = await RawGateway.start({ limits: { invalidMessagesPerMinute: 3 } });
    await using client = await RawClient.connect(gateway.url);
    for (let count = 0; count < 3; count += 1) client.send('nonsense');
    await client.ask({ action: 'ping' });
    expect(client.closed).toBeNull();
    client.send('nonsense');
    expect((await client.waitForClose()).code).toBe(1008);
    expect(client.messages.filter(({ code }) => code === 'BAD_REQUEST')).toHaveLength(4);
  });

  it('that is binary closes the connection with 1003', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    client.send(Buffer.from('{"action":"ping"}'));
    expect(await client.waitForClose()).toMatchObject({ code: 1003, reason: expect.stringContaining('JSON as text') });
  });

  it('over the size limit closes the connection with 1009, one of exactly that size does not', async () => {
    await using gateway = await RawGateway.start({ maxPayloadBytes: 200 });
    await using client = await RawClient.connect(gateway.url);
    const ping = '{"action":"ping","id":1}';
    client.send(ping.padEnd(200));
    await client.waitFor(({ status }) => status === 'pong');
    client.send(ping.padEnd(201));
    expect((await client.waitForClose()).code).toBe(1009);
    expect(await gateway.metric('invalid_messages_total', { source: 'raw' })).toBe(1);
  });
});

describe('the rate limit', () => {
  it('makes faster messages wait, and all of them are executed', async () => {
    const clock = new FakeClock();
    const limits = { messagesPerSecond: 2, subscriptionsPerConnection: 2 };
    await using gateway = await RawGateway.start({ clock, limits });
    await using client = await RawClient.connect(gateway.url);
    for (let id = 1; id <= 8; id += 1) client.send({ action: 'ping', id });
    const pongs = (): number => client.messages.filter(({ status }) => status === 'pong').length;
    // The limit is twice the rate, and as many more as the client may have subscriptions.
    await waitFor(() => pongs() === 6);
    await waitFor(() => clock.pending > 1, 'the next to wait');
    await clock.advance(499);
    expect(pongs()).toBe(6);
    await clock.advance(1);
    await waitFor(() => pongs() === 7);
    await clock.advance(500);
    await waitFor(() => pongs() === 8);
    expect(client.messages.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it('lets a page that reconnects have all its subscriptions at once', async () => {
    const lists = Array.from({ length: 128 }, (_unused, index) => `S${index}`);
    await using gateway = await RawGateway.start({ brokers: { b: { lists } } });
    await using client = await RawClient.connect(gateway.url);
    for (const symbol of lists) client.send({ action: 'subscribe', broker: 'b', symbols: [symbol] });
    await waitFor(() => client.messages.filter(({ status }) => status === 'subscribed').length === 128);
    expect(client.messages.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it('closes a client that exceeds it for ten seconds with 1013, and a neighbour notices nothing', async () => {
    const clock = new FakeClock();
    await using gateway = await RawGateway.start({ clock, limits: { messagesPerSecond: 20 } });
    await using flooding = await RawClient.connect(gateway.url);
    await using neighbour = await RawClient.connect(gateway.url);
    for (let count = 0; count < 20_000; count += 1) {
      flooding.send({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'], id: count });
    }
    const answer = await neighbour.ask({ action: 'ping' });
    expect(answer['status']).toBe('pong');
    expect((await clock.advanceUntil(50, () => flooding.closed, 'the flooding client to be closed')).code).toBe(1013);
    expect(flooding.messages.length).toBeLessThan(500);
  });
});

describe('the limit of subscriptions', () => {
  const lists = Array.from({ length: 10 }, (_unused, index) => `S${index}`);

  it('counts each subscribe once, whatever the number of its symbols', async () => {
    await using gateway = await RawGateway.start({
      brokers: { b: { lists } },
      limits: { subscriptionsPerConnection: 2 },
    });
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('b', ['S0', 'S1', 'S2'], ['tick', 'trade']);
    await client.subscribe('b', ['S3']);
    expect(await client.subscribe('b', ['S4'])).toMatchObject({
      type: 'error',
      code: 'LIMIT_EXCEEDED',
      retryable: false,
    });
    expect(await gateway.metric('subscriptions', { protocol: 'raw' })).toBe(2);
  });

  it('makes room when a subscription is completely replaced, or given up', async () => {
    await using gateway = await RawGateway.start({
      brokers: { b: { lists } },
      limits: { subscriptionsPerConnection: 2 },
    });
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('b', ['S0', 'S1']);
    await client.subscribe('b', ['S2']);
    expect(await client.subscribe('b', ['S0'], ['tick'], { throttleMs: 5 })).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await client.subscribe('b', ['S0', 'S1', 'S3'])).toMatchObject({ status: 'subscribed' });
    await client.ask({ action: 'unsubscribe', symbols: ['S2'] });
    expect(await client.subscribe('b', ['S4'])).toMatchObject({ status: 'subscribed' });
    await client.ask({ action: 'unsubscribe' });
    expect(await gateway.metric('subscriptions', { protocol: 'raw' })).toBe(0);
  });

  it('and that of symbols in one of them are reported as LIMIT_EXCEEDED', async () => {
    await using gateway = await RawGateway.start({ brokers: { b: { lists } }, limits: { symbolsPerSubscription: 2 } });
    await using client = await RawClient.connect(gateway.url);
    expect(await client.subscribe('b', ['S0', 'S1', 'S2'])).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await client.subscribe('b', ['S0', 'S1', 'S0'])).toMatchObject({ status: 'subscribed' });
  });
});

describe('messages of one client', () => {
  it('are executed in order: an unsubscribe sent after a subscribe wins', async () => {
    await using gateway = await RawGateway.start();
    const slow = hold(gateway);
    await using client = await RawClient.connect(gateway.url);
    client.send({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'], id: 1 });
    client.send({ action: 'unsubscribe', id: 2 });
    client.send('bad');
    client.send({ action: 'list', id: 3 });
    await waitFor(() => slow.waiting() === 1);
    slow.release();
    const list = await client.waitFor(({ id }) => id === 3);
    expect(list['subscriptions']).toEqual([]);
    expect(client.messages.slice(1).map(({ id, code }) => id ?? code)).toEqual([1, 2, 'BAD_REQUEST', 3]);
  });

  it('wait while one before them takes long, and are executed in order', async () => {
    await using gateway = await RawGateway.start({ limits: { messagesPerSecond: 100 } });
    const slow = hold(gateway);
    await using client = await RawClient.connect(gateway.url);
    client.send({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'], id: 'first' });
    for (let id = 0; id < 200; id += 1) client.send({ action: 'ping', id });
    await waitFor(() => slow.waiting() === 1);
    slow.release();
    await client.waitFor(({ id }) => id === 199);
    const ids = client.messages.slice(1).flatMap(({ id }) => id ?? []);
    expect(ids).toEqual(['first', ...Array.from({ length: 200 }, (_unused, id) => id)]);
  });

  it('are answered with INTERNAL and an id after a fault of ours, and no connection is affected', async () => {
    await using gateway = await RawGateway.start();
    vi.spyOn(gateway.services.subscriptions, 'resolve').mockRejectedValue(new TypeError('canary in the cause'));
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.subscribe('binance', ['BTCUSDT']);
    expect(answer).toMatchObject({ type: 'error', code: 'INTERNAL', retryable: true });
    expect(JSON.stringify(answer)).not.toContain('canary');
    expect(await client.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
  });

  it('leave nothing behind if one of their streams cannot be opened', async () => {
    await using gateway = await RawGateway.start();
    const { subscriptions } = gateway.services;
    const open = subscriptions.open.bind(subscriptions);
    vi.spyOn(subscriptions, 'open').mockImplementation((opening) => {
      if (opening.request.symbols[0] === 'SOLUSDT') throw new TypeError('no');
      return open(opening);
    });
    await using client = await RawClient.connect(gateway.url);
    expect(await client.subscribe('binance', ['BTCUSDT', 'SOLUSDT'])).toMatchObject({ code: 'INTERNAL' });
    expect((await client.ask({ action: 'list' }))['subscriptions']).toEqual([]);
    await waitFor(() => gateway.broker().wantedNames.length === 0);
    expect(await gateway.metric('subscriptions', { protocol: 'raw' })).toBe(0);
  });
});

describe('a client that leaves', () => {
  it('leaves nothing behind', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT', 'ETHUSDT'], ['tick', 'trade', 'orderbook']);
    await gateway.wanted('orderbook ETHUSDT');
    expect(await gateway.metric('connections', { protocol: 'raw' })).toBe(1);
    client.socket.terminate();
    await waitFor(() => gateway.broker().wantedNames.length === 0);
    expect(await gateway.metric('connections', { protocol: 'raw' })).toBe(0);
    expect(await gateway.metric('subscriptions', { protocol: 'raw' })).toBe(0);
  });

  it('in the middle of a subscribe leaves nothing behind either', async () => {
    await using gateway = await RawGateway.start();
    const slow = hold(gateway);
    await using client = await RawClient.connect(gateway.url);
    client.send({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'] });
    client.send({ action: 'subscribe', broker: 'binance', symbols: ['SOLUSDT'] });
    await waitFor(() => slow.waiting() === 1);
    await using other = await RawClient.connect(gateway.url);
    client.socket.terminate();
    await gateway.settles('connections', { protocol: 'raw' }, 1);
    slow.release();
    await other.subscribe('binance', ['ETHUSDT']);
    await gateway.wanted('tick ETHUSDT');
    expect(gateway.broker().wantedNames).toEqual(['tick ETHUSDT']);
    expect(slow.waiting()).toBe(2);
    expect(await gateway.metric('subscriptions', { protocol: 'raw' })).toBe(1);
  });
});

describe('the heartbeat', () => {
  it('pings every client, and cuts off a client that missed one before the next ping', async () => {
    const clock = new FakeClock();
    await using gateway = await RawGateway.start({ clock, heartbeatMs: 30_000 });
    await using client = await RawClient.connect(gateway.url);
    await using deaf = await RawClient.connect(gateway.url, { autoPong: false });
    let pings = 0;
    client.socket.on('ping', () => (pings += 1));
    let deafPings = 0;
    deaf.socket.on('ping', () => (deafPings += 1));
    await clock.advance(29_999);
    await client.ask({ action: 'ping' });
    expect(pings).toBe(0);
    await clock.advance(1);
    await waitFor(() => pings === 1 && deafPings === 1);
    await client.ask({ action: 'ping' });
    await clock.advance(30_000);
    expect((await deaf.waitForClose()).code).toBe(1006);
    await waitFor(() => pings === 2);
    expect([deafPings, client.closed]).toEqual([1, null]);
  });

  it('leaves no timer behind', async () => {
    const clock = new FakeClock();
    {
      await using gateway = await RawGateway.start({ clock });
      await using client = await RawClient.connect(gateway.url);
      await client.ask({ action: 'ping' });
      expect(clock.pending).toBeGreaterThan(0);
    }
    expect(clock.pending).toBe(0);
  });
});

describe('a slow consumer', () => {
  it('of trades gets SLOW_CONSUMER and is closed with 1013, and its neighbour gets every trade', async () => {
    await using gateway = await RawGateway.start({ limits: { queueBytesPerConnection: 4_096 } });
    await using slow = await RawClient.connect(gateway.url);
    await using healthy = await RawClient.connect(gateway.url);
    for (const client of [slow, healthy]) await client.subscribe('binance', ['BTCUSDT'], ['trade']);
    await gateway.wanted('trade BTCUSDT');
    const { sink } = gateway.broker();
    const feed = gateway.broker().feed('trade BTCUSDT');
    slow.socket.pause();
    let sent = 0;
    // The kernel buffers some megabytes before anybody notices.
    while ((await gateway.metric('slow_consumers_closed_total', { protocol: 'raw' })) === 0 && sent < 200_000) {
      for (let count = 0; count < 200; count += 1) sink.onEvent(feed, trade((sent += 1)));
      await waitFor(() => healthy.messages.length === sent + 2);
    }
    slow.socket.resume();
    expect((await slow.waitForClose()).code).toBe(1013);
    expect(slow.messages.at(-1)).toMatchObject({ type: 'error', code: 'SLOW_CONSUMER', retryable: true });
    expect(healthy.closed).toBeNull();
    expect(healthy.data('trade').map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: sent }, (_unused, index) => PAST_ROOM + index + 1),
    );
    const delivered = await gateway.metric('events_delivered_total', { protocol: 'raw', type: 'trade' });
    expect(delivered).toBe(healthy.data('trade').length + slow.data('trade').length);
  });
});

describe('a slow consumer that unsubscribes', () => {
  it('gets nothing more of that stream after the answer, and of the others the newest', async () => {
    await using gateway = await RawGateway.start();
    await using slow = await RawClient.connect(gateway.url);
    await slow.subscribe('binance', ['BTCUSDT', 'ETHUSDT'], ['tick']);
    await gateway.wanted('tick ETHUSDT');
    const broker = gateway.broker();
    const [gone, kept] = ['BTCUSDT', 'ETHUSDT'].map((symbol) => broker.feed(`tick ${symbol}`));
    if (gone === undefined || kept === undefined) throw new Error('not wanted');
    slow.socket.pause();
    let sent = 0;
    while ((await gateway.metric('conflated_total', { type: 'tick' })) < 100) {
      for (let count = 0; count < 200; count += 1) {
        sent += 1;
        for (const feed of [gone, kept]) broker.sink.onEvent(feed, tick(sent));
      }
      await new Promise(setImmediate);
    }
    slow.send({ action: 'unsubscribe', symbols: ['BTCUSDT'], id: 'u' });
    await waitFor(() => gateway.manager.openStreams === 1);
    slow.socket.resume();
    const answered = await slow.waitFor(({ id }) => id === 'u');
    await waitFor(() => slow.data('tick').at(-1)?.sequence === sent);
    const after = slow.messages.slice(slow.messages.indexOf(answered));
    expect(after.filter(({ symbol, type }) => type === 'data' && symbol === 'BTCUSDT')).toEqual([]);
    expect(slow.closed).toBeNull();
  });
});

describe('a shutdown', () => {
  it('closes every client with 1001, and accepts no new one', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    const closed = gateway.raw.close();
    expect((await client.waitForClose()).code).toBe(1001);
    await closed;
    await gateway.raw.close();
    const late = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`);
    const error = await new Promise<Error>((resolve) => late.once('error', resolve));
    expect(error.message).toContain('503');
  });
});

describe('random input', () => {
  it('is answered or closes the client, the process goes on, and a neighbour notices nothing', async () => {
    await using gateway = await RawGateway.start({ limits: { invalidMessagesPerMinute: 5 } });
    await using neighbour = await RawClient.connect(gateway.url);
    await neighbour.subscribe('binance', ['BTCUSDT']);
    await gateway.wanted('tick BTCUSDT');
    const actions = fc.constantFrom('subscribe', 'unsubscribe', 'auth', 'authenticate', 'ping', 'list', 'nope');
    const names = fc.constantFrom('id', 'broker', 'symbols', 'types', 'options', 'credentials', '__proto__');
    const almost = fc
      .tuple(actions, fc.dictionary(names, fc.jsonValue()))
      .map(([action, members]) => JSON.stringify({ ...members, action }));
    const frames = fc.array(
      fc.oneof(
        almost,
        fc.json(),
        fc.string({ unit: 'binary' }),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      ),
      { maxLength: 8 },
    );
    let sequence = 0;
    await fc.assert(
      fc.asyncProperty(frames, async (messages) => {
        await using client = await RawClient.connect(gateway.url);
        for (const message of messages) client.send(message);
        client.send({ action: 'ping', id: 'end' });
        await waitFor(() => client.closed !== null || client.messages.some(({ id }) => id === 'end'));
        if (client.closed !== null) expect([1003, 1008]).toContain(client.closed.code);
        sequence += 1;
        gateway.broker().sink.onEvent(gateway.broker().feed('tick BTCUSDT'), tick(sequence));
        await waitFor(() => neighbour.data('tick').length === sequence);
      }),
      { numRuns: 60 },
    );
    await waitFor(() => gateway.broker().wantedNames.join() === 'tick BTCUSDT');
    expect(await gateway.metric('errors_total', { code: 'INTERNAL' })).toBe(0);
  });

  it('that is no WebSocket frame closes that connection and nothing else', async () => {
    await using gateway = await RawGateway.start();
    await using neighbour = await RawClient.connect(gateway.url);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        await sendBytes(gateway, bytes);
        expect((await neighbour.ask({ action: 'ping' }))['status']).toBe('pong');
      }),
      { numRuns: 40 },
    );
    await gateway.settles('connections', { protocol: 'raw' }, 1);
  });
});
