import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../../src/MarketDataServer.ts';
import { CuttingProxy } from '../../support/CuttingProxy.ts';
import { CHROMIUM, ExamplePage } from '../../support/ExamplePage.ts';
import { projectFolder } from '../../support/GatewayProcess.ts';
import { InstalledExample } from '../../support/InstalledExample.ts';
import { serveFolder } from '../../support/serveFolder.ts';
import { startGateway } from '../../support/startGateway.ts';
import { waitFor } from '../../support/waitFor.ts';

if (CHROMIUM === undefined) console.warn('skipped: examples in a browser, for there is no Chromium on this machine');

const ARTIFACTS = join(projectFolder, 'test', 'artifacts');
mkdirSync(ARTIFACTS, { recursive: true });

function startMarket(faults: readonly Record<string, unknown>[] = [], port = 0): Promise<MarketDataServer> {
  const broker = { kind: 'mock-binance', symbols: { BTCUSDT: 43_250.1, ETHUSDT: 2_280.55 }, faults };
  return startGateway({
    config: { server: { port }, brokers: { 'mock-binance': broker }, feeds: { staleAfterMs: 1_000 } },
  });
}

/** Opens an example's page, which connects to the gateway over this port. */
type Open = (port: number, stack: AsyncDisposableStack) => Promise<ExamplePage>;

const built =
  (example: string): Open =>
  async (port, stack) => {
    const installed = stack.use(new InstalledExample(example));
    const site = stack.use(await serveFolder(await installed.build(`ws://127.0.0.1:${port}/graphql`)));
    return stack.use(await ExamplePage.open(site.url));
  };

const plain =
  (file: string): Open =>
  async (port, stack) => {
    const pageFor = (text: string): string => text.replace('127.0.0.1:4000', `127.0.0.1:${port}`);
    const site = stack.use(await serveFolder(join(projectFolder, 'examples', 'browser'), pageFor));
    return stack.use(await ExamplePage.open(`${site.url}/${file}`));
  };

describe.skipIf(CHROMIUM === undefined).each<readonly [string, Open]>([
  ['react-apollo', built('react-apollo')],
  ['react-urql', built('react-urql')],
  ['browser/server-sent-events.html', plain('server-sent-events.html')],
  ['browser/websocket.html', plain('websocket.html')],
])('the example %s', (name, open) => {
  it('says that its connection is lost, and goes on without a hole or a double', { timeout: 60_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const gateway = stack.use(await startMarket());
    const network = stack.use(await CuttingProxy.to(Number(new URL(gateway.urls.http).port)));
    const page = await open(network.port, stack);
    const [newest = 0] = await page.tradesAfter(0, 'BTCUSDT');
    await waitFor(async () => (await page.connection()) === 'Connected to the gateway', 'the connection');
    await waitFor(async () => /^\d+\.\d\d$/.test((await page.prices('ETHUSDT'))[1] ?? ''), 'a price, digit for digit');
    await page.page.screenshot({ path: join(ARTIFACTS, `example-${name.replaceAll('/', '-')}.png`) });

    await waitFor(async () => {
      network.cut();
      return (await page.connection()) === 'No connection to the gateway';
    }, 'the lost connection to be shown');
    const [last = 0] = await page.trades('BTCUSDT');
    const ids = await page.tradesAfter(Math.max(last, newest) + 5, 'BTCUSDT');
    expect(await page.connection()).toBe('Connected to the gateway');
    expect(ids).toEqual(ids.map((_id, i) => (ids[0] ?? 0) - i));
    expect(ids.at(-1)).toBeLessThanOrEqual(last);
    expect(page.errors).toEqual([]);
  });

  it('goes on by itself after the gateway was restarted', { timeout: 60_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const first = await startMarket();
    const port = Number(new URL(first.urls.http).port);
    const page = await open(port, stack);
    await page.tradesAfter(0, 'BTCUSDT');
    await first[Symbol.asyncDispose]();
    await waitFor(async () => (await page.connection()) === 'No connection to the gateway', 'the end to be shown');
    const last = await page.newestTime();
    stack.use(await startMarket([], port));
    await waitFor(async () => (await page.newestTime()) > last, 'a newer trade', 20_000);
    expect(await page.connection()).toBe('Connected to the gateway');
    expect(page.errors).toEqual([]);
  });

  it('shows a feed that is silent, and trades that are lost', { timeout: 60_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const gateway = stack.use(
      await startMarket([
        { kind: 'silence', afterMs: 1_000, everyMs: 6_000, forMs: 4_000, symbols: ['ETHUSDT'] },
        { kind: 'gap', afterMs: 500, everyMs: 3_000, forMs: 500, symbols: ['BTCUSDT'] },
      ]),
    );
    const page = await open(Number(new URL(gateway.urls.http).port), stack);
    await waitFor(
      async () => (await page.prices('ETHUSDT'))[4]?.startsWith('STALE'),
      'the silence to be shown',
      20_000,
    );
    await page.page
      .getByText(/BTCUSDT: trades are missing from [\d:.]+ to [\d:.]+/)
      .first()
      .waitFor();
    await page.page.screenshot({ path: join(ARTIFACTS, `example-${name.replaceAll('/', '-')}-trouble.png`) });
    await waitFor(async () => (await page.prices('ETHUSDT'))[4] === 'LIVE', 'the feed to be live again', 20_000);
    expect(page.errors).toEqual([]);
  });
});
