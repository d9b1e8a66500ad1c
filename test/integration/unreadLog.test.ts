import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { GatewayProcess, OFFLINE, projectFolder } from '../support/GatewayProcess.ts';
import { logLines } from '../support/logLines.ts';
import { RawClient } from '../support/RawClient.ts';
import { waitFor } from '../support/waitFor.ts';

it('goes on serving if the reader of its log goes away', async () => {
  await using gateway = new GatewayProcess({ env: { ...OFFLINE, LOG_LEVEL: 'trace' } });
  const url = await gateway.listening();
  gateway.child.stdout?.destroy();
  for (let count = 0; count < 3; count += 1) expect((await fetch(`${url}/health`)).status).toBe(200);
  gateway.child.kill('SIGTERM');
  expect(await gateway.exited()).toBe(0);
});

it('goes on serving, within bounds, if nobody reads its log: it drops lines, and says later how many', async () => {
  await using gateway = new GatewayProcess({ args: ['test/support/faultyGateway.ts'] });
  const url = await gateway.listening();
  await using client = await RawClient.connect(url);
  await client.subscribe('mock-binance', ['BTCUSDT']);
  gateway.child.stdout?.pause();
  await client.subscribe('noise', ['BTCUSDT']);
  await client.waitFor(({ type, broker }) => type === 'data' && broker === 'noise');
  const before = client.data('tick').length;
  await waitFor(() => client.data('tick').length > before, 'the client to receive more');
  expect((await fetch(`${url}/health`)).status).toBe(200);
  gateway.child.stdout?.resume();
  await waitFor(() => {
    gateway.child.kill('SIGHUP');
    const dropped = logLines(gateway.out).filter(({ msg }) => msg === 'log lines dropped');
    return dropped.reduce((sum, { lines }) => sum + Number(lines), 0) > 10_000;
  }, 'the number of lines that were dropped');
  expect(gateway.out.length).toBeLessThan(2_000_000);
  gateway.kill('SIGTERM');
  expect(await gateway.exited()).toBe(0);
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
