import { describe, expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { logLines } from '../support/logLines.ts';
import { MultipartClient } from '../support/MultipartClient.ts';
import { RawClient } from '../support/RawClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TICKS = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';

/** The brokers of the script, by how their first adapters fail. */
const FAULTY = ['call', 'timer', 'promise', 'event'];

/** A gateway that fails on SIGUSR2 in a way that nobody answers for. */
function failingGateway(fault: string): GatewayProcess {
  const preload = `process.on('SIGUSR2', () => { ${fault} })`;
  return new GatewayProcess({
    args: ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, 'src/index.ts', 'serve'],
  });
}

describe('a fault that nobody answers for', () => {
  it.concurrent.each([
    ['uncaught exception', "throw new Error('GET /?token=can' + 'ary failed');"],
    ['unhandled rejection', "Promise.reject(new Error('Bearer can' + 'ary'));"],
  ])('ends the process with 1 within five seconds, and every client is told: %s', async (message, fault) => {
    await using gateway = failingGateway(fault);
    const url = await gateway.listening();
    await using raw = await RawClient.connect(url);
    await raw.subscribe('mock-binance', ['BTCUSDT']);
    await using graphql = await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`);
    graphql.subscribe('1', TICKS);
    await using events = await SseClient.subscribe(`${url}/graphql`, TICKS);
    await using parts = await MultipartClient.subscribe(`${url}/graphql`, TICKS);
    await Promise.all([raw.waitFor(({ type }) => type === 'data'), graphql.typed('next', '1')]);
    await Promise.all([events.count(1), parts.count(1)]);
    // One of them reads nothing any more.
    await using deaf = await RawClient.connect(url);
    await deaf.subscribe('mock-binance', ['BTCUSDT'], ['orderbook']);
    deaf.socket.pause();

    const began = performance.now();
    gateway.child.kill('SIGUSR2');
    expect(await gateway.exited()).toBe(1);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect([(await raw.waitForClose()).code, (await graphql.closing()).code]).toEqual([1001, 1001]);
    await waitFor(() => events.ended && parts.ended, 'the streams to end');
    const [reason, end] = events.events.slice(-2);
    expect([reason?.data, end?.event]).toEqual([expect.stringContaining('shutting down'), 'complete']);
    expect(parts.complete).toBe(true);
    expect(JSON.stringify(parts.messages.at(-1))).toContain('shutting down');
    expect(gateway.logged(message)).toMatchObject({ level: 'fatal' });
    expect(gateway.out + gateway.err).not.toContain('canary');
  });
});

it('an adapter whose fault nobody catches takes its own broker away for a second, and no other', async () => {
  await using gateway = new GatewayProcess({ args: ['test/support/faultyGateway.ts'], env: OFFLINE });
  const url = await gateway.listening();
  await using neighbour = await RawClient.connect(url);
  await neighbour.subscribe('mock-binance', ['BTCUSDT']);
  await using clients = new AsyncDisposableStack();
  const backAgain: Promise<unknown>[] = [];
  for (const [at, broker] of FAULTY.entries()) {
    const client = clients.use(await RawClient.connect(url));
    await client.subscribe(broker, ['BTCUSDT']);
    const told = await client.waitFor(({ status }) => status === 'recovering', `${broker} to fail`);
    expect(told['message']).toContain('The adapter failed for a fault of ours');
    const ready = await fetch(`${url}/ready`);
    const { brokers } = (await ready.json()) as { readonly brokers: Record<string, unknown> };
    expect(ready.status).toBe(200);
    expect(brokers).toMatchObject({
      ...Object.fromEntries(FAULTY.slice(at + 1).map((other) => [other, { state: 'CONNECTED', reason: null }])),
      [broker]: { state: 'DISCONNECTED', reason: expect.stringContaining('it is started again in 1 s') as string },
      'mock-binance': { state: 'CONNECTED', reason: null },
    });
    backAgain.push(client.waitFor(({ type }) => type === 'data', `${broker} to serve again`));
    backAgain.push(client.waitFor(({ status }) => status === 'live', `${broker} to be live again`));
  }
  await Promise.all(backAgain);
  const before = neighbour.data('tick').length;
  await waitFor(() => neighbour.data('tick').length > before, 'the neighbour to receive more');
  expect(neighbour.messages.filter(({ status }) => status === 'recovering' || status === 'stale')).toEqual([]);
  const lines = logLines(gateway.out).filter(({ level }) => level === 'error' || level === 'fatal');
  expect(lines.map(({ msg, broker }) => [msg, broker])).toEqual(FAULTY.map((broker) => ['the adapter failed', broker]));
  expect(gateway.out + gateway.err).not.toContain('canary');
  gateway.kill('SIGTERM');
  expect(await gateway.exited()).toBe(0);
});
