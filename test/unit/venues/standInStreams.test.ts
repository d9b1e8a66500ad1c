import { describe, expect, it } from 'vitest';
import { waitFor } from '../../support/waitFor.ts';
import { StandInBinance } from '../../venues/binance/StandInBinance.ts';
import { VenueClient } from '../../venues/binance/VenueClient.ts';

describe('a handshake', () => {
  it('chooses wrapped payloads on /stream and bare ones on /ws, for streams in the URL, percent-encoded or not', async () => {
    await using venue = await StandInBinance.start();
    const url = venue.websocketUrl;
    using combined = await VenueClient.connect(`${url}/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker`);
    using encoded = await VenueClient.connect(`${url}/stream?streams=btcusdt%40bookTicker%2Fbnbusdt%40bookTicker`);
    using raw = await VenueClient.connect(`${url}/ws/btcusdt@bookTicker/ethusdt@bookTicker`);
    venue.market('BTCUSDT').tick({ bid: ['43000', '1'], ask: ['43001', '2'] });
    await Promise.all([combined.waitForFrames(1), encoded.waitForFrames(1), raw.waitForFrames(1)]);
    const { lastUpdateId } = venue.market('BTCUSDT').book();
    const payload = `{"u":${lastUpdateId},"s":"BTCUSDT","b":"43000.00000000","B":"1.00000000","a":"43001.00000000","A":"2.00000000"}`;
    expect(raw.frames).toEqual([payload]);
    expect(combined.frames).toEqual([`{"stream":"btcusdt@bookTicker","data":${payload}}`]);
    expect(encoded.frames).toEqual(combined.frames);
  });

  it('may have bare paths, empty lists and unknown names, which give no data', async () => {
    await using venue = await StandInBinance.start();
    for (const path of ['/ws', '/stream', '/stream?streams=', '/ws/nope@nothing']) {
      using client = await VenueClient.connect(venue.websocketUrl + path);
      await client.settle();
      expect(client.frames).toHaveLength(1);
    }
    expect(venue.handshakes).toBe(4);
  });

  it.each([
    ['/', 404],
    ['/stream/nonsense', 404],
    ['/stream/ws/x', 404],
    ['/streams', 404],
    ['/ws?timeUnit=fortnight', 400],
    [`/stream?streams=${'a'.repeat(8000)}`, 414],
  ])('with %.40s is refused with %i', async (path, status) => {
    await using venue = await StandInBinance.start();
    expect(await VenueClient.refusal(venue.websocketUrl + path)).toBe(status);
    expect(venue.sockets).toHaveLength(0);
  });

  it('chooses times in microseconds for its own connection', async () => {
    await using venue = await StandInBinance.start({ now: () => 1_700_000_000_123 });
    using fine = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@trade?timeUnit=microsecond`);
    using coarse = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@trade`);
    venue.market('BTCUSDT').trade('43000', '1');
    await Promise.all([fine.waitForFrames(1), coarse.waitForFrames(1)]);
    expect(fine.messages()).toMatchObject([{ E: 1_700_000_000_123_000, T: 1_700_000_000_123_000 }]);
    expect(coarse.messages()).toMatchObject([{ E: 1_700_000_000_123, T: 1_700_000_000_123 }]);
  });
});

