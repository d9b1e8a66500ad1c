import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { waitFor } from './waitFor.ts';

/** The browser of this machine; undefined if it has none. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

/** Serves the files of a folder on a free port of loopback. `adapt` changes a page before it is sent. */
export async function serveFolder(
  folder: string,
  adapt: (page: string) => string = (page) => page,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(({ url = '/' }, response) => {
    const file = join(folder, url === '/' ? 'index.html' : url);
    const type = CONTENT_TYPES[extname(file)];
    if (type === undefined || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    const text = readFileSync(file, 'utf8');
    response.writeHead(200, { 'content-type': type }).end(type.startsWith('text/html') ? adapt(text) : text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

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
