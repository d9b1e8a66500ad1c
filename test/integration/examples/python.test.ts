import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { consecutive, ExampleMarket, tradesOverCuts } from '../../support/ExampleMarket.ts';
import { GatewayProcess, projectFolder } from '../../support/GatewayProcess.ts';
import { waitFor } from '../../support/waitFor.ts';

const FOLDER = join(projectFolder, 'examples', 'python');
/** The system's own Python, which has the packages of the system. It leaves no compiled files in the project. */
const [PYTHON, ENV] = ['/usr/bin/python3', { PYTHONDONTWRITEBYTECODE: '1' }];
/** Skipped on a machine that lacks the library, but not in CI: there they fail. */
const LACKS_WEBSOCKETS = !runs('import websockets') && process.env['CI'] === undefined;
if (LACKS_WEBSOCKETS) console.warn('skipped: examples in Python, for the system has no python3-websockets');

const files = mkdtempSync(join(tmpdir(), 'tickgraph-python-'));
afterAll(() => rmSync(files, { recursive: true }));

function runs(code: string): boolean {
  try {
    execFileSync(PYTHON, ['-c', code], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(LACKS_WEBSOCKETS)('The example with Python', () => {
  it('writes each trade exactly once, over breaks and over runs of its own', { timeout: 60_000 }, async () => {
    await using market = await ExampleMarket.open();
    const file = join(files, 'trades.csv');
    const trades = (): number[] => idsIn(file, 'BTCUSDT');
    {
      await using first = start(file, market);
      await waitFor(() => trades().length > 0, 'a first trade');
      await tradesOverCuts(first, market, trades);
      first.kill('SIGINT');
      expect(await first.exited(), first.err).toBe(0);
    }
    const before = trades().length;
    await using second = start(file, market);
    await waitFor(() => trades().length > before + 5, 'trades of another run');
    second.kill('SIGKILL');
    await second.exited();
    for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
      const ids = idsIn(file, symbol);
      expect(ids.length).toBeGreaterThan(10);
      expect(ids).toEqual(consecutive(ids));
    }
  });

  it('writes where trades are lost for good', async () => {
    await using market = await ExampleMarket.open([{ kind: 'gap', afterMs: 1_500, everyMs: 3_000, forMs: 500 }]);
    const file = join(files, 'gaps.csv');
    await using _program = start(file, market);
    await waitFor(() => /^gap,\S+Z,\S+Z,mock-binance,BTCUSDT,,,,,,$/m.test(read(file)), 'the line of the gap');
  });

  it('goes on after a run that was killed in the middle of a line', async () => {
    const code = `from trade_file import TradeFile
trade = {"time": "t", "broker": "b", "symbol": "S", "tradeId": "1", "side": "BUY", "price": "1.10", "size": "2", "backfilled": False}
with TradeFile("${files}/killed.csv") as file: file.add_trade({**trade, "cursor": "first"})
open("${files}/killed.csv", "a").write("trade,t,,b,S,2")
with TradeFile("${files}/killed.csv") as file:
    print(file.cursors)
    file.add_trade({**trade, "cursor": "second"})`;
    expect(execFileSync(PYTHON, ['-c', code], { cwd: FOLDER, env: ENV, encoding: 'utf8' })).toBe("['first']\n");
    expect(read(join(files, 'killed.csv')).split('\n').slice(1)).toEqual([
      'trade,t,,b,S,1,buy,1.10,2,false,first',
      'trade,t,,b,S,1,buy,1.10,2,false,second',
      '',
    ]);
  });

  it('ends with the reason if the gateway refuses what it asks for', async () => {
    await using market = await ExampleMarket.open();
    await using program = start(join(files, 'refused.csv'), market, ['NOSUCH']);
    expect(await program.exited()).toBe(1);
    expect(program.err).toContain('NOSUCH');
  });

  it('compiles, also the part of which the library is no package of the system', () => {
    const compile = 'import sys\nfor name in sys.argv[1:]: compile(open(name).read(), name, "exec")';
    const names = ['gql_to_csv.py', 'websockets_to_csv.py', 'trade_file.py'];
    execFileSync(PYTHON, ['-c', compile, ...names], { cwd: FOLDER, env: ENV });
  });
});

function start(file: string, market: ExampleMarket, symbols = ['BTCUSDT', 'ETHUSDT']): GatewayProcess {
  const args = ['websockets_to_csv.py', file, ...symbols, '--url', market.url('/ws')];
  return new GatewayProcess({ command: PYTHON, args, cwd: FOLDER, env: ENV });
}

function idsIn(file: string, symbol: string): number[] {
  const rows = read(file).split('\n').slice(1, -1);
  return rows.map((row) => row.split(',')).flatMap((cells) => (cells[4] === symbol ? [Number(cells[5])] : []));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // The program has not begun.
  }
}
