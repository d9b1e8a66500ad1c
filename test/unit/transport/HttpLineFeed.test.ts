import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { runOwned } from '../../../src/shared/faultScope.ts';
import { HttpLineFeed, LineSplitter, LineTooLongError } from '../../../src/transport/HttpLineFeed.ts';
import type { HttpLineFeedOptions } from '../../../src/transport/HttpLineFeed.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ScriptedServer } from './ScriptedServer.ts';
import fc from 'fast-check';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

function read(url: string, options: Partial<HttpLineFeedOptions> = {}) {
  const clock = new FakeClock();
  const told = { opened: 0, lines: [] as string[], activity: 0, invalid: 0 };
  const feed: HttpLineFeed = new HttpLineFeed({
    target: () => ({ url, headers: { authorization: 'Bearer secret' } }),
    clock,
    deadAfterMs: 10_000,
    senselessAfterMs: 20_000,
    maxLineBytes: 1_000,
    maxInvalidPerMinute: 3,
    listener: {
      onOpen: () => (told.opened += 1),
      onLine: (text) => {
        told.lines.push(text);
        if (text === 'end') feed.end('The listener has had enough.');
        return !text.startsWith('!');
      },
      onActivity: () => (told.activity += 1),
      onInvalid: () => (told.invalid += 1),
    },
    ...options,
  });
  stack.defer(async () => {
    feed.end('The test is over.');
    await feed.gone;
  });
  return { clock, feed, told };
}

/** A stream that stays open, with the hand that feeds it. */
async function stream() {
  let response: ServerResponse | null = null;
  const server = stack.use(
    await ScriptedServer.start((_request: IncomingMessage, answer) => {
      answer.writeHead(200, { 'content-type': 'application/octet-stream' });
      answer.flushHeaders();
      response = answer;
      return null;
    }),
  );
  return { server, hand: () => waitFor(() => response, 'a request') };
}

