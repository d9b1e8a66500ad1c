import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { TemporaryFolder } from '../support/recordingFiles.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import { waitFor } from '../support/waitFor.ts';

const ANY_PORT = { HOST: '127.0.0.1', PORT: '0' };
const FAULTS = [
  { kind: 'gap', afterMs: 1_000, forMs: 300, everyMs: 2_000 },
  { kind: 'disconnect', afterMs: 2_500, forMs: 300, everyMs: 2_500 },
  { kind: 'crossedBook', afterMs: 1_500, forMs: 200, everyMs: 3_000 },
  { kind: 'halt', afterMs: 3_500, forMs: 300, everyMs: 5_000 },
];

function command(...args: readonly string[]): GatewayProcess {
  return new GatewayProcess({ args: ['src/index.ts', ...args], env: ANY_PORT });
}

/** The lines behind the header, without the line of the end. */
async function linesOf(path: string): Promise<string[]> {
  const lines = gunzipSync(await readFile(path))
    .toString()
    .trimEnd()
    .split('\n');
  return lines.slice(1).filter((line) => !line.startsWith('{"type":"end"'));
}

/** Records what a replay of the file serves, until it has ended. */
async function recordAgain(path: string, copy: string, [broker, ...symbols]: readonly string[]): Promise<void> {
  await using replay = command('replay', path, '--speed', 'max');
  const url = await replay.listening();
  await using recorder = command('record', broker ?? '', ...symbols, '--interval', '1s', '--out', copy, '--url', url);
  await waitFor(async () => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ brokers { reason } }' }),
    });
    return (await response.text()).includes('has ended');
  });
  recorder.kill('SIGINT');
  expect(await recorder.exited()).toBe(0);
}

async function expectSame(path: string, copy: string, symbols: number): Promise<void> {
  const [first, second] = [await linesOf(path), await linesOf(copy)];
  const ends = second.splice(first.length);
  expect(second).toEqual(first);
  // A replay tells of each symbol that it has ended.
  expect(ends).toHaveLength(symbols);
  for (const end of ends) expect(end).toContain('"state":"closed","reason":"The recording has ended."');
}

describe('a recording that is replayed', () => {
  it('gives the same events, byte for byte, of all types and with all faults', { timeout: 60_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    const [path, copy] = [folder.file('a.gz'), folder.file('b.gz')];
    await using gateway = new GatewayProcess({
      env: { ...OFFLINE, TICKGRAPH_BROKERS__MOCK_BINANCE__FAULTS: JSON.stringify(FAULTS) },
    });
    const url = await gateway.listening();
    const named = ['mock-binance', 'BTCUSDT', 'ETHUSDT'];
    await using recorder = command('record', ...named, '--interval', '1s', '--for', '6s', '--out', path, '--url', url);
    expect(await recorder.exited()).toBe(0);
    const recorded = await linesOf(path);
    for (const type of ['tick', 'trade', 'candle', 'orderbook', 'status']) {
      expect(recorded.some((line) => line.startsWith(`{"type":"${type}"`))).toBe(true);
    }
    expect(recorded.some((line) => line.includes('"gap":{'))).toBe(true);
    expect(recorded.some((line) => line.includes('"state":"recovering"'))).toBe(true);
    await recordAgain(path, copy, named);
    await expectSame(path, copy, 2);
  });

  it('gives the same events of a real venue', { timeout: 60_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    const [path, copy] = [folder.file('a.gz'), folder.file('b.gz')];
    await using venue = await StandInBinance.start();
    using _moving = venue.run({ everyMs: 50 });
    await using gateway = new GatewayProcess({
      env: {
        ...ANY_PORT,
        TICKGRAPH_BROKERS__OANDA: 'null',
        TICKGRAPH_BROKERS__BINANCE__WEBSOCKET_URL: venue.websocketUrl,
        TICKGRAPH_BROKERS__BINANCE__REST_URL: venue.restUrl,
      },
    });
    const url = await gateway.listening();
    const named = ['binance', 'BTCUSDT'];
    await using recorder = command('record', ...named, '--interval', '1s', '--for', '5s', '--out', path, '--url', url);
    expect(await recorder.exited()).toBe(0);
    expect((await linesOf(path)).length).toBeGreaterThan(10);
    await recordAgain(path, copy, named);
    await expectSame(path, copy, 1);
  });
});
