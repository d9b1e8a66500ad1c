import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../support/waitFor.ts';
import { DEFAULT_ACCOUNTS } from '../../venues/oanda/accounts.ts';
import { LineClient } from '../../venues/oanda/LineClient.ts';
import { StandInOanda } from '../../venues/oanda/StandInOanda.ts';
import type { StandInOptions } from '../../venues/oanda/StandInOanda.ts';

const [FIRST, SECOND] = DEFAULT_ACCOUNTS;
const EURO = 'EUR_USD';

function start(options: Partial<StandInOptions> = {}): Promise<StandInOanda> {
  return StandInOanda.start({ windowMs: 0, limits: { connectionsPerSecond: 100 }, ...options });
}

/** A stream without a snapshot, unless its query says otherwise. */
function listen(
  venue: StandInOanda,
  options: Partial<Parameters<typeof LineClient.open>[1]> = {},
): Promise<LineClient> {
  return LineClient.open(venue, { instruments: EURO, query: 'snapshot=false', ...options });
}

describe('the end of streams', () => {
  it('is the end of the body, of TCP without the body, or a reset, for one account or for all', async () => {
    await using venue = await start();
    using first = await listen(venue);
    using other = await listen(venue, { accountId: SECOND.id });
    await venue.faults.hangUp('end', FIRST.id);
    expect(await first.waitForEnd()).toBe('end');
    expect([other.ended, venue.streamsOf(FIRST.id).length]).toEqual([null, 0]);
    using second = await listen(venue);
    await venue.faults.hangUp('drop');
    await Promise.all([second.waitForEnd(), other.waitForEnd()]);
    expect([second.ended, other.ended]).toEqual(['ECONNRESET', 'ECONNRESET']);
    const reset = await rawStream(venue, () => venue.faults.hangUp('reset'));
    expect(reset.error).toBe('ECONNRESET');
    const dropped = await rawStream(venue, () => venue.faults.hangUp('drop'));
    expect([dropped.error, dropped.bytes.toString('latin1').endsWith('0\r\n\r\n')]).toEqual([null, false]);
  });

  it.each(['end', 'drop', 'reset'] as const)('comes in the middle of a line, as %s', async (how) => {
    await using venue = await start();
    using client = await listen(venue);
    await venue.faults.endInMidLine(how);
    expect(await client.waitForEnd()).toBe(how === 'end' ? 'end' : 'ECONNRESET');
    expect([client.lines, client.text]).toEqual([[], '{"type":"PRICE","time":"2026-01-0']);
  });

  it('comes in the middle of a character', async () => {
    await using venue = await start();
    using client = await listen(venue);
    await venue.faults.endInMidCharacter('end');
    await client.waitForEnd();
    expect(Buffer.concat(client.chunks).subarray(-3)).toEqual(Buffer.from([0x22, 0xe2, 0x82]));
  });

  it('comes in the header of a chunk, which may be invalid', async () => {
    await using venue = await start();
    const cut = await rawStream(venue, () => venue.faults.endInChunkHeader());
    expect(cut.bytes.toString('latin1')).toMatch(/\r\n1f$/);
    using client = await listen(venue);
    await venue.faults.endInChunkHeader('nonsense\r\n');
    expect(await client.waitForEnd()).toBe('HPE_INVALID_CHUNK_SIZE');
  });

  it('comes for a client that leaves megabytes unread', async () => {
    await using venue = await start();
    const result = await rawStream(venue, async (tcp) => {
      tcp.pause();
      const stream = await venue.waitForStream(FIRST.id);
      const filler = Buffer.alloc(1_000_000, ' ');
      await waitFor(() => {
        stream.send(filler);
        return !stream.open;
      }, 'the end of the stream');
      tcp.resume();
    });
    expect([result.error, venue.streams.length]).toEqual(['ECONNRESET', 0]);
  });

  it('comes at the end of their lifetime, only for those that began since it was set', async () => {
    await using venue = await start();
    using old = await listen(venue);
    venue.faults.stream.lifetimeMs = 30;
    using young = await listen(venue);
    expect(await young.waitForEnd()).toBe('end');
    expect(old.ended).toBeNull();
  });

  it('comes when their token is revoked, which is then unknown', async () => {
    await using venue = await start();
    using client = await listen(venue);
    using other = await listen(venue, { accountId: SECOND.id });
    venue.revoke(FIRST.token);
    expect(await client.waitForEnd()).toBe('end');
    using again = await listen(venue);
    expect([again.status, other.ended]).toEqual([401, null]);
  });
});

