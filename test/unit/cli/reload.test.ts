import { describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/program.ts';
import { waitFor } from '../../support/waitFor.ts';
import { FakeProcess } from './FakeProcess.ts';

const FILE = '/etc/tickgraph/config.yaml';

/** A gateway whose configuration file says this first, and can be changed. */
async function serving(
  yaml: string,
): Promise<{ host: FakeProcess; files: Record<string, string>; readonly stop: () => Promise<number> }> {
  const files: Record<string, string> = { [FILE]: yaml };
  const host = new FakeProcess({}, files);
  const exited = runCommand(['serve'], host);
  await waitFor(() => host.logged('listening'), 'the line that says that it listens');
  return {
    host,
    files,
    stop: () => {
      host.events.emit('SIGTERM');
      return exited;
    },
  };
}

describe('SIGHUP', () => {
  it('gives the running gateway what has changed, says what takes a restart, and shows no value', async () => {
    const { host, files, stop } = await serving('limits: { connections: 7 }');
    files[FILE] =
      'server: { port: 1 }\nlimits: { connections: 8 }\nmetrics: { token: canary }\nbrokers: { new: { kind: mock-binance }, oanda: null }';
    host.events.emit('SIGHUP');
    expect(host.logged('the configuration has changed')).toMatchObject({
      level: 'info',
      file: 'config.yaml',
      changed: ['metrics.token', 'limits.connections', 'brokers.oanda', 'brokers.new'],
      added: ['new'],
      removed: ['oanda'],
      reopened: [],
      enabled: [],
      disabled: [],
    });
    expect(host.logged('restart the gateway to apply')).toMatchObject({ level: 'warn', changed: ['server.port'] });
    expect(host.out).not.toContain('canary');
    expect(host.applied.map(({ limits, metrics }) => [limits.connections, metrics.token])).toEqual([[8, 'canary']]);
    expect([host.outcomes, host.closes, host.started.length]).toEqual([['applied'], 0, 1]);
    expect(await stop()).toBe(0);
    expect(host.listeners).toBe(0);
  });

  it('says each time what still takes a restart', async () => {
    const { host, files, stop } = await serving('');
    files[FILE] = 'server: { port: 1 }';
    host.events.emit('SIGHUP');
    host.events.emit('SIGHUP');
    expect(host.log.filter(({ msg }) => msg === 'restart the gateway to apply')).toHaveLength(2);
    expect(host.outcomes).toEqual(['unchanged', 'unchanged']);
    await stop();
  });

  it('names the first fifty of many changed settings', async () => {
    const symbols = (price: number): string =>
      `brokers: { mock-binance: { symbols: { ${Array.from({ length: 60 }, (_, at) => `S${at}: ${price}`).join(', ')} } } }`;
    const { host, files, stop } = await serving(symbols(1));
    files[FILE] = symbols(2);
    host.events.emit('SIGHUP');
    const { changed, more } = host.logged('the configuration has changed') ?? {};
    expect(changed).toHaveLength(50);
    expect(more).toBe(10);
    await stop();
  });

  it('waits for a gateway that is still starting', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const files: Record<string, string> = { [FILE]: '' };
    const host = new FakeProcess({}, files);
    host.onStart = () => promise;
    const exited = runCommand(['serve'], host);
    await waitFor(() => host.started.length > 0);
    files[FILE] = 'limits: { connections: 3 }';
    host.events.emit('SIGHUP');
    expect(host.applied).toEqual([]);
    resolve();
    await waitFor(() => host.applied.length > 0);
    expect(host.applied[0]?.limits.connections).toBe(3);
    host.events.emit('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('keeps what runs if the new configuration can not be applied', async () => {
    const { host, files, stop } = await serving('log: { level: info }');
    host.onReconfigure = () => {
      throw new Error('impossible');
    };
    files[FILE] = 'log: { level: silent }';
    host.events.emit('SIGHUP');
    expect(host.logged('the configuration could not be applied')).toMatchObject({ level: 'error' });
    expect(host.outcomes).toEqual(['refused']);
    expect(await stop()).toBe(0);
    expect(host.logged('closed')).toBeDefined();
  });

  it('says so if nothing has changed', async () => {
    const { host, stop } = await serving('limits: { connections: 7 }');
    host.events.emit('SIGHUP');
    expect(host.logged('the configuration was read again')).toMatchObject({ level: 'info', file: 'config.yaml' });
    await stop();
  });

  it.each([
    [
      'a wrong setting',
      'log: { level: loud }\nserver: { port: -1 }',
      ['config.yaml:2: server.port: ', 'config.yaml:1: log.level: '],
    ],
    ['no YAML', 'log: {', ['config.yaml:1:']],
  ])(
    'changes nothing if the file is not valid, and the log has every fault with its line: %s',
    async (_name, yaml, faults) => {
      const { host, files, stop } = await serving('');
      files[FILE] = yaml;
      host.events.emit('SIGHUP');
      const line = host.logged('the configuration is not valid; the gateway goes on with the one it has');
      expect(line).toMatchObject({ level: 'error', faults: faults.map((fault) => expect.stringContaining(fault)) });
      expect([host.applied, host.outcomes]).toEqual([[], ['refused']]);
      expect(host.exits).toEqual([]);
      expect(await stop()).toBe(0);
    },
  );

  it('changes nothing if the file is gone that was named', async () => {
    const files: Record<string, string> = { '/a.yaml': 'log: { level: info }' };
    const host = new FakeProcess({}, files);
    const exited = runCommand(['serve', '--config', '/a.yaml'], host);
    await waitFor(() => host.logged('listening'));
    delete files['/a.yaml'];
    host.events.emit('SIGHUP');
    expect(host.log.at(-1)).toMatchObject({ level: 'error', faults: [expect.stringContaining('/a.yaml')] });
    host.events.emit('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('changes the level of the log at once, also for parts that log under a name of their own', async () => {
    const { host, files, stop } = await serving('log: { level: info }');
    const broker = host.started[0]?.logger.child({ broker: 'binance' });
    broker?.debug('not yet');
    files[FILE] = 'log: { level: debug }';
    host.events.emit('SIGHUP');
    broker?.debug('now');
    files[FILE] = 'log: { level: warn }';
    host.events.emit('SIGHUP');
    broker?.info('no more');
    expect(host.logged('not yet')).toBeUndefined();
    expect(host.logged('now')).toMatchObject({ broker: 'binance', level: 'debug' });
    expect(host.logged('no more')).toBeUndefined();
    await stop();
  });
});

describe('the configuration file', () => {
  it('is applied when it has changed, until the gateway stops', async () => {
    const { host, files, stop } = await serving('limits: { connections: 7 }');
    files[FILE] = 'limits: { connections: 8 }';
    host.stir('config.yaml');
    await host.clock.advance(500);
    expect(host.applied.map(({ limits }) => limits.connections)).toEqual([8]);
    expect(await stop()).toBe(0);
    expect([host.watched, host.clock.pending]).toEqual([0, 0]);
  });

  it('decides how long a shutdown may take', async () => {
    const { host, files, stop } = await serving('');
    host.onClose = () => new Promise(() => {});
    files[FILE] = 'server: { shutdownTimeoutMs: 700 }';
    host.events.emit('SIGHUP');
    const exited = stop();
    await waitFor(() => host.clock.pending === 1);
    await host.clock.advance(700);
    expect(await exited).toBe(0);
    expect(host.logged('the shutdown did not finish in time')).toMatchObject({ limitMs: 700 });
  });

  it('is refused once if it is not valid, and applied when it is corrected', async () => {
    const { host, files, stop } = await serving('');
    files[FILE] = 'limits: { connections: canary }\nmetrics: { token: 5 }';
    await host.clock.advance(60_000);
    expect(host.outcomes).toEqual(['refused']);
    files[FILE] = 'limits: { connections: 8 }';
    await host.clock.advance(10_000);
    expect(host.outcomes).toEqual(['refused', 'applied']);
    await stop();
  });

  it('that is gone is no wish for the defaults', async () => {
    const { host, files, stop } = await serving('limits: { connections: 7 }');
    delete files[FILE];
    await host.clock.advance(10_000);
    host.events.emit('SIGHUP');
    expect([host.applied, host.outcomes]).toEqual([[], ['refused', 'refused']]);
    expect(host.log.at(-1)?.['faults']).toEqual([expect.stringContaining('config.yaml: found a file that')]);
    files[FILE] = 'limits: { connections: 8 }';
    await host.clock.advance(10_000);
    expect(host.applied.map(({ limits }) => limits.connections)).toEqual([8]);
    await stop();
  });

  it('is read when it appears', async () => {
    const files: Record<string, string> = {};
    const host = new FakeProcess({}, files);
    const exited = runCommand(['serve'], host);
    await waitFor(() => host.logged('listening'));
    await host.clock.advance(60_000);
    expect(host.outcomes).toEqual([]);
    files[FILE] = 'limits: { connections: 8 }';
    await host.clock.advance(10_000);
    expect(host.applied.map(({ limits }) => limits.connections)).toEqual([8]);
    host.events.emit('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('is read again when a file that a variable names has changed, and the log does not show it', async () => {
    const files: Record<string, string> = { [FILE]: '', '/run/token': 'canary-1' };
    const host = new FakeProcess({ TICKGRAPH_METRICS__TOKEN_FILE: '/run/token' }, files);
    const exited = runCommand(['serve'], host);
    await waitFor(() => host.logged('listening'));
    expect(host.watched).toBe(2);
    files['/run/token'] = 'canary-2';
    await host.clock.advance(10_000);
    expect(host.applied.map(({ metrics }) => metrics.token)).toEqual(['canary-2']);
    expect(host.out).not.toContain('canary');
    host.events.emit('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('in a folder that can not be watched is looked at, and the log says so', async () => {
    const files: Record<string, string> = { [FILE]: '' };
    const host = new FakeProcess({}, files);
    host.isUnwatchable = true;
    const exited = runCommand(['serve'], host);
    const line = await waitFor(() => host.logged('the folder can not be watched: its files are read every 5 s'));
    expect(line).toMatchObject({ level: 'warn', folder: '/etc/tickgraph', reason: 'ENOSPC' });
    files[FILE] = 'limits: { connections: 8 }';
    await host.clock.advance(10_000);
    expect(host.outcomes).toEqual(['applied']);
    host.events.emit('SIGTERM');
    expect(await exited).toBe(0);
  });
});
