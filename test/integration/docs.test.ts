import { afterAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/docPages.ts';
import { GatewayProcess } from '../support/GatewayProcess.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

/** Commands that only install, build or test the project; their names are checked elsewhere. */
const isNpm = (text: string): boolean => /^(?:\s*(?:npm .*|#.*)?\n)*$/.test(text);

describe('what README.md and docs/ tell to run works', async () => {
  const owned = new AsyncDisposableStack();
  afterAll(() => owned.disposeAsync());
  const mocks = { 'mock-binance': { kind: 'mock-binance' }, 'mock-oanda': { kind: 'mock-oanda' } };
  const gateway = owned.use(await startGateway({ config: { brokers: mocks } }));
  const { host } = new URL(gateway.urls.http);
  const here = (text: string): string => text.replaceAll('127.0.0.1:4000', host);

  const commands = codeBlocks('sh').filter(({ text, unchecked }) => unchecked === null && !isNpm(text));
  const streams = commands.filter(({ text }) => text.includes('curl -N'));

  it('is found', () => {
    expect(streams.length).toBeGreaterThan(1);
    expect(commands.length - streams.length).toBeGreaterThan(3);
  });

  it.each(streams)('a stream in a shell, until its third event: $place', async ({ text }) => {
    await using shell = new GatewayProcess({ command: 'bash', args: ['-c', here(text)], env: {}, leadsGroup: true });
    await waitFor(() => shell.out.split('"marketData"').length > 3, 'three events');
    expect(shell.out).not.toContain('"errors"');
  });

  it.each(commands.filter((command) => !streams.includes(command)))('a command: $place', async ({ text }) => {
    await using shell = new GatewayProcess({ command: 'bash', args: ['-ec', here(text)], env: {}, leadsGroup: true });
    expect(await shell.exited(), shell.err).toBe(0);
    expect(shell.out).not.toBe('');
    expect(shell.out).not.toContain('"errors"');
  });

  const programs = codeBlocks('ts', 'js').filter(({ runs }) => runs);

  it.each(programs)('a client, until its third line: $place', async ({ text }) => {
    const args = ['--conditions=tickgraph-source', '--input-type=module-typescript', '-e', here(text)];
    await using client = new GatewayProcess({ args, env: {} });
    await waitFor(() => client.out.split('\n').length > 3 || client.err !== '', 'three lines');
    expect(client.err).toBe('');
  });

  it('has several such clients', () => {
    expect(programs.length).toBeGreaterThan(4);
  });
});
