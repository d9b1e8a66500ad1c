import axe from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { DashboardPage, lacksChromium, launchBrowser } from '../support/DashboardPage.ts';
import { AUTH } from '../support/graphqlLogins.ts';
import { startGateway } from '../support/startGateway.ts';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { waitFor } from '../support/waitFor.ts';

const MOCKS = {
  'mock-binance': { kind: 'mock-binance', ticksPerSecond: 10 },
  'mock-oanda': { kind: 'mock-oanda', ticksPerSecond: 10 },
  'other-mock': { kind: 'mock-binance', seed: 7, symbols: { SOLUSDT: '142.10', BNBUSDT: '612.40' } },
};

describe.skipIf(lacksChromium !== null)('the dashboard', { timeout: 60_000 }, () => {
  let browser: Browser;
  let gateway: MarketDataServer;
  beforeAll(async () => {
    browser = await launchBrowser();
    gateway = await startGateway({ config: { brokers: MOCKS } });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await gateway[Symbol.asyncDispose]();
  });
  const open = (hash = '', options = {}): Promise<DashboardPage> =>
    DashboardPage.open(browser, `${gateway.urls.http}/${hash}`, options);

  it('moves at once, marks made-up data on every panel, and asks no other host for anything', async () => {
    await using dashboard = await open();
    await dashboard.isAlive();
    const before = await dashboard.tape();
    await waitFor(async () => (await dashboard.tape()).at(-1) !== before.at(-1), 'another trade');
    for (const name of ['watch', 'quote', 'chart', 'book', 'tape', 'brokers'] as const) {
      await dashboard.panel(name).locator('.synthetic').first().waitFor();
    }
    for (const name of ['watch', 'quote', 'chart', 'book', 'tape'] as const) {
      const panel = dashboard.panel(name);
      await panel
        .locator('.feed', { hasText: /^live \d/ })
        .first()
        .waitFor();
      await panel
        .locator('.figures', { hasText: /venue \d+ ms → gateway -?\d+ ms → page/ })
        .first()
        .waitFor();
      await panel
        .locator('.figures', { hasText: /[1-9][\d.]*\/s\s*0 gaps/ })
        .first()
        .waitFor();
    }
    await dashboard.screenshot('dashboard-dark-1440');
    expect([...dashboard.hosts]).toEqual([new URL(gateway.urls.http).host]);
    expect(dashboard.complaints).toEqual([]);
  });

  it('draws candles of history on its canvas', async () => {
    await using dashboard = await open();
    await dashboard.isAlive();
    // The middle of the chart is where only history can be.
    const colours = (): Promise<number> =>
      dashboard
        .panel('chart')
        .locator('canvas')
        .first()
        .evaluate((element) => {
          const canvas = element as unknown as {
            width: number;
            height: number;
            getContext(kind: '2d'): { getImageData(...box: number[]): { data: Uint8Array } };
          };
          const { data } = canvas.getContext('2d').getImageData(0, 0, Math.floor(canvas.width / 2), canvas.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) if (Math.abs((data[i] ?? 0) - (data[i + 1] ?? 0)) > 80) count += 1;
          return count;
        });
    await waitFor(async () => (await colours()) > 500, 'candles in the left half');
  });

  it('finds instruments of all brokers with the keyboard alone, and shows or watches them', async () => {
    await using dashboard = await open();
    await dashboard.isAlive();
    const { page } = dashboard;
    await page.keyboard.press('/');
    await page.keyboard.type('us');
    const options = page.getByRole('option');
    await options.filter({ hasText: 'other-mock' }).nth(1).waitFor();
    await options.filter({ hasText: 'mock-binance' }).nth(1).waitFor();
    await page.getByText("mock-oanda can't be searched").waitFor();
    await dashboard.screenshot('dashboard-search');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('sol');
    await options.and(page.locator('[aria-selected=true]', { hasText: 'SOLUSDT' })).waitFor();
    await page.keyboard.press('Shift+Enter');
    await page.getByRole('button', { name: 'Remove SOLUSDT from the watch list' }).waitFor();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('USDT');
    await options.nth(3).waitFor();
    await page.keyboard.press('ArrowDown');
    await options.nth(1).and(page.locator('[aria-selected=true]')).waitFor();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('ETH');
    await options.and(page.locator('[aria-selected=true]', { hasText: 'ETHUSDT' })).waitFor();
    await page.keyboard.press('Enter');
    await dashboard.panel('quote').getByText('ETHUSDT').waitFor();
    await dashboard.isAlive();
    await page.keyboard.press('/');
    await page.keyboard.type('nothing like it');
    await page.getByText('No broker lists “nothing like it”.').waitFor();
  });

  it('says which way prices of the watch list moved, with a sign beside the colour', async () => {
    await using dashboard = await open();
    await dashboard.panel('watch').locator('td[data-move=up]').first().waitFor();
    await dashboard.panel('watch').locator('td[data-move=down]').first().waitFor();
    await using still = await open('', { reducedMotion: 'reduce' });
    await still.panel('watch').locator('td[data-move]').first().waitFor();
    const animations = await still.panel('watch').evaluate((panel) => {
      const animated = panel as unknown as { getAnimations(options: object): readonly unknown[] };
      return animated.getAnimations({ subtree: true }).length;
    });
    expect(animations).toBe(0);
  });

  it('a link carries the view: broker, symbol, interval and watch list', async () => {
    await using first = await open();
    await first.isAlive();
    await first.panel('watch').getByRole('button', { name: 'ETHUSDT', exact: true }).click();
    await first.panel('chart').getByRole('button', { name: '5s', exact: true }).click();
    await first.panel('watch').getByRole('button', { name: 'Remove BTCUSDT from the watch list' }).click();
    await waitFor(() => first.page.url().includes('interval=5s'), 'the address');
    await using second = await DashboardPage.open(browser, first.page.url());
    await second.isAlive();
    await second.panel('quote').getByText('ETHUSDT').waitFor();
    await second.panel('chart').getByRole('button', { name: '5s', pressed: true }).waitFor();
    expect(await second.panel('watch').locator('tbody th').allInnerTexts()).not.toContain('BTCUSDT');
  });

  it('authenticates a broker with a form, whose account is in no address and no storage', async () => {
    await using dashboard = await open('#broker=mock-oanda&symbol=EUR_USD');
    const { page } = dashboard;
    await dashboard.panel('quote').locator('.feed.bad').waitFor();
    await dashboard.panel('tape').getByText('mock-oanda has no trades.').waitFor();
    const broker = dashboard.panel('brokers').getByRole('listitem').filter({ hasText: 'mock-oanda' });
    await broker.getByRole('button', { name: 'Authenticate…' }).click();
    await broker.getByLabel('Account').fill('mock-account');
    await broker.getByLabel('Token').fill('wrong');
    await broker.getByRole('button', { name: 'Authenticate', exact: true }).click();
    await broker.getByRole('alert').waitFor();
    await broker.getByLabel('Token').fill('mock-token');
    await broker.getByRole('button', { name: 'Authenticate', exact: true }).click();
    await broker.getByText('Your account is in use.').waitFor();
    await dashboard.panel('quote').locator('.feed.good').waitFor();
    await dashboard.panel('book').locator('.bids .level').first().waitFor();
    await dashboard.screenshot('dashboard-oanda');
    const kept = await page.evaluate(
      'location.href + JSON.stringify([localStorage, sessionStorage]) + document.cookie',
    );
    expect(kept).not.toContain('mock-token');
    expect(kept).not.toContain('mock-account');
  });

  it('lets a mock broker misbehave, and shows what clients see then', async () => {
    await using dashboard = await open();
    await dashboard.isAlive();
    const form = dashboard.page.getByRole('form', { name: 'Let mock-binance misbehave' });
    const provoke = async (kind: string): Promise<void> => {
      await form.getByRole('combobox').selectOption({ label: kind });
      await form.getByRole('button').click();
    };
    await provoke('gap');
    await dashboard.panel('tape').getByText('trades are missing here').waitFor();
    await waitFor(async () => /[1-9]\d* gap/.test(await dashboard.panel('tape').innerText()), 'the gap to be counted');
    await provoke('disconnect');
    await dashboard.panel('tape').locator('.feed', { hasText: 'recovering: ' }).waitFor();
    await dashboard.panel('brokers').getByText('disconnected').first().waitFor();
    await dashboard.screenshot('dashboard-fault');
    // The mock broker's venue is away for ten seconds, and the gateway looks for it ever more rarely.
    await dashboard.panel('tape').locator('.feed', { hasText: /^live/ }).waitFor({ timeout: 40_000 });
  });

  it('has a light and a dark theme: the system decides, until somebody chooses', async () => {
    await using dashboard = await open('', { colorScheme: 'light' });
    const { page } = dashboard;
    await dashboard.isAlive();
    await page.locator('html[data-theme=light]').waitFor();
    await dashboard.screenshot('dashboard-light-1440');
    await page.getByRole('button', { name: 'Dark theme' }).click();
    await page.locator('html[data-theme=dark]').waitFor();
    await page.reload();
    await page.locator('html[data-theme=dark]').waitFor();
  });

  it.each([
    ['dark', 1440, 900],
    ['light', 1440, 900],
    ['dark', 1024, 768],
    ['light', 1024, 768],
    ['dark', 360, 800],
    ['light', 390, 844],
  ] as const)(
    'axe finds no violation in %s at %d × %d, and nothing is wider than the page',
    async (colorScheme, width, height) => {
      // While a price flashes its background is another one.
      const options = { colorScheme, reducedMotion: 'reduce', viewport: { width, height } } as const;
      await using dashboard = await open('', options);
      await dashboard.isAlive();
      const { page } = dashboard;
      await page.locator('.panel.brokers').getByRole('button', { name: 'Authenticate…' }).click();
      await dashboard.screenshot(`dashboard-${colorScheme}-${width}`);
      const overhang = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(overhang).toBeLessThanOrEqual(0);
      await page.evaluate(axe.source);
      const violations = await page.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
      );
      expect(violations).toEqual([]);
    },
  );

  it('asks for a login where one is required, and keeps it in memory only', async () => {
    await using guarded = await startGateway({ config: { auth: AUTH, brokers: MOCKS } });
    await using dashboard = await DashboardPage.open(browser, guarded.urls.http);
    const { page } = dashboard;
    const dialog = page.getByRole('dialog', { name: 'Log in to this gateway' });
    await dialog.waitFor();
    await dashboard.screenshot('dashboard-login');
    await dialog.getByLabel('an API key').check();
    await dialog.getByLabel('Token or key').fill('wrong');
    await dialog.getByRole('button', { name: 'Log in' }).click();
    await waitFor(() => guarded.metrics.logins.get().then(({ values }) => values.length > 0), 'the refusal');
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('Token or key').fill('key-of-plain');
    await dialog.getByRole('button', { name: 'Log in' }).click();
    await dashboard.isAlive();
    expect(await dialog.isVisible()).toBe(false);
    expect(await page.evaluate('location.href + JSON.stringify([localStorage, sessionStorage])')).not.toContain(
      'key-of',
    );
    await page.reload();
    await dialog.waitFor();
  });
});
