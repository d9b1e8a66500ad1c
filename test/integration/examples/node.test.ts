import { describe, expect, it } from 'vitest';
import { consecutive, ExampleMarket, tradesOverCuts } from '../../support/ExampleMarket.ts';
import { GatewayProcess } from '../../support/GatewayProcess.ts';
import { InstalledExample } from '../../support/InstalledExample.ts';
import { waitFor } from '../../support/waitFor.ts';

const faults = [{ kind: 'gap', afterMs: 1_500, everyMs: 3_000, forMs: 500 }];

describe('The example with Node', () => {
  it('prints each trade exactly once, however often its connection breaks', { timeout: 60_000 }, async () => {
    await using market = await ExampleMarket.open();
    using installed = new InstalledExample('node');
    await using program = start(installed, 'trades.ts', market);
    const ids = await tradesOverCuts(program, market, () => tradesOf(program.out));
    expect(ids).toEqual(consecutive(ids));
    expect(program.err.match(/the connection is closed/g)?.length).toBeGreaterThan(1);
    program.kill('SIGINT');
    expect(await program.exited()).toBe(0);
  });

  it('says which trades are lost for good', async () => {
    await using market = await ExampleMarket.open(faults);
    using installed = new InstalledExample('node');
    await using program = start(installed, 'trades.ts', market);
    await waitFor(() => /^BTCUSDT has lost TRADE from \S+Z to \S+Z$/m.test(program.out), 'the gap');
  });

  it('prints exact prices and the state of their feeds, and ends when it is interrupted', async () => {
    await using market = await ExampleMarket.open();
    using installed = new InstalledExample('node');
    await using program = start(installed, 'prices.ts', market);
    await waitFor(() => /^\S+ BTCUSDT bid \d+\.\d\d ask \d+\.\d\d spread \d+\.\d\d$/m.test(program.out), 'a price');
    expect(program.out).toMatch(/^\S+ ETHUSDT is LIVE$/m);
    program.kill('SIGINT');
    expect(await program.exited()).toBe(0);
  });

  it.each(['prices.ts', 'trades.ts'])('ends with a failure if the gateway refuses what %s asks for', async (file) => {
    await using market = await ExampleMarket.open();
    using installed = new InstalledExample('node');
    installed.edit(file, (text) => text.replace("'BTCUSDT'", "'NOSUCH'"));
    await using program = start(installed, file, market);
    expect(await program.exited()).toBe(1);
    expect(program.err).toMatch(/the subscription ended:[^]*NOSUCH/);
  });
});

function start({ folder }: InstalledExample, file: string, market: ExampleMarket): GatewayProcess {
  return new GatewayProcess({ args: [file, market.url('/graphql')], cwd: folder, env: {} });
}

function tradesOf(out: string): number[] {
  return [...out.matchAll(/^\S+Z BTCUSDT (\d+) (?:BUY|SELL) \d+\.\d+ at \d+\.\d+$/gm)].map(([, id]) => Number(id));
}
