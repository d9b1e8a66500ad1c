import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { GatewayProcess, OFFLINE, projectFolder } from '../support/GatewayProcess.ts';

describe('the command line in a real process', () => {
  it('is an executable file that knows its version', async () => {
    await using gateway = new GatewayProcess({ command: `${projectFolder}src/index.ts`, args: ['--version'], env: {} });
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

  it('goes on serving if the reader of its log goes away', async () => {
    await using gateway = new GatewayProcess({ env: { ...OFFLINE, LOG_LEVEL: 'trace' } });
    const url = await gateway.listening();
    gateway.child.stdout?.destroy();
    for (let count = 0; count < 3; count += 1) expect((await fetch(`${url}/health`)).status).toBe(200);
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited()).toBe(0);
  });
});

it('lets a process end although nobody reads its log, however much was logged', async () => {
  const shared = pathToFileURL(`${projectFolder}src/shared`).href;
  const script = `
    import { BoundedOutput } from '${shared}/BoundedOutput.ts';
    import { createLogger } from '${shared}/logger.ts';
    import { systemClock } from '${shared}/clock.ts';
    const output = new BoundedOutput(process.stdout);
    const logger = createLogger({ level: 'info', pretty: false, output });
    for (let line = 0; line < 30_000; line += 1) logger.info({ text: 'x'.repeat(100) }, 'line');
    setImmediate(async () => { // the loop still turns
      await output.flush(systemClock, 100);
      process.exit(process.stdout.writableLength <= 1_048_576 + 1_000 ? 7 : 8);
    });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [code] = await once(child, 'exit');
    expect(code).toBe(7);
  } finally {
    child.kill('SIGKILL');
  }
});
