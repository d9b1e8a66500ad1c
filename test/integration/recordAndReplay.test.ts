import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { TemporaryFolder } from '../support/recordingFiles.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';
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

/** A recorder that connects to the venue itself. */
function direct(args: readonly string[], env: Readonly<Record<string, string>>): GatewayProcess {
  return new GatewayProcess({ args: ['src/index.ts', 'record', ...args, '--direct'], env });
}

/** The venue's own words in a line of a recording; null if it is an event. */
function rawOf(line: string): string | null {
  const value = JSON.parse(line) as { readonly type: string; readonly text?: string };
  return value.type === 'raw' ? (value.text ?? '') : null;
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

  it(
    'may be taken from the venue itself, with its frames before the events that they led to',
    { timeout: 60_000 },
    async () => {
      await using folder = await TemporaryFolder.make();
      const [path, copy] = [folder.file('a.gz'), folder.file('b.gz')];
      await using venue = await StandInBinance.start();
      using _moving = venue.run({ everyMs: 50 });
      const named = ['binance', 'BTCUSDT'];
      await using recorder = direct([...named, '--interval', '1s', '--for', '5s', '--out', path], {
        TICKGRAPH_BROKERS__BINANCE__WEBSOCKET_URL: venue.websocketUrl,
        TICKGRAPH_BROKERS__BINANCE__REST_URL: venue.restUrl,
      });
      expect(await recorder.exited()).toBe(0);
      const lines = await linesOf(path);
      const raw = lines.map((line, at) => ({ at, frame: rawOf(line) })).filter(({ frame }) => frame !== null);
      expect(raw.length).toBeGreaterThan(10);
      const trades = lines.flatMap((line, at) => {
        const [, id = null] = /^\{"type":"trade".*"tradeId":"(\d+)".*"backfilled":false/.exec(line) ?? [];
        return id === null ? [] : [{ at, id }];
      });
      expect(trades.length).toBeGreaterThan(3);
      for (const { at, id } of trades) {
        expect(raw.some((line) => line.at < at && line.frame?.includes(`"t":${id}`))).toBe(true);
      }
      await recordAgain(path, copy, named);
      await writeFile(path, gzipSync(['header', ...lines.filter((line) => rawOf(line) === null)].join('\n')));
      await expectSame(path, copy, 1);
    },
  );

  it('has the lines of OANDA, and nothing of the account that they came with', { timeout: 60_000 }, async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.file('a.gz');
    await using venue = await StandInOanda.start();
    using _moving = venue.run({ everyMs: 50 });
    const [account] = venue.accounts;
    const [token = '', accountId = ''] = [account?.token, account?.id];
    await using recorder = direct(['oanda', 'EUR_USD', '--types', 'tick', '--for', '3s', '--out', path], {
      TICKGRAPH_BROKERS__OANDA__STREAM_URL: venue.streamUrl,
      TICKGRAPH_BROKERS__OANDA__REST_URL: venue.restUrl,
      TICKGRAPH_BROKERS__OANDA__TOKEN: token,
      TICKGRAPH_BROKERS__OANDA__ACCOUNT_ID: accountId,
    });
    expect(await recorder.exited()).toBe(0);
    const text = gunzipSync(await readFile(path)).toString();
    expect(text).toContain('{"type":"raw"');
    expect(text).toContain('closeoutBid');
    expect(text).not.toContain(token);
  });

  it('is refused for a broker that the configuration does not have', async () => {
    await using folder = await TemporaryFolder.make();
    await using recorder = direct(['nobody', 'BTCUSDT', '--out', folder.file('a.gz')], {});
    expect(await recorder.exited()).toBe(1);
    expect(recorder.err).toMatch(/^tickgraph: .*nobody.*\n$/);
  });
});