describe('a silence', () => {
  it('keeps streams open without a byte, all of them or those that are open now', async () => {
    await using venue = await start({ heartbeatMs: 10 });
    await using lively = await start({ heartbeatMs: 10 });
    venue.faults.stream.silence = true;
    using client = await listen(venue);
    venue.price(FIRST.id, EURO);
    // A venue that is not silent sends several heartbeats in this period.
    using witness = await listen(lively);
    await witness.waitForLines(6);
    expect([client.chunks.length, client.ended, venue.streams.length]).toEqual([0, null, 1]);
    venue.faults.stream.silence = false;
    await client.waitForLines(1);
    venue.faults.silenceOpenStreams();
    const silent = client.lines.length;
    using young = await listen(venue);
    await young.waitForLines(4);
    expect(client.lines.length - silent).toBeLessThanOrEqual(1);
    expect(client.ended).toBeNull();
  });

  it('may affect only prices, or only heartbeats', async () => {
    await using venue = await start({ heartbeatMs: 10 });
    venue.faults.stream.noPrices = true;
    using client = await listen(venue, { query: 'snapshot=true' });
    venue.price(FIRST.id, EURO);
    await client.waitForLines(3);
    expect(client.prices).toEqual([]);
    venue.faults.stream.noPrices = false;
    venue.faults.stream.noHeartbeats = true;
    using other = await listen(venue);
    using _running = venue.run({ everyMs: 5 });
    await other.waitForPrices(8);
    expect(other.lines).toHaveLength(other.prices.length);
  });

  it('follows when streams are forgotten: their places are free, and the clients do not notice', async () => {
    await using venue = await start({ heartbeatMs: 10, limits: { streams: 1, connectionsPerSecond: 100 } });
    using client = await listen(venue);
    venue.faults.forgetOpenStreams();
    expect(venue.streams).toEqual([]);
    using next = await listen(venue);
    const before = client.lines.length;
    await next.waitForLines(3);
    expect([next.status, client.ended]).toEqual([200, null]);
    expect(client.lines.length - before).toBeLessThanOrEqual(1);
  });
});

describe('bytes and lines', () => {
  it('can be cut at any byte, or at every one', async () => {
    await using venue = await start();
    using client = await listen(venue);
    venue.faults.stream.cut = 'bytes';
    venue.faults.stream.style = { extra: { note: '€' } };
    venue.price(FIRST.id, EURO);
    const [line = ''] = await client.waitForLines(1);
    expect(JSON.parse(line)).toMatchObject({ note: '€', instrument: EURO });
    expect(client.chunks.every((chunk) => chunk.length === 1)).toBe(true);
    venue.faults.stream.cut = (bytes) => [3, bytes.length - 2];
    venue.price(FIRST.id, EURO);
    await client.waitForLines(2);
    expect(client.chunks.slice(-3).map(({ length }) => length)).toEqual([3, Buffer.byteLength(line) - 4, 2]);
  });

  it('can share one chunk, with other line ends and blank lines', async () => {
    await using venue = await start();
    using client = await listen(venue);
    Object.assign(venue.faults.stream, { coalesced: true, lineEnd: '\r\n', blankLines: true });
    for (let count = 0; count < 3; count += 1) venue.price(FIRST.id, EURO);
    await client.waitForLines(3);
    expect(client.chunks).toHaveLength(1);
    expect(client.text.split('\r\n\r\n')).toHaveLength(4);
  });

  it('can be nonsense, unknown types, repeated prices and older ones', async () => {
    await using venue = await start();
    using client = await listen(venue);
    const price = venue.price(FIRST.id, EURO, { bid: '1.10000' });
    venue.price(FIRST.id, EURO, { bid: '1.20000' });
    venue.faults.malformed('{"type":"PRI\n');
    venue.faults.malformed(Buffer.from([0xff, 0xfe, 0x0a]), FIRST.id);
    venue.faults.malformed('not for these\n', SECOND.id);
    venue.faults.unknownType();
    venue.faults.repeatPrice(FIRST.id, EURO);
    venue.faults.olderPrice(FIRST.id, EURO);
    const lines = await client.waitForLines(7);
    expect(lines[2]).toBe('{"type":"PRI');
    expect(lines[4]).toContain('"type":"SOMETHING_NEW"');
    expect([lines[5], lines[6]]).toEqual([lines[1], lines[0]]);
    expect(venue.lastPrice(FIRST.id, EURO)?.time).toBeGreaterThan(price.time);
  });
});

