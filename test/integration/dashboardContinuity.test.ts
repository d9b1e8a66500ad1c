import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { DashboardPage, lacksChromium, launchBrowser } from '../support/DashboardPage.ts';
import { freePort } from '../support/freePort.ts';
import { ResumeScene, span } from '../support/ResumeScene.ts';
import { waitFor } from '../support/waitFor.ts';

const VIEW = '#broker=binance&symbol=BTCUSDT&watch=binance:BTCUSDT';

describe.skipIf(lacksChromium !== null)('the dashboard goes on by itself', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  }, 60_000);
  afterAll(() => browser.close());

  it('after a restart of the server, without a hole in the tape, and says meanwhile that it reconnects', async () => {
    const port = await freePort();
    await using scene = await ResumeScene.start({ config: { server: { port } } });
    await using dashboard = await DashboardPage.open(browser, `http://127.0.0.1:${port}/${VIEW}`);
    await scene.venue.waitForSubscription('btcusdt@trade');
    scene.trade(5);
    await waitFor(async () => (await dashboard.tape()).length >= 5, 'five trades');
    const before = (await dashboard.tape()).at(-1);
    await scene.restart(async () => {
      await dashboard
        .panel('tape')
        .locator('.feed', { hasText: /^reconnecting/ })
        .waitFor();
      await dashboard.page.getByText('reconnecting to the gateway').waitFor();
      await dashboard.screenshot('dashboard-reconnecting');
      scene.trade(30);
    });
    await waitFor(async () => Number((await dashboard.tape()).at(-1)) >= Number(before) + 30, 'the missed trades');
    scene.trade(3);
    await waitFor(async () => Number((await dashboard.tape()).at(-1)) >= Number(before) + 33, 'the live trades');
    const ids = (await dashboard.tape()).map(Number);
    expect(ids).toEqual(span(ids));
    await dashboard.panel('tape').locator('.feed', { hasText: /^live/ }).waitFor();
    expect(dashboard.complaints).toEqual([]);
  });

  it('in a hidden tab draws nothing and asks for less, and is right at once when it is seen again', async () => {
    await using scene = await ResumeScene.start();
    await using dashboard = await DashboardPage.open(browser, `${scene.gateway.urls.http}/${VIEW}`);
    const { page } = dashboard;
    await scene.venue.waitForSubscription('btcusdt@trade');
    scene.trade(5);
    await waitFor(async () => (await dashboard.tape()).length >= 5, 'five trades');
    const seen = await dashboard.tape();
    const hide = (hidden: boolean): Promise<unknown> =>
      page.evaluate(`
        Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
        document.dispatchEvent(new Event('visibilitychange'));`);
    await hide(true);
    await waitFor(
      () => dashboard.sent.some((frame) => frame.includes('"throttleMs":2000')),
      'a throttled request',
      20_000,
    );
    scene.trade(7);
    const last = String(Number(seen.at(-1)) + 7);
    await waitFor(() => dashboard.received.some((frame) => frame.includes(`"tradeId":"${last}"`)), 'the trades');
    expect(await dashboard.tape()).toEqual(seen);
    const asked = dashboard.sent.length;
    await hide(false);
    await waitFor(async () => (await dashboard.tape()).at(-1) === last, 'the newest trade');
    const ids = (await dashboard.tape()).map(Number);
    expect(ids).toEqual(span(ids));
    await waitFor(() => dashboard.sent.slice(asked).some((frame) => frame.includes('"ORDERBOOK"')), 'a full request');
    expect(dashboard.sent.slice(asked).join()).not.toContain('throttleMs');
    expect(dashboard.complaints).toEqual([]);
  });
});
