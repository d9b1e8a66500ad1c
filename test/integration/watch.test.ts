import { describe, expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { waitFor } from '../support/waitFor.ts';

const ENTER = '\u001B[?1049h';
const LEAVE = '\u001B[?25h\u001B[?1049l';

function watch(url: string, ...args: readonly string[]): GatewayProcess {
  return new GatewayProcess({
    args: ['src/index.ts', 'watch', 'mock-binance', 'BTCUSDT', '--url', url, ...args],
    env: {},
  });
}

/** In a terminal of 100 columns. */
function watchInTerminal(url: string): GatewayProcess {
  const command = `stty cols 100 rows 20; echo pid $$; exec node src/index.ts watch mock-binance BTCUSDT --url ${url}`;
  return new GatewayProcess({
    command: 'script',
    args: ['--quiet', '--return', '--command', command, '/dev/null'],
    env: { TERM: 'xterm', NO_COLOR: '1' },
    leadsGroup: true,
  });
}

describe('watch', () => {
  it('is one line of JSON for each event, as the raw protocol has it, and statuses too', async () => {
    await using gateway = new GatewayProcess();
    await using watching = watch(await gateway.listening(), '--json', '--types', 'tick,trade');
    const lines = await waitFor(() => {
      const whole = watching.out.split('\n').slice(0, -1);
      return whole.length >= 10 && whole;
    });
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const ticks = events.filter(({ type }) => type === 'tick');
    expect(Object.keys(ticks[0] ?? {})).toEqual(
      'type broker symbol time receivedAt sequence cursor bid bidSize ask askSize last mid spread'.split(' '),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: 'status', status: 'live', symbol: 'BTCUSDT' }));
    watching.kill('SIGINT');
    expect(await watching.exited()).toBe(0);
    expect(watching.err).toBe('');
  });

  it('ends with 0 and in silence when nobody reads any more', async () => {
    await using gateway = new GatewayProcess();
    const url = await gateway.listening();
    const command = `node src/index.ts watch mock-binance BTCUSDT --url ${url} | head -n 2; echo "code \${PIPESTATUS[0]}"`;
    await using watching = new GatewayProcess({ command: 'bash', args: ['-c', command], env: {} });
    await watching.exited();
    expect(watching.out.trimEnd().split('\n')).toEqual([expect.any(String), expect.any(String), 'code 0']);
    expect(watching.err).toBe('');
  });

  it.each([
    [['nope', 'BTCUSDT'], 'There is no broker "nope"; there are: mock-binance, mock-oanda.'],
    [['mock-binance', 'NOPE'], 'does not list "NOPE"'],
    [['mock-oanda', 'EUR_USD'], 'credentials'],
  ])('says in a sentence why it can not show %j, and ends with 1', async (args, expected) => {
    await using gateway = new GatewayProcess();
    const url = await gateway.listening();
    await using watching = new GatewayProcess({ args: ['src/index.ts', 'watch', ...args, '--url', url], env: {} });
    expect(await watching.exited()).toBe(1);
    expect(watching.err).toContain(expected);
    expect(watching.err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('gives a broker the credentials that are in its environment', async () => {
    await using gateway = new GatewayProcess();
    await using watching = new GatewayProcess({
      args: ['src/index.ts', 'watch', 'mock-oanda', 'EUR_USD', '--url', await gateway.listening()],
      env: { TICKGRAPH_BROKER_TOKEN: 'mock-token', TICKGRAPH_BROKER_ACCOUNT_ID: 'mock-account' },
    });
    await waitFor(() => watching.out.includes('EUR_USD tick bid'));
  });

  it('says that no gateway is there, and ends with 1', async () => {
    await using watching = watch('http://127.0.0.1:9');
    expect(await watching.exited()).toBe(1);
    expect(watching.err).toBe('tickgraph: No gateway answers at http://127.0.0.1:9 (ECONNREFUSED).\n');
  });

  it('waits for a gateway that goes away, and goes on by itself', { timeout: 30_000 }, async () => {
    await using first = new GatewayProcess();
    const url = await first.listening();
    await using watching = watch(url);
    await waitFor(() => watching.out.includes(' tick '));
    first.kill('SIGTERM');
    await waitFor(() => watching.err.includes('It is tried again.'));
    const before = watching.out.length;
    await first.exited();
    await using _second = new GatewayProcess({ env: { ...OFFLINE, PORT: new URL(url).port } });
    await waitFor(() => watching.err.includes('The gateway is back.'), 'the gateway', 20_000);
    await waitFor(() => watching.out.slice(before).includes(' tick '));
  });

  it('is a table in a terminal that changes in place, and leaves it clean', { timeout: 30_000 }, async () => {
    await using gateway = new GatewayProcess();
    await using watching = watchInTerminal(await gateway.listening());
    const frames = await waitFor(() => {
      const all = watching.out.split('\u001B[H').slice(1);
      return all.length >= 5 && all;
    });
    expect(watching.out).toContain(ENTER);
    expect(frames.at(-2)).toMatch(/SYMBOL +BID +ASK/);
    expect(frames.at(-2)).toContain('SYNTHETIC');
    process.kill(Number(/pid (\d+)/.exec(watching.out)?.[1]), 'SIGINT');
    expect(await watching.exited()).toBe(0);
    expect(watching.out).toContain(LEAVE);
    expect(watching.out.split(LEAVE)[1]).toMatch(/BTCUSDT/);
  });
});
