import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../support/waitFor.ts';
import { StandInBinance } from '../../venues/binance/StandInBinance.ts';
import { VenueClient } from '../../venues/binance/VenueClient.ts';

async function listen(venue: StandInBinance, streams = 'btcusdt@bookTicker'): Promise<VenueClient> {
  return VenueClient.connect(`${venue.websocketUrl}/stream?streams=${streams}`);
}

describe('the end of connections', () => {
  it('comes without a close frame, or with the given code', async () => {
    await using venue = await StandInBinance.start();
    using first = await listen(venue);
    await venue.faults.hangUp();
    expect((await first.waitForClose()).code).toBe(1006);
    using second = await listen(venue);
    await venue.faults.hangUp(1001, 'bye');
    expect(await second.waitForClose()).toEqual({ code: 1001, reason: 'bye' });
    expect(venue.subscribed('btcusdt@bookTicker')).toBe(false);
  });

  it('comes in the middle of a frame: some of its bytes arrive, then an error', async () => {
    await using venue = await StandInBinance.start();
    const tcp = connect(venue.port, '127.0.0.1');
    const chunks: Buffer[] = [];
    tcp.on('data', (chunk) => chunks.push(chunk));
    const failed = once(tcp, 'error');
    tcp.write(
      'GET /stream?streams=btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await venue.waitForSubscription('btcusdt@trade');
    using client = await listen(venue);
    await venue.faults.resetInMidFrame();
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(Buffer.concat(chunks).toString('latin1')).toMatch(/"stream":"btcusdt@trade","data":\{"e":"trade","p":"1$/);
    expect((await client.waitForClose()).code).toBe(1006);
    expect(client.frames).toHaveLength(0);
  });

  it('comes at the end of their lifetime, only for those that began since it was set', async () => {
    await using venue = await StandInBinance.start();
    using old = await listen(venue);
    venue.faults.lifetimeMs = 50;
    using young = await listen(venue);
    expect((await young.waitForClose()).code).toBe(1006);
    expect(old.closed).toBeNull();
  });

  it('is announced on every socket before a shutdown, wrapped like payloads', async () => {
    await using venue = await StandInBinance.start({ now: () => 1_770_123_456_789 });
    using combined = await listen(venue);
    using raw = await VenueClient.connect(`${venue.websocketUrl}/ws`);
    venue.faults.serverShutdown();
    await Promise.all([combined.waitForFrames(1), raw.waitForFrames(1)]);
    expect(raw.frames).toEqual(['{"e":"serverShutdown","E":1770123456789}']);
    expect(combined.frames).toEqual([`{"stream":"!serverShutdown","data":${raw.frames[0]}}`]);
  });
});

describe('a failing handshake', () => {
  it('gets the given status, or the connection is reset', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.handshakeStatus = 429;
    expect(await VenueClient.refusal(`${venue.websocketUrl}/stream`)).toBe(429);
    venue.faults.handshakeStatus = null;
    venue.faults.refuseConnections = true;
    await expect(VenueClient.connect(`${venue.websocketUrl}/stream`)).rejects.toThrow(/ECONNRESET|hang up/);
    await expect(fetch(`${venue.restUrl}/api/v3/ping`)).rejects.toThrow(/fetch failed/);
    venue.faults.refuseConnections = false;
    using client = await listen(venue);
    expect(client.closed).toBeNull();
  });

  it('is answered late', async () => {
    await using venue = await StandInBinance.start();
    venue.faults.handshakeDelayMs = 60;
    const before = performance.now();
    using client = await listen(venue);
    expect(performance.now() - before).toBeGreaterThanOrEqual(55);
    expect(client.closed).toBeNull();
  });
});

describe('a silence', () => {
  it('keeps sockets open without data, answers, pings or pongs', async () => {
    const socket = { pingPeriodMs: 20, pongDeadlineMs: 5000 };
    await using venue = await StandInBinance.start({ socket });
    await using lively = await StandInBinance.start({ socket });
    venue.faults.silence = true;
    using client = await listen(venue);
    let pongs = 0;
    client.socket.on('pong', () => {
      pongs += 1;
    });
    client.socket.ping();
    client.send({ method: 'LIST_SUBSCRIPTIONS', id: 1 });
    venue.market('BTCUSDT').tick();
    await waitFor(() => venue.sockets[0]?.framesReceived === 2, 'two frames of the client');
    // A venue that is not silent pings several times in this period.
    using witness = await listen(lively);
    await waitFor(() => witness.pings.length >= 3, 'pings of the other venue');
    expect([client.frames.length, client.pings.length, pongs, client.closed]).toEqual([0, 0, 0, null]);
    venue.faults.silence = false;
    await waitFor(() => client.pings.length > 0, 'a ping');
  });

  it('can affect the open sockets only', async () => {
    await using venue = await StandInBinance.start();
    using old = await listen(venue);
    venue.faults.silenceOpenSockets();
    using young = await listen(venue);
    venue.market('BTCUSDT').tick();
    await young.waitForFrames(1);
    expect(old.frames).toHaveLength(0);
  });

  it('can affect streams that were acknowledged', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    venue.faults.ackButSilent('*@bookTicker');
    await client.subscribe('btcusdt@bookTicker', 'btcusdt@trade');
    expect(await client.request('LIST_SUBSCRIPTIONS')).toMatchObject({
      result: ['btcusdt@bookTicker', 'btcusdt@trade'],
    });
    venue.market('BTCUSDT').tick();
    venue.market('BTCUSDT').trade();
    expect(await client.waitFor((message) => JSON.stringify(message).includes('"stream"'))).toMatchObject({
      stream: 'btcusdt@trade',
    });
    venue.faults.ackButSilent(null);
    venue.market('BTCUSDT').tick();
    expect(await client.waitFor((message) => JSON.stringify(message).includes('bookTicker","data'))).toBeDefined();
  });

  it('can affect SUBSCRIBE itself', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    venue.faults.ignoreSubscribe = true;
    client.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 77 });
    await client.settle();
    expect(client.frames).toEqual(['{"result":[],"id":1}']);
  });
});