describe('control frames', () => {
  it('subscribe, list and unsubscribe, and their replies are never wrapped', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    expect(await client.request('SUBSCRIBE', ['btcusdt@trade', 'btcusdt@trade'])).toEqual({ result: null, id: 1 });
    await venue.waitForSubscription('btcusdt@trade');
    expect(await client.request('LIST_SUBSCRIPTIONS')).toEqual({ result: ['btcusdt@trade'], id: 2 });
    venue.market('BTCUSDT').trade();
    await client.waitForFrames(3);
    await client.request('UNSUBSCRIBE', ['btcusdt@trade']);
    await venue.waitForUnsubscription('btcusdt@trade');
    venue.market('BTCUSDT').trade();
    await client.settle();
    expect(client.frames).toHaveLength(5);
    expect(venue.controlFrames.map(({ message }) => message)).toHaveLength(4);
    expect(venue.sockets[0]?.framesReceived).toBe(4);
  });

  it('acknowledge and list names that do not exist, which never deliver', async () => {
    await using venue = await StandInBinance.start();
    const bogus = ['BTCUSDT@trade', 'nopeusdt@trade', 'btcusdt@depth@50ms', 'btcusdt@depth30', 'btcusdt@markPrice'];
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    await client.subscribe(...bogus);
    expect(await client.request('LIST_SUBSCRIPTIONS')).toEqual({ result: bogus, id: 2 });
    venue.market('BTCUSDT').trade();
    venue.market('BTCUSDT').depth();
    using running = venue.run({ everyMs: 1 });
    await client.settle();
    expect(running).toBeDefined();
    expect(client.frames).toHaveLength(3);
  });

  it('choose wrapped or bare payloads with SET_PROPERTY', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@trade`);
    await client.request('SET_PROPERTY', ['combined', true]);
    venue.market('BTCUSDT').trade();
    expect(
      await client.waitFor((message) => JSON.stringify(message).startsWith('{"stream":"btcusdt@trade"')),
    ).toBeDefined();
  });
});

describe('a connection', () => {
  it('ends at the sixth client frame within any second, pings and pongs included', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    for (let count = 0; count < 3; count += 1) client.send({ method: 'LIST_SUBSCRIPTIONS', id: count });
    client.socket.ping();
    client.socket.pong();
    await waitFor(() => venue.sockets[0]?.framesReceived === 5, 'five frames');
    expect(client.closed).toBeNull();
    client.socket.ping();
    expect(await client.waitForClose()).toEqual({ code: 1008, reason: 'Too many requests' });
  });

  it('gets pings with the time in milliseconds, and stays open if they are answered', async () => {
    await using venue = await StandInBinance.start({ socket: { pingPeriodMs: 250, pongDeadlineMs: 300 } });
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    await waitFor(() => client.pings.length >= 4, 'four pings');
    expect(client.closed).toBeNull();
    for (const payload of client.pings) expect(payload).toMatch(/^\d{13}$/);
  });

  it('ends if its pongs do not come, or do not echo the ping', async () => {
    await using venue = await StandInBinance.start({ socket: { pingPeriodMs: 60, pongDeadlineMs: 150 } });
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`, { autoPong: false });
    client.socket.on('ping', () => {
      if (client.pings.length === 1) client.socket.pong('1700000000000');
    });
    expect(await client.waitForClose()).toEqual({ code: 1008, reason: 'Pong timeout' });
  });

  it('gets its own pings answered with their payload', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    let pong = '';
    client.socket.on('pong', (data) => {
      pong = data.toString();
    });
    client.socket.ping('hello');
    await waitFor(() => pong === 'hello', 'the pong');
  });

  it('is refused streams beyond the limit', async () => {
    await using venue = await StandInBinance.start({ maxStreams: 2 });
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    await client.subscribe('a@trade', 'b@trade');
    expect(await client.request('SUBSCRIBE', ['c@trade'])).toMatchObject({ error: { code: 2 }, id: 2 });
    expect(venue.subscribed('c@trade')).toBe(false);
  });

  it('reports when a slow client has accepted everything that was sent', async () => {
    await using venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@trade`);
    const socket = venue.sockets[0];
    using quick = await VenueClient.connect(`${venue.websocketUrl}/ws/btcusdt@trade`);
    client.socket.pause();
    for (let count = 0; count < 20; count += 1) venue.publish('btcusdt@trade', `"${'x'.repeat(1_000_000)}"`);
    let taken = false;
    const flushed = socket?.flushed().finally(() => {
      taken = true;
    });
    // A client that reads accepts the same amount.
    await quick.waitForFrames(20);
    await venue.sockets[1]?.flushed();
    expect(taken).toBe(false);
    client.socket.resume();
    await flushed;
    await client.waitForFrames(20);
  });

  it('is closed when the stand-in is disposed of', async () => {
    const venue = await StandInBinance.start();
    using client = await VenueClient.connect(`${venue.websocketUrl}/stream`);
    await venue[Symbol.asyncDispose]();
    expect((await client.waitForClose()).code).toBe(1006);
    expect(venue.sockets).toHaveLength(0);
    await expect(VenueClient.connect(`${venue.websocketUrl}/stream`)).rejects.toThrow(/ECONNREFUSED/);
  });
});
