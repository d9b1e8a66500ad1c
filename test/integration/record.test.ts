import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { MarketData } from '../../src/market/marketData.ts';
import type { RecordedLine } from '../../src/recording/format.ts';
import { CuttingProxy } from '../support/CuttingProxy.ts';
import { freePort } from '../support/freePort.ts';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { readRecording, TemporaryFolder } from '../support/recordingFiles.ts';
import { waitFor } from '../support/waitFor.ts';

const BROKER = 'mock-binance';

/** Records BTCUSDT of a gateway until it is ended. */
function recorder(path: string, url: string, ...more: readonly string[]): GatewayProcess {
  return new GatewayProcess({
    args: ['src/index.ts', 'record', BROKER, 'BTCUSDT', '--out', path, '--url', url, ...more],
    env: {},
  });
}

/** Resolves when the file has so many bytes more than it has now. */
async function grows(path: string, bytes: number): Promise<void> {
  const size = async (): Promise<number> => (await readFile(path).catch(() => Buffer.alloc(0))).length;
  const before = await size();
  await waitFor(async () => (await size()) > before + bytes, 'the file to grow');
}

/** The lines behind the hole, of which there is one. */
function behindTheHole(lines: readonly RecordedLine[]): readonly MarketData[] {
  const holes = lines.filter(({ type }) => type === 'outage');
  expect(holes).toHaveLength(1);
  return lines
    .slice(lines.findIndex(({ type }) => type === 'outage'))
    .filter((line): line is MarketData => 'symbol' in line);
}

function firstOf(lines: readonly MarketData[], type: MarketData['type']): MarketData | undefined {
  return lines.find((line) => line.type === type);
}

describe('a recorder', () => {
  it('whose connection breaks goes on without a lost trade, and notes the hole', { timeout: 40_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    await using gateway = new GatewayProcess({ env: OFFLINE });
    const { port } = new URL(await gateway.listening());
    await using proxy = await CuttingProxy.to(Number(port));
    await using recording = recorder(path, `http://127.0.0.1:${proxy.port}`);
    await grows(path, 2_000);
    proxy.cut();
    await waitFor(() => recording.err.includes('The gateway is back.'), 'the gateway to be back');
    await grows(path, 2_000);
    recording.kill('SIGINT');
    expect(await recording.exited()).toBe(0);
    expect(recording.err).toMatch(
      /^tickgraph: No gateway answers at http.* It is tried again\.\ntickgraph: The gateway is back\.\n/,
    );
    expect(recording.err).toMatch(/\d+ events, .* 1 gap, /);

    const { recording: whole, lines } = await readRecording(path);
    expect(whole.summary.damage).toBeNull();
    const ids = lines.flatMap((line) => (line.type === 'trade' ? [Number(line.tradeId)] : []));
    expect(ids.length).toBeGreaterThan(3);
    expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
    const behind = behindTheHole(lines);
    expect(firstOf(behind, 'status')).toMatchObject({ state: 'live', replay: null });
    expect(firstOf(behind, 'orderbook')).toMatchObject({ kind: 'snapshot' });
  });

  it('waits for a gateway that is started anew, and the book begins anew', { timeout: 40_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    const port = await freePort();
    const env = { ...OFFLINE, PORT: String(port) };
    const url = `http://127.0.0.1:${port}`;
    await using first = new GatewayProcess({ env });
    await first.listening();
    await using recording = recorder(path, url);
    await grows(path, 2_000);
    first.kill('SIGTERM');
    expect(await first.exited()).toBe(0);
    await using second = new GatewayProcess({ env });
    await second.listening();
    await waitFor(() => recording.err.includes('The gateway is back.'), 'the gateway to be back', 20_000);
    await grows(path, 2_000);
    recording.kill('SIGTERM');
    expect(await recording.exited()).toBe(0);
    const { lines } = await readRecording(path);
    const behind = behindTheHole(lines);
    expect(behind.findLast(({ type }) => type === 'status')).toMatchObject({ state: 'live' });
    expect(firstOf(behind, 'orderbook')).toMatchObject({ kind: 'snapshot' });
  });

  it('replaces a file only with --force, and says why it can not write', { timeout: 40_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    await using gateway = new GatewayProcess({ env: OFFLINE });
    const url = await gateway.listening();
    const path = folder.file('a.gz');
    await writeFile(path, 'mine');
    const refused = async (...args: Parameters<typeof recorder>): Promise<string> => {
      await using recording = recorder(...args);
      expect(await recording.exited()).toBe(1);
      return recording.err;
    };
    expect(await refused(path, url)).toBe(`tickgraph: ${path} exists already; --force replaces it.\n`);
    expect(await readFile(path, 'utf8')).toBe('mine');
    expect(await refused(folder.file('none/a.gz'), url)).toMatch(/there is no such folder\.\n$/);
    expect(await refused('/dev/full', url, '--force')).toMatch(/the disk is full\. .*\n$/);
    await using replacing = recorder(path, url, '--force', '--for', '1s');
    expect(await replacing.exited()).toBe(0);
    expect((await readRecording(path)).recording.summary.events).toBeGreaterThan(3);
  });

  it('writes tables, a file for each type', { timeout: 40_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    await using gateway = new GatewayProcess({ env: OFFLINE });
    const url = await gateway.listening();
    for (const format of ['csv', 'parquet']) {
      await using recording = recorder(folder.file(`x.${format}`), url, '--format', format, '--for', '1s');
      expect(await recording.exited()).toBe(0);
    }
    const names = ['candle', 'orderbook', 'status', 'tick', 'trade'];
    expect((await readdir(folder.path)).toSorted()).toEqual(
      names.flatMap((name) => [`x.${name}.csv`, `x.${name}.parquet`]),
    );
    const trades = (await readFile(folder.file('x.trade.csv'), 'utf8')).trimEnd().split('\n');
    expect(trades[0]).toBe('broker,symbol,time,receivedAt,sequence,tradeId,price,size,side,backfilled');
    expect(trades.length).toBeGreaterThan(1);
    for (const row of trades.slice(1))
      expect(row).toMatch(/^mock-binance,BTCUSDT,2.*Z,2.*Z,\d+,\d+,[\d.]+,[\d.]+,(buy|sell),false$/);
  });
});
