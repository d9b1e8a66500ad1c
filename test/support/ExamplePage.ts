import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { waitFor } from './waitFor.ts';

/** The browser of this machine; undefined if it has none. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** An example's page in a real browser, read as its user reads it. */
export class ExamplePage implements AsyncDisposable {
  readonly page: Page;
  /** Errors that the page itself did not handle. */
  readonly errors: unknown[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(error));
  }

  static async open(url: string): Promise<ExamplePage> {
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    const opened = new ExamplePage(browser, await browser.newPage({ viewport: { width: 800, height: 700 } }));
    await opened.page.goto(url);
    return opened;
  }

  /** The ids of the trades of a symbol in the tape, the newest first. */
  async trades(symbol: string): Promise<number[]> {
    const rows = this.page.locator(`[data-trade^="${symbol} "]`);
    const ids = await rows.evaluateAll((all) => all.map((row) => row.getAttribute('data-trade')?.split(' ')[1]));
    return ids.map(Number);
  }

  /** The time of day of the newest trade in the tape. */
  async newestTime(): Promise<string> {
    return (await this.page.locator('[data-trade] td').first().textContent()) ?? '';
  }

  /** The texts of the row of prices of a symbol. */
  async prices(symbol: string): Promise<string[]> {
    const row = this.page.getByRole('table', { name: 'Prices' }).getByRole('row').filter({ hasText: symbol });
    return (await row.count()) === 0 ? [] : row.locator('th, td').allTextContents();
  }

  async connection(): Promise<string | null> {
    return this.page.getByRole('status').textContent();
  }

  /** Resolves with the ids once there is a newer trade than this one. */
  async tradesAfter(id: number, symbol: string): Promise<number[]> {
    return waitFor(async () => {
      const ids = await this.trades(symbol);
      return (ids[0] ?? 0) > id && ids;
    }, `a trade after ${id}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