describe('the line feed', () => {
  it('reads lines whatever the type of the content, in whatever chunks, cut within a character too', async () => {
    const { server, hand } = await stream();
    const { told } = read(server.url);
    const response = await hand();
    for (const byte of Buffer.from('erste\r\n\r\nzwölf €\n')) response.write(Buffer.from([byte]));
    response.write('a\nb\nc');
    await waitFor(() => told.lines.length === 4);
    expect(told).toMatchObject({ opened: 1, lines: ['erste', 'zwölf €', 'a', 'b'], invalid: 0 });
  });

  it('sends what it is given, asks for no compression, and keeps no connection', async () => {
    const { server, hand } = await stream();
    read(`${server.url}/path?a=b`);
    await hand();
    expect(server.requests).toEqual(['/path?a=b']);
    expect(server.headers[0]).toMatchObject({
      authorization: 'Bearer secret',
      'accept-encoding': 'identity',
      connection: 'close',
    });
  });

  it('asks for its target once, and keeps nothing of it', async () => {
    const { server, hand } = await stream();
    let asked = 0;
    const target = () => {
      asked += 1;
      return { url: server.url, headers: {} };
    };
    const { told } = read(server.url, { target });
    (await hand()).write('a\n');
    await waitFor(() => told.lines.length === 1);
    expect(asked).toBe(1);
  });

  it('ends once, with nothing left, when the other side ends the stream', async () => {
    const { server, hand } = await stream();
    const { feed, clock } = read(server.url);
    (await hand()).end('a\nhalf of a li');
    expect(await feed.ended).toEqual({ reason: 'The other side ended the stream.', retryAfterMs: 0, refusal: null });
    await feed.gone;
    expect(clock.pending).toBe(0);
    await waitFor(() => server.openConnections === 0);
  });

  it.each([
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['cut', (socket: Socket) => socket.destroy()],
    ['broken in the header of a chunk', (socket: Socket) => socket.end('xyz\r\n')],
  ])('ends once when the connection is %s', async (_name, breakIt) => {
    const { server, hand } = await stream();
    const { feed, told, clock } = read(server.url);
    const response = await hand();
    response.write('a\n');
    await waitFor(() => told.lines.length === 1);
    if (response.socket !== null) breakIt(response.socket);
    expect((await feed.ended).reason).toMatch(/^The (connection failed|other side)/);
    await feed.gone;
    expect(clock.pending).toBe(0);
  });

  it('ends when nobody listens there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    server.close();
    await once(server, 'close');
    const { feed } = read(`http://127.0.0.1:${port}`);
    expect((await feed.ended).reason).toBe('The connection failed (ECONNREFUSED).');
    await feed.gone;
  });

  it('ends when there can be no such request, and says nothing of what was in it', async () => {
    const { feed } = read('http://127.0.0.1', {
      target: () => ({ url: 'http://127.0.0.1:1', headers: { authorization: 'Bearer se\ncret' } }),
    });
    const end = await feed.ended;
    expect(end).toMatchObject({ reason: 'The request could not be made.', refusal: null });
    await feed.gone;
  });

  it('takes an open connection without bytes for dead', async () => {
    const { server, hand } = await stream();
    const { feed, clock, told } = read(server.url);
    (await hand()).write('a\n');
    await waitFor(() => told.lines.length === 1);
    await clock.advance(9_900);
    expect(await Promise.race([feed.ended, Promise.resolve('alive')])).toBe('alive');
    await clock.advance(1_000);
    expect((await feed.ended).reason).toBe('Nothing came over the connection for too long.');
    await feed.gone;
    await waitFor(() => server.openConnections === 0);
  });

  it('takes a request that is never answered for dead', async () => {
    const server = stack.use(await ScriptedServer.start(() => null));
    const { feed, clock } = read(server.url);
    await waitFor(() => server.requests.length === 1);
    await clock.advance(11_000);
    expect((await feed.ended).reason).toBe('Nothing came over the connection for too long.');
  });

  it('ends a connection over which only empty lines come', async () => {
    const { server, hand } = await stream();
    const { feed, clock, told } = read(server.url);
    const response = await hand();
    for (let second = 0; second < 21; second += 3) {
      response.write('\r\n');
      await waitFor(() => told.activity > second / 3);
      await clock.advance(3_000);
    }
    expect((await feed.ended).reason).toBe('No valid line came for too long.');
  });

  it('drops and counts lines that are invalid or not UTF-8, until there are too many in a minute', async () => {
    const { server, hand } = await stream();
    const { feed, told } = read(server.url);
    const response = await hand();
    response.write('!a\ngood\n!b\n');
    response.write(Buffer.from([0xc3, 0x28, 0x0a]));
    await waitFor(() => told.invalid === 3);
    expect(told.lines).toEqual(['!a', 'good', '!b']);
    response.write('!c\nnever told\n');
    expect((await feed.ended).reason).toBe('The other side sent too many invalid lines.');
    expect(told.lines).not.toContain('never told');
  });

  it('ends a line that has no end', async () => {
    const { server, hand } = await stream();
    const { feed } = read(server.url);
    (await hand()).write('x'.repeat(1_001));
    expect((await feed.ended).reason).toBe('A line came that is longer than any should be.');
  });

  it('reports nothing any more once its listener has ended it', async () => {
    const { server, hand } = await stream();
    const { feed, told } = read(server.url);
    (await hand()).write('a\nend\nafter\n');
    expect((await feed.ended).reason).toBe('The listener has had enough.');
    await feed.gone;
    expect(told.lines).toEqual(['a', 'end']);
  });

  it('ends, hands over what was thrown, and tells the owner of the code that failed, when a listener fails', async () => {
    const { server, hand } = await stream();
    const fault = new Error('a fault of ours');
    const told: unknown[] = [];
    const { feed } = runOwned(
      (error) => told.push(error),
      () =>
        read(server.url, {
          listener: {
            onOpen: () => {},
            onLine: () => {
              throw fault;
            },
            onActivity: () => {},
            onInvalid: () => {},
          },
        }),
    );
    (await hand()).write('a\n');
    expect(await feed.ended).toMatchObject({ fault });
    expect(told).toEqual([fault]);
  });

  it.each([
    [401, '', {}, { isPage: false, text: '' }, 0],
    [400, '{"errorMessage":"no"}', {}, { isPage: false, text: '{"errorMessage":"no"}' }, 0],
    [403, '<html></html>', { 'content-type': 'text/html; charset=utf-8' }, { isPage: true, text: '<html></html>' }, 0],
    [429, '', { 'retry-after': '7' }, { isPage: false }, 7_000],
    [302, '', { location: 'http://127.0.0.1:1/' }, { isPage: false }, 0],
  ])('reports HTTP %i as a refusal, and follows no redirect', async (status, body, headers, refusal, retryAfterMs) => {
    const server = stack.use(await ScriptedServer.start(() => ({ status, body, headers })));
    const { feed, told } = read(server.url);
    expect(await feed.ended).toMatchObject({ retryAfterMs, refusal: { status, ...refusal } });
    expect(told).toMatchObject({ opened: 0, lines: [] });
    expect(server.requests).toHaveLength(1);
  });

  it('reads no more of a refusal than its beginning', async () => {
    const server = stack.use(await ScriptedServer.start(() => ({ status: 500, body: 'x'.repeat(1_000_000) })));
    const { feed } = read(server.url);
    expect((await feed.ended).refusal?.text).toHaveLength(4_096);
    await feed.gone;
  });

  it('does not read what is compressed though that was not asked for', async () => {
    const server = stack.use(
      await ScriptedServer.start(() => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync('a\n') })),
    );
    const { feed, told } = read(server.url);
    expect((await feed.ended).reason).toContain('compressed');
    expect(told).toMatchObject({ opened: 0, lines: [] });
  });

  it('may be ended before it is connected, and more than once', async () => {
    const { server } = await stream();
    const { feed, clock } = read(server.url);
    feed.end('first');
    feed.end('second');
    expect((await feed.ended).reason).toBe('first');
    await feed.gone;
    expect(clock.pending).toBe(0);
  });
});

