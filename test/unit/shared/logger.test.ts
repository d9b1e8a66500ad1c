import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BoundedOutput } from '../../../src/shared/BoundedOutput.ts';
import { systemClock } from '../../../src/shared/clock.ts';
import { GatewayError } from '../../../src/shared/errors.ts';
import { createLogger, REDACTED_PATHS, serializeError, scrub } from '../../../src/shared/logger.ts';
import type { LoggerOptions } from '../../../src/shared/logger.ts';
import { FakeClock } from '../../support/FakeClock.ts';

function collect(options: Partial<LoggerOptions> = {}, isTTY = false) {
  const lines: string[] = [];
  let room = true;
  const output = {
    isTTY,
    write: (line: string): boolean => {
      if (room) lines.push(line);
      return room;
    },
  };
  const logger = createLogger({ level: 'info', pretty: 'auto', output, ...options });
  return { logger, lines, setRoom: (value: boolean) => (room = value) };
}

describe('createLogger', () => {
  it('writes a JSON object a line, with ISO time and the level by name', () => {
    const { logger, lines } = collect();
    logger.child({ broker: 'binance' }).info({ streams: 3 }, 'connected');
    logger.debug('not at this level');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      broker: 'binance',
      streams: 3,
      msg: 'connected',
    });
  });

  it.each([
    ['auto', true, true],
    ['auto', false, false],
    [true, false, true],
    [false, true, false],
  ] as const)('is written for a person with pretty %s where a terminal is there: %s', (pretty, isTTY, forPerson) => {
    const { logger, lines } = collect({ pretty }, isTTY);
    logger.info('listening');
    expect(lines[0]?.startsWith('{')).toBe(!forPerson);
    expect(lines[0]).toMatch(/listening.*\n$/s);
  });

  it('never writes a value under the name of a secret, even three levels down and in child loggers', () => {
    const { logger, lines } = collect();
    const secrets = { token: 'canary', apiKey: 'canary', apiSecret: 'canary', accountId: 'canary', session: 'canary' };
    logger.info(secrets, 'top');
    logger.info({ credentials: secrets }, 'whole');
    logger.info({ a: secrets, b: { c: secrets, d: { e: secrets } } }, 'below');
    logger.info({ headers: { authorization: 'canary', cookie: 'canary', 'x-session': 'canary' } }, 'headers');
    logger.child(secrets).info('child');
    expect(lines).toHaveLength(5);
    expect(lines.join('')).not.toContain('canary');
    expect(lines.join('')).toContain('[redacted]');
  });

  it.each(['token', 'apiSecret', 'accountId', 'authorization', 'session'])('lists %s at each of four levels', (key) => {
    expect(REDACTED_PATHS).toEqual(expect.arrayContaining([key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`]));
  });

  it('counts dropped lines, and logs their number when there is room again', () => {
    const { logger, lines, setRoom } = collect();
    setRoom(false);
    logger.info('lost');
    logger.info('lost');
    setRoom(true);
    logger.info('kept');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { msg: 'kept' },
      { level: 'warn', lines: 2, msg: 'log lines dropped' },
    ]);
  });

  it('forgets no dropped line if there is no room for their number either', () => {
    const lines: string[] = [];
    let room = 0;
    const write = (line: string): boolean => {
      room -= 1;
      return room >= 0 && lines.push(line) > 0;
    };
    const logger = createLogger({ level: 'info', pretty: false, output: { isTTY: false, write } });
    for (let n = 0; n < 5; n += 1) logger.info('lost');
    room = 1;
    logger.info('kept');
    room = 2;
    logger.info('kept');
    const dropped = lines.map((line) => (JSON.parse(line) as { readonly lines?: number }).lines);
    expect(dropped).toEqual([undefined, undefined, 5]);
  });
});

describe('serializeError', () => {
  it('keeps type, code, causes and the id that a client got, and copies nothing else', () => {
    const cause = Object.assign(new TypeError('fetch failed'), { code: 'ECONNRESET', request: { token: 'canary' } });
    const error = GatewayError.from(cause);
    const { stack: _stack, ...serialized } = serializeError(error);
    expect(serialized).toMatchObject({
      type: 'GatewayError',
      code: 'INTERNAL',
      id: error.details.id,
      cause: { type: 'TypeError', code: 'ECONNRESET', message: 'fetch failed' },
    });
    expect(JSON.stringify(serialized)).not.toContain('canary');
  });

  it('ends for circular causes, and shows the parts of an AggregateError', () => {
    const error = new AggregateError([new Error('one'), 'two'], 'both');
    error.cause = error;
    expect(serializeError(error)).toMatchObject({ errors: [{ message: 'one' }, { type: 'string', message: 'two' }] });
    expect(JSON.stringify(serializeError(error)).length).toBeLessThan(100_000);
  });

  it('is applied to err by a logger', () => {
    const { logger, lines } = collect();
    logger.error({ err: new Error('token=canary') }, 'failed');
    expect(lines[0]).toContain('token=[redacted]');
  });
});

describe('scrub', () => {
  it.each([
    ['redis://user:word@host:1/0', 'redis://[redacted]@host:1/0'],
    ['GET /v3/x?apiKey=abc&symbol=BTCUSDT', 'GET /v3/x?apiKey=[redacted]&symbol=BTCUSDT'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: [redacted] [redacted]'],
    ['{"token":"abc","symbol":"X"}', '{"token":"[redacted]","symbol":"X"}'],
    ['signature=0a1b2c', 'signature=[redacted]'],
    ['got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_na-ture!', 'got [redacted]!'],
    [`bad ${'0a'.repeat(16)}-${'1b'.repeat(16)}`, 'bad [redacted]'],
    [
      'wss://data-stream.binance.vision/stream?streams=btcusdt@trade',
      'wss://data-stream.binance.vision/stream?streams=btcusdt@trade',
    ],
    ['connect ECONNREFUSED 127.0.0.1:443', 'connect ECONNREFUSED 127.0.0.1:443'],
  ])('%s', (text, expected) => {
    expect(scrub(text)).toBe(expected);
  });

  it('takes bounded time for text that is made to be slow', () => {
    const started = performance.now();
    for (const piece of ['a://', 'token=', 'eyJaaaa.', 'bearer ', 'a'.repeat(31)]) scrub(piece.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('BoundedOutput', () => {
  it('never waits for a reader that does not read: it keeps up to its bound and drops the rest', async () => {
    const stalled = new Writable({ write: () => {} });
    const output = new BoundedOutput(stalled, 100);
    const taken = Array.from({ length: 20 }, () => output.write('123456789\n'));
    expect(taken.filter(Boolean)).toHaveLength(10);
    const clock = new FakeClock();
    const flushed = output.flush(clock, 500);
    await clock.advance(500);
    await flushed;
    expect(clock.pending).toBe(0);
  });

  it('survives a reader that went away, and drops later lines', async () => {
    const gone = new Writable({
      write: (_chunk, _encoding, done) => {
        done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
      },
    });
    const output = new BoundedOutput(gone);
    output.write('a\n');
    await new Promise((resolve) => gone.once('close', resolve));
    expect(output.write('b\n')).toBe(false);
    await output.flush(systemClock, 10_000);
  });

  it('resolves a flush when the reader has taken everything', async () => {
    let text = '';
    const slow = new Writable({
      decodeStrings: false,
      write: (chunk: string, _encoding, done) => {
        text += chunk;
        setImmediate(done);
      },
    });
    const output = new BoundedOutput(slow);
    for (const line of ['a\n', 'b\n', 'c\n']) output.write(line);
    await output.flush(systemClock, 10_000);
    expect(text).toBe('a\nb\nc\n');
  });
});