describe('data and acknowledgements', () => {
  it('can be out of order: data before the acknowledgement, or after the end of a subscription', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    venue.faults.dataBeforeAck = true;
    venue.faults.dataAfterUnsubscribe = true;
    await client.subscribe('btcusdt@bookTicker', 'ethusdt@trade');
    expect(client.messages()).toMatchObject([{ stream: 'btcusdt@bookTicker' }, { stream: 'ethusdt@trade' }, { id: 1 }]);
    await client.request('UNSUBSCRIBE', ['ethusdt@trade']);
    await client.waitForFrames(5);
    expect(client.messages().slice(3)).toMatchObject([{ id: 2 }, { stream: 'ethusdt@trade' }]);
    expect(venue.subscribed('ethusdt@trade')).toBe(false);
  });
});

describe('a malformed frame', () => {
  it('is any text or bytes, sent unchanged to all or to the subscribers of a stream', async () => {
    await using venue = await StandInBinance.start();
    using ticks = await listen(venue);
    using trades = await listen(venue, 'btcusdt@trade');
    venue.faults.malformed('{"stream":', 'btcusdt@trade');
    venue.faults.malformedPayload('btcusdt@trade', '{"e":"trade","p":1e308}');
    venue.faults.malformed('nonsense');
    venue.faults.malformed(Buffer.from([1, 2, 3]));
    await waitFor(() => ticks.binaryFrames === 1 && trades.binaryFrames === 1, 'the binary frame');
    expect(ticks.frames).toEqual(['nonsense']);
    expect(trades.frames).toEqual([
      '{"stream":',
      '{"stream":"btcusdt@trade","data":{"e":"trade","p":1e308}}',
      'nonsense',
    ]);
  });
});