function linesOf(pieces: readonly Buffer[], maxBytes = 1_000): string[] {
  const splitter = new LineSplitter(maxBytes);
  return pieces.flatMap((piece) => [...splitter.push(piece)].map(String));
}

const cutAt = (bytes: Buffer, ...cuts: number[]): Buffer[] => {
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
};

describe('the line splitter', () => {
  it.each([
    ['one line', 'a\n', ['a']],
    ['several lines in one piece', 'a\nb\nc\n', ['a', 'b', 'c']],
    ['carriage returns before line feeds', 'a\r\nb\r\n', ['a', 'b']],
    ['empty lines, which are no lines', '\n\r\n\na\n\r\n', ['a']],
    ['a carriage return within a line, which is part of it', 'a\rb\n', ['a\rb']],
    ['a tail without an end, which is no line', 'a\nb', ['a']],
    ['nothing', '', []],
  ])('makes lines of %s', (_name, text, expected) => {
    expect(linesOf([Buffer.from(text)])).toEqual(expected);
  });

  it('makes the same lines wherever the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\r\n]/.test(text));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n'))),
        fc.array(fc.nat(200), { maxLength: 20 }),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map(([text, end]) => text + end).join(''));
          const pieces = cutAt(bytes, ...cuts.map((cut) => Math.min(cut, bytes.length)));
          expect(linesOf(pieces)).toEqual(lines.map(([text]) => text).filter((text) => text !== ''));
        },
      ),
    );
  });

  it('takes a line of the greatest length, and none longer, ended or not', () => {
    expect(linesOf([Buffer.from('12345\n')], 5)).toEqual(['12345']);
    expect(() => linesOf([Buffer.from('123456\n')], 5)).toThrow(LineTooLongError);
    expect(() => linesOf([Buffer.from('123'), Buffer.from('456')], 5)).toThrow(LineTooLongError);
  });

  it('gives the lines before one that is too long', () => {
    const splitter = new LineSplitter(3);
    const lines: string[] = [];
    expect(() => {
      for (const line of splitter.push(Buffer.from('a\nb\ntoo long'))) lines.push(String(line));
    }).toThrow(LineTooLongError);
    expect(lines).toEqual(['a', 'b']);
  });
});
