import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { GatewayProcess, OFFLINE, projectFolder } from '../support/GatewayProcess.ts';

describe('the command line in a real process', () => {
  it('is an executable file that knows its version', async () => {
    await using gateway = new GatewayProcess({
      command: `${projectFolder}bin/tickgraph.cjs`,
      args: ['--version'],
      env: {},
    });
    expect(await gateway.exited()).toBe(0);
    expect(gateway.out).toBe(`${packageJson.version}\n`);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('serves until %s, and ends with 0', async (signal) => {
    await using gateway = new GatewayProcess();
    const url = await gateway.listening();
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: 'ok', version: packageJson.version });
    gateway.child.kill(signal);
    expect(await gateway.exited()).toBe(0);
    expect(gateway.logged('closed')).toBeDefined();
    expect(gateway.err).toBe('');
  });

  it('ends with 2 for a bad configuration before anything is opened', async () => {
    await using gateway = new GatewayProcess({ env: { ...OFFLINE, PORT: '70000', TICKGRAPH_SERVER__PROT: '1' } });
    expect(await gateway.exited()).toBe(2);
    expect(gateway.out).toBe('');
    expect(gateway.err).toMatch(/TICKGRAPH_SERVER__PROT: .*\n.*PORT: server\.port: found 70000/);
  });

  it('ends with 1 and a line with the reason if the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      await using gateway = new GatewayProcess({ env: { ...OFFLINE, PORT: String(port) } });
      expect(await gateway.exited()).toBe(1);
      expect(gateway.logged('the port is in use')).toMatchObject({ host: '127.0.0.1', port });
    } finally {
      other.close();
    }
  });

  it('logs an uncaught error without its secrets, and ends with 1', async () => {
    const thrower = "process.on('SIGUSR2', () => { throw new Error('GET /?token=can' + 'ary failed') })";
    await using gateway = new GatewayProcess({
      args: ['--import', `data:text/javascript,${encodeURIComponent(thrower)}`, 'src/index.ts', 'serve'],
    });
    await gateway.listening();
    gateway.child.kill('SIGUSR2');
    expect(await gateway.exited()).toBe(1);
    expect(gateway.logged('uncaught exception')).toMatchObject({ level: 'fatal' });
    expect(gateway.out + gateway.err).not.toContain('canary');
  });
});
