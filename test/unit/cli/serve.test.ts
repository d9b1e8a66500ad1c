import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/program.ts';
import { waitFor } from '../../support/waitFor.ts';
import { FakeProcess } from './FakeProcess.ts';

async function listening(host: FakeProcess): Promise<{ exited: Promise<number> }> {
  const exited = runCommand(['serve'], host);
  await waitFor(() => host.logged('listening'), 'the line that says that it listens');
  return { exited };
}

describe('serve', () => {
  it('prints all faults and ends with 2 before anything is started', async () => {
    const host = new FakeProcess({ PORT: 'x', TICKGRAPH_LOG__LEVEL: 'loud' });
    expect(await runCommand(['serve'], host)).toBe(2);
    expect(host.err).toContain('(2 faults)');
    expect(host.started).toEqual([]);
    expect(host.listeners).toBe(0);
  });

  it.each([
    [{ TICKGRAPH_BUS__ENGINE: 'redis' }, '', 'TICKGRAPH_BUS__ENGINE'],
    [{ TICKGRAPH_BUS: '{ engine: redis }' }, '', 'TICKGRAPH_BUS'],
    [{ TICKGRAPH_BUS__ENGINE: 'redis' }, 'log:\n  level: info\nbus:\n  engine: memory', 'TICKGRAPH_BUS__ENGINE'],
    [{}, 'bus:\n  engine: redis', 'config.yaml:2'],
    [{}, 'bus:\n  redis: { prefix: mine }\n  engine: redis', 'config.yaml:3'],
  ])('does not start with a bus that has no server, and names what asks for it and why: %j, %j', async (...given) => {
    const [env, yaml, source] = given;
    for (const command of ['serve', 'check-config']) {
      const host = new FakeProcess(env, yaml === '' ? {} : { '/etc/tickgraph/config.yaml': yaml });
      expect(await runCommand([command], host)).toBe(2);
      expect(host.err.split('\n').slice(0, -1)).toEqual([
        'tickgraph: the configuration is not valid (1 fault)',
        `  ${source}: bus.engine: found "redis", expected memory, or a server in bus.redis.url (REDIS_URL)`,
      ]);
      expect(host.started).toEqual([]);
    }
  });

  it('names the URL of a bus that is none', async () => {
    const host = new FakeProcess({ TICKGRAPH_BUS__ENGINE: 'redis', REDIS_URL: 'http://127.0.0.1' });
    expect(await runCommand(['serve'], host)).toBe(2);
    expect(host.err.split('\n').map((line) => line.trim().split(': ')[1])).toEqual([
      'the configuration is not valid (1 fault)',
      'bus.redis.url',
      undefined,
    ]);
  });

  it('reads the file that --config names', async () => {
    const host = new FakeProcess({}, { '/a.yaml': 'server: { port: 5 }' });
    const exited = runCommand(['serve', '--config', '/a.yaml'], host);
    await waitFor(() => host.logged('listening'));
    expect(host.started[0]?.config.server.port).toBe(5);
    host.events.emit('SIGTERM');
    await exited;
  });

  it('logs one line with the URLs once it serves', async () => {
    const host = new FakeProcess();
    const { exited } = await listening(host);
    expect(host.log.filter((line) => line['msg'] === 'listening')).toHaveLength(1);
    expect(host.logged('listening')).toMatchObject({
      level: 'info',
      http: 'http://127.0.0.1:4000',
      graphql: 'http://127.0.0.1:4000/graphql',
      raw: 'ws://127.0.0.1:4000/ws',
    });
    host.events.emit('SIGINT');
    await exited;
  });

  it('says in a few lines which file it read, and what it is made of: synthetic brokers are marked', async () => {
    const host = new FakeProcess({}, { '/etc/tickgraph/config.yaml': 'log: { level: info }' });
    const { exited } = await listening(host);
    expect(host.log.length).toBeLessThanOrEqual(6);
    expect(host.logged('listening')).toMatchObject({
      dashboard: 'http://127.0.0.1:4000/',
      graphiql: 'http://127.0.0.1:4000/graphql',
    });
    expect(host.logged('configuration')).toMatchObject({ file: expect.stringContaining('config.yaml') as string });
    expect(host.logged('brokers')).toMatchObject({
      binance: 'binance, connecting',
      mock: 'mock-binance, synthetic, connected',
    });
    expect(host.logged('bus')).toMatchObject({ engine: 'memory', state: 'ok' });
    host.events.emit('SIGINT');
    await exited;
  });

  it.each(['SIGTERM', 'SIGINT'])(
    'closes the server and ends with 0 on %s, leaving no listener and no timer',
    async (signal) => {
      const host = new FakeProcess();
      const { exited } = await listening(host);
      host.events.emit(signal);
      expect(await exited).toBe(0);
      expect(host.closes).toBe(1);
      expect(host.listeners).toBe(0);
      expect(host.clock.pending).toBe(0);
    },
  );

  it('ends within server.shutdownTimeoutMs if closing hangs', async () => {
    const host = new FakeProcess({ TICKGRAPH_SERVER__SHUTDOWN_TIMEOUT_MS: '700' });
    host.onClose = () => new Promise(() => {});
    const { exited } = await listening(host);
    host.events.emit('SIGTERM');
    await waitFor(() => host.clock.pending === 1);
    await host.clock.advance(699);
    expect(host.logged('the shutdown did not finish in time')).toBeUndefined();
    await host.clock.advance(1);
    expect(await exited).toBe(0);
    expect(host.logged('the shutdown did not finish in time')).toMatchObject({ level: 'warn', limitMs: 700 });
  });

  it.each([
    ['SIGTERM', 'SIGTERM', 1_000, 143],
    ['SIGINT', 'SIGINT', 1_000, 130],
    // Another signal is another person's, or another program's.
    ['SIGINT', 'SIGTERM', 0, 143],
    ['SIGTERM', 'SIGINT', 0, 130],
  ])('ends at once on a second signal: %s and %s %i ms later', async (first, second, laterMs, code) => {
    const host = new FakeProcess({ TICKGRAPH_SERVER__SHUTDOWN_TIMEOUT_MS: '5000' });
    host.onClose = () => new Promise(() => {});
    const { exited } = await listening(host);
    host.events.emit(first);
    await waitFor(() => host.clock.pending === 1);
    await host.clock.advance(laterMs);
    expect(host.exits).toEqual([]);
    host.events.emit(second);
    expect(host.exits).toEqual([code]);
    await host.clock.advance(5000);
    await exited;
  });

  it.each(['SIGINT', 'SIGTERM'])(
    'takes what npm and a terminal deliver twice within a second for one signal: %s',
    async (signal) => {
      const host = new FakeProcess();
      const closed = Promise.withResolvers<void>();
      host.onClose = () => closed.promise;
      const { exited } = await listening(host);
      host.events.emit(signal);
      host.events.emit(signal);
      await waitFor(() => host.clock.pending === 1);
      await host.clock.advance(999);
      host.events.emit(signal);
      expect(host.exits).toEqual([]);
      expect(host.log.filter(({ msg }) => msg === 'stopping')).toHaveLength(1);
      closed.resolve();
      expect(await exited).toBe(0);
    },
  );

  it('ends at once on the first signal after an unhandled error', async () => {
    const host = new FakeProcess();
    host.onClose = () => new Promise(() => {});
    const { exited } = await listening(host);
    host.events.emit('uncaughtException', new Error('oops'));
    host.events.emit('SIGINT');
    expect(host.exits).toEqual([130]);
    await waitFor(() => host.clock.pending === 1);
    await host.clock.advance(5000);
    await exited;
  });

  it('closes as soon as it has started if the signal comes earlier', async () => {
    const host = new FakeProcess();
    const gate = Promise.withResolvers<void>();
    host.onStart = () => gate.promise;
    const exited = runCommand(['serve'], host);
    await waitFor(() => host.started.length === 1);
    host.events.emit('SIGTERM');
    gate.resolve();
    expect(await exited).toBe(0);
    expect(host.closes).toBe(1);
    expect(host.logged('listening')).toBeUndefined();
  });

  it.each([
    ['EADDRINUSE', 'the port is in use'],
    ['EACCES', 'start failed'],
  ])('logs the reason and ends with 1 if it cannot start: %s', async (code, message) => {
    const host = new FakeProcess({ PORT: '4001' });
    host.onStart = () => Promise.reject(Object.assign(new Error(`listen ${code}`), { code }));
    expect(await runCommand(['serve'], host)).toBe(1);
    expect(host.logged(message)).toMatchObject({ level: 'fatal', host: '127.0.0.1', port: 4001, err: { code } });
    expect(host.listeners).toBe(0);
  });

  it.each([
    ['uncaughtException', 'uncaught exception'],
    ['unhandledRejection', 'unhandled rejection'],
  ])('logs an %s without secrets, closes, and ends with 1', async (event, message) => {
    const host = new FakeProcess();
    const { exited } = await listening(host);
    const error = Object.assign(new Error('GET https://user:canary@venue.example/?token=canary failed'), {
      config: { headers: { authorization: 'Bearer canary' } },
    });
    host.events.emit(event, error);
    expect(await exited).toBe(1);
    expect(host.closes).toBe(1);
    expect(host.logged(message)).toMatchObject({ level: 'fatal', err: { type: 'Error' } });
    expect(host.out).not.toContain('canary');
  });

  it('takes at most five seconds to close after an unhandled error', async () => {
    const host = new FakeProcess({ TICKGRAPH_SERVER__SHUTDOWN_TIMEOUT_MS: '60000' });
    host.onClose = () => new Promise(() => {});
    const { exited } = await listening(host);
    host.events.emit('uncaughtException', new Error('oops'));
    await waitFor(() => host.clock.pending === 1);
    await host.clock.advance(5000);
    expect(await exited).toBe(1);
  });

  it('ends with 1 if closing fails', async () => {
    const host = new FakeProcess();
    host.onClose = () => Promise.reject(new Error('oops'));
    const { exited } = await listening(host);
    host.events.emit('SIGTERM');
    expect(await exited).toBe(1);
    expect(host.logged('stopping failed')).toMatchObject({ err: { message: 'oops' } });
  });
});
