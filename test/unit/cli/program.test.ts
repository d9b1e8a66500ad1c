import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCommand } from '../../../src/cli/program.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { valid } from '../config/support.ts';
import { FakeProcess } from './FakeProcess.ts';

describe('the command line', () => {
  it.each([['--version'], ['serve', '--version'], ['check-config', '--version'], ['-V']])(
    'prints the version for %s %s',
    async (...args) => {
      const host = new FakeProcess();
      expect(await runCommand(args.filter(Boolean), host)).toBe(0);
      expect(host.out).toBe('1.2.3\n');
    },
  );

  it.each([
    [['--help'], /serve .*check-config .*0 success, 1 failure, 2 bad/s],
    [['serve', '--help'], /--config <file>/],
    [['check-config', '--help'], /\[file\]/],
    [['help', 'serve'], /--config <file>/],
    [['watch', '--help'], /--json.*TICKGRAPH_TOKEN/s],
    [['record', '--help'], /--out <file>.*--for <duration>/s],
    [['replay', '--help'], /--speed <speed>.*--loop/s],
  ])('prints help for %j', async (args, expected) => {
    const host = new FakeProcess();
    expect(await runCommand(args, host)).toBe(0);
    expect(host.out).toMatch(expected);
    expect(host.err).toBe('');
  });

  it.each([
    [[]],
    [['nonsense']],
    [['serve', '--port', '1']],
    [['serve', 'x']],
    [['serve', '--config']],
    [['check-config', 'a', 'b']],
    [['watch', 'mock']],
    [['watch', 'mock', 'X', '--types', 'ticks']],
    [['watch', 'mock', 'X', '--url', 'nowhere']],
    [['watch', 'mock', 'X', '--interval', '2m']],
    [['record', 'mock', 'X']],
    [['record', 'mock', 'X', '--out', 'x', '--for', '10']],
    [['record', 'mock', 'X', '--out', 'x', '--format', 'xml']],
    [['replay']],
    [['replay', 'x', '--speed', '-1']],
    [['replay', 'x', '--port', '70000']],
  ])('ends with 2 for bad usage, says why, and starts nothing: %j', async (args) => {
    const host = new FakeProcess();
    expect(await runCommand(args, host)).toBe(2);
    expect(host.err).not.toBe('');
    expect(host.out).toBe('');
    expect(host.started).toEqual([]);
  });
});

describe('check-config', () => {
  it('prints the effective configuration as equivalent YAML with secrets masked', async () => {
    const host = new FakeProcess(
      { TICKGRAPH_METRICS__TOKEN: 'canary', TICKGRAPH_SERVER__PORT: '5000' },
      { '/etc/tickgraph/my.yaml': 'brokers: { mock-binance: { symbols: { BTCUSDT: 1.50 } } }' },
    );
    expect(await runCommand(['check-config', 'my.yaml'], host)).toBe(0);
    expect(host.out).toMatch(/^# defaults < my\.yaml < environment\n/);
    expect(host.out).not.toContain('canary');
    const printed: unknown = parse(host.out);
    expect(printed).toMatchObject({
      server: { port: 5000 },
      metrics: { token: '[redacted]' },
      brokers: { 'mock-binance': { symbols: { BTCUSDT: '1.50' } } },
    });
    expect(valid(parseConfig(printed, 'what was printed')).server.port).toBe(5000);
  });

  it('prints all faults and ends with 2', async () => {
    const host = new FakeProcess({ PORT: 'x' }, { '/etc/tickgraph/config.yaml': 'server: { prot: 1 }' });
    expect(await runCommand(['check-config'], host)).toBe(2);
    expect(host.out).toBe('');
    expect(host.err).toMatch(/\(2 faults\)\n {2}PORT: server\.port: .*\n {2}config\.yaml:1: server\.prot: .*\n$/);
  });
});

describe('a login configuration that can never work', () => {
  const jwt = (setting: string): string => `auth: { mode: required, jwt: { ${setting} } }`;
  it.each([
    ['serve', 'auth.jwt.jwksUrl', jwt('jwksUrl: http://login.example.com/keys')],
    ['check-config', 'auth.jwt.jwksUrl', jwt('jwksUrl: http://login.example.com/keys')],
    ['serve', 'auth.jwt.publicKey', jwt('publicKey: "-----BEGIN PUBLIC KEY-----"')],
    ['check-config', 'auth.jwt.publicKey', jwt('publicKey: "-----BEGIN PUBLIC KEY-----"')],
  ])('is a fault: %s ends with 2, names %s, and starts nothing', async (command, path, yaml) => {
    const host = new FakeProcess({}, { '/etc/tickgraph/config.yaml': yaml });
    expect(await runCommand([command], host)).toBe(2);
    expect(host.err).toContain(`config.yaml:1: ${path}: found `);
    expect(host.started).toEqual([]);
  });
});

describe('health', () => {
  it('ends with 1 and a reason if nobody knows where the gateway listens', async () => {
    const host = new FakeProcess({ PORT: '0' });
    expect(await runCommand(['health'], host)).toBe(1);
    expect(host.err).toContain('server.port is 0');
  });

  it('asks loopback about a gateway that listens on all addresses', async () => {
    const host = new FakeProcess({ PORT: '1', HOST: '::' });
    expect(await runCommand(['health'], host)).toBe(1);
    expect(host.err).toContain('http://[::1]:1/health');
  });
});
