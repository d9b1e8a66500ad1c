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
  it('reads the configuration again, says which settings take a restart, and shows no value', async () => {
    const { host, files, stop } = await serving('limits: { connections: 7 }');
    files[FILE] =
      'limits: { connections: 8 }\nmetrics: { token: canary }\nbrokers: { new: { kind: mock-binance }, oanda: null }';
    host.events.emit('SIGHUP');
    const { level, changed, file } =
      host.logged('the configuration has changed: restart the gateway to apply it') ?? {};
    expect([level, file]).toEqual(['warn', 'config.yaml']);
    expect(changed).toEqual(['metrics.token', 'limits.connections', 'brokers.oanda', 'brokers.new']);
    expect(host.out).not.toContain('canary');
    expect([host.closes, host.started.length]).toEqual([0, 1]);
    expect(await stop()).toBe(0);
    expect(host.listeners).toBe(0);
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
