import { existsSync, mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { projectFolder } from './GatewayProcess.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const ARTIFACTS = `${projectFolder}test/artifacts`;

/** Why tests in a browser can't run here; null if they can. */
export const lacksChromium = CHROMIUM === undefined ? 'there is no Chromium on this machine' : null;
if (lacksChromium !== null) console.warn(`skipped: tests in a browser, for ${lacksChromium}`);

/** A browser for all tests of a file. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
}

/** The dashboard in a browser of its own session. It keeps every complaint of the browser, also about the page's policy. */
export class DashboardPage implements AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[] = [];
  /** The hosts that the page asked for anything. */
  readonly hosts = new Set<string>();
  /** The messages of the page and the gateway over the WebSocket. */
  readonly sent: string[] = [];
  readonly received: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      // A gateway that is away is no fault of the page.
      const isAway = /ERR_CONNECTION_|WebSocket connection to/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !isAway) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => this.hosts.add(new URL(request.url()).host));
    page.on('websocket', (socket) => {
      this.hosts.add(new URL(socket.url()).host);
      socket.on('framesent', ({ payload }) => this.sent.push(String(payload)));
      socket.on('framereceived', ({ payload }) => this.received.push(String(payload)));
    });
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<DashboardPage> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const dashboard = new DashboardPage(page);
    await page.goto(url);
    return dashboard;
  }

  panel(name: 'watch' | 'quote' | 'chart' | 'book' | 'tape' | 'brokers'): Locator {
    return this.page.locator(`.panel.${name}`);
  }

  /** Resolves once trades are on the tape, a book is in the ladder and a candle has been drawn. */
  async isAlive(): Promise<void> {
    await this.panel('tape').locator('tbody tr').nth(3).waitFor();
    await this.panel('book').locator('.bids .level').nth(3).waitFor();
    await this.panel('chart').locator('.legend .num').first().waitFor();
  }

  /** The ids of the trades on the tape, oldest first; `gap` for a line that says that some are missing. */
  tape(): Promise<readonly string[]> {
    const rows = this.panel('tape').locator('tbody tr');
    return rows.evaluateAll((all) =>
      all.map((row) => (row as unknown as { dataset: { trade?: string } }).dataset.trade ?? 'gap').toReversed(),
    );
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: `${ARTIFACTS}/${name}.png` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