describe('the overlap of two streams', () => {
  it('repeats on the second what was the last price of the first, or the one before', async () => {
    await using venue = await start();
    using first = await listen(venue);
    venue.price(FIRST.id, EURO, { bid: '1.10000' });
    venue.price(FIRST.id, EURO, { bid: '1.20000' });
    using second = await listen(venue, { instruments: `${EURO},USD_JPY`, query: 'snapshot=true' });
    venue.faults.stream.snapshot = 'older';
    using third = await listen(venue, { query: 'snapshot=true' });
    venue.faults.stream.snapshot = 'none';
    using fourth = await listen(venue, { query: 'snapshot=true' });
    const last = venue.price(FIRST.id, EURO, { bid: '1.30000' });
    await Promise.all([
      first.waitForPrices(3),
      second.waitForPrices(3),
      third.waitForPrices(2),
      fourth.waitForPrices(1),
    ]);
    expect(second.prices).toContain(first.prices[1]);
    expect(third.prices).toEqual([first.prices[0], first.prices[2]]);
    expect(fourth.prices).toEqual([first.prices[2]]);
    expect(last.bids).toEqual([{ price: '1.30000', liquidity: 10_000_000 }]);
  });

  it('can lag on the second: its prices are older than those the first has sent', async () => {
    await using venue = await start();
    using first = await listen(venue);
    venue.faults.stream.lagMs = 60;
    using second = await listen(venue);
    venue.price(FIRST.id, EURO);
    await first.waitForPrices(1);
    venue.price(FIRST.id, EURO);
    await first.waitForPrices(2);
    expect(second.prices).toEqual([]);
    await second.waitForPrices(2);
    expect(second.prices).toEqual(first.prices);
  });
});

describe('requests that open streams', () => {
  it('fail if the test says so, while requests to REST do not', async () => {
    await using venue = await start();
    venue.faults.opening.nextReply(401);
    venue.faults.opening.nextReply(504, { body: '{}' });
    venue.faults.opening.nextReply(502, { html: true });
    venue.faults.opening.nextReply(200, { html: true });
    const texts: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      using client = await listen(venue);
      await client.waitForEnd();
      texts.push(`${client.status} ${client.text.slice(0, 16)}`);
    }
    expect(texts).toEqual(['401 ', '504 {}', '502 <html>\r\n<head><t', '200 <html>\r\n<head><t']);
    venue.faults.opening.nextReset();
    await expect(listen(venue)).rejects.toThrow(/hang up|ECONNRESET/);
    expect(venue.requests.every(({ host }) => host === 'stream')).toBe(true);
    using client = await listen(venue);
    expect(client.status).toBe(200);
  });

  it('are answered late, or never', async () => {
    await using venue = await start();
    venue.faults.opening.delayMs = 40;
    const before = performance.now();
    using late = await listen(venue);
    expect(performance.now() - before).toBeGreaterThanOrEqual(35);
    venue.faults.opening.hold = true;
    using never = LineClient.start(venue, { instruments: EURO });
    await waitFor(() => venue.streamAttempts() === 2, 'the request');
    expect([late.status, never.status, venue.streams.length]).toEqual([200, 0, 1]);
  });

  it('are refused like all others during maintenance or a ban, and if connections are reset', async () => {
    await using venue = await start();
    using old = await listen(venue);
    venue.faults.maintenance = 503;
    using first = await listen(venue);
    venue.faults.maintenance = null;
    venue.faults.ban({ untilMs: Number.POSITIVE_INFINITY, status: 429, html: false });
    using second = await listen(venue);
    venue.faults.ban(null);
    expect([first.status, second.status, old.ended]).toEqual([503, 429, null]);
    venue.faults.refuseConnections = true;
    await expect(listen(venue)).rejects.toThrow(/hang up|ECONNRESET/);
  });
});

describe('idle connections', () => {
  it('are closed when the test says so', async () => {
    await using venue = await start();
    const agent = new Agent({ keepAlive: true });
    const answered = Promise.withResolvers<void>();
    const options = { agent, headers: { authorization: `Bearer ${FIRST.token}` } };
    let isEnded = false;
    get(`${venue.restUrl}/v3/accounts`, options, (response) => {
      response.resume();
      response.socket.once('close', () => (isEnded = true));
      response.once('end', answered.resolve);
    });
    await answered.promise;
    // The client may have the whole answer before the venue counts the connection as idle.
    await waitFor(() => {
      venue.faults.closeIdleConnections();
      return isEnded;
    }, 'the idle connection to be ended');
    agent.destroy();
    expect(venue.connections).toBe(1);
  });
});

/** Everything that TCP receives for one stream until it ends. */
async function rawStream(
  venue: StandInOanda,
  act: (tcp: Socket) => Promise<void>,
): Promise<{ readonly bytes: Buffer; readonly error: string | null }> {
  const { port } = new URL(venue.streamUrl);
  const tcp = connect(Number(port), '127.0.0.1');
  const chunks: Buffer[] = [];
  let error: string | null = null;
  tcp.on('data', (chunk) => chunks.push(chunk));
  tcp.on('error', (thrown: NodeJS.ErrnoException) => {
    error = thrown.code ?? thrown.message;
  });
  const closed = new Promise((resolve) => tcp.once('close', resolve));
  tcp.write(
    `GET /v3/accounts/${FIRST.id}/pricing/stream?instruments=${EURO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${FIRST.token}\r\n\r\n`,
  );
  await waitFor(() => Buffer.concat(chunks).includes('PRICE'), 'the snapshot');
  await act(tcp);
  await closed;
  return { bytes: Buffer.concat(chunks), error };
}
