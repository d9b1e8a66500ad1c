import { existsSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { chromium } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { GraphqlGateway, tickDraft } from '../support/GraphqlGateway.ts';
import { AUTH, startGuarded } from '../support/graphqlLogins.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
if (CHROMIUM === undefined) console.warn('skipped: GraphiQL in a browser, for there is no Chromium on this machine');

const gateway = await GraphqlGateway.start({
  brokers: { 'mock-binance': { lists: ['BTCUSDT'], traits: { synthetic: true } } },
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Does not unpack the body, as fetch would. */
async function get(headers: Record<string, string>): Promise<{ response: IncomingMessage; body: Buffer }> {
  const sent = request(gateway.url, { headers: { accept: 'text/html,*/*;q=0.8', ...headers } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { response, body: await buffer(response) };
}

describe('GraphiQL', () => {
  // Compressing takes seconds, more on a busy machine.
  it('is sent compressed: nine megabytes in two', { timeout: 90_000 }, async () => {
    const brotli = await get({ 'accept-encoding': 'gzip, deflate, br, zstd' });
    expect(brotli.response.headers['content-encoding']).toBe('br');
    expect(brotli.body.length).toBeLessThan(2_500_000);
    const gzip = await get({ 'accept-encoding': 'gzip' });
    expect(gzip.response.headers['content-encoding']).toBe('gzip');
    const plain = await get({});
    expect(plain.response.headers['content-encoding']).toBeUndefined();
    expect(plain.body.length).toBeGreaterThan(5_000_000);
    expect(brotliDecompressSync(brotli.body).equals(plain.body)).toBe(true);
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
  });

  it('is not sent again to a browser that has it', async () => {
    const first = await get({ 'accept-encoding': 'br' });
    const { etag = '' } = first.response.headers;
    expect(first.response.headers['cache-control']).toBe('no-cache');
    expect(first.response.headers.vary).toContain('Accept');
    const again = await get({ 'if-none-match': etag });
    expect(again.response.statusCode).toBe(304);
    expect(again.body).toHaveLength(0);
    expect((await get({ 'if-none-match': '"other"', 'accept-encoding': 'br' })).response.statusCode).toBe(200);
  });

  it('may load nothing from another host', async () => {
    const { response, body } = await get({});
    const policy = String(response.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/);
    expect(body.toString('utf8')).not.toMatch(/<(script|link|img)[^>]+(src|href)="?https?:/);
  });

  it('is for browsers: a program gets JSON, and so does everybody if it is turned off', async () => {
    const program = await fetch(`${gateway.url}?query={__typename}`);
    expect(program.headers.get('content-type')).toContain('json');
    await using own = await GraphqlGateway.start({ graphql: { graphiql: false } });
    const off = await fetch(`${own.url}?query={__typename}`, { headers: { accept: 'text/html,*/*' } });
    expect(await off.json()).toEqual({ data: { __typename: 'Query' } });
  });

  it.skipIf(CHROMIUM === undefined)(
    'runs in a browser: a query over HTTP, a subscription over WebSocket',
    async () => {
      const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
      try {
        const page = await browser.newPage();
        const hosts = new Set<string>();
        const complaints: string[] = [];
        const sockets: string[] = [];
        page.on('request', (sent) => {
          if (sent.url().startsWith('http')) hosts.add(new URL(sent.url()).host);
        });
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text());
        });
        page.on('pageerror', (error) => complaints.push(String(error)));
        page.on('websocket', (socket) => sockets.push(socket.url()));
        await page.goto(gateway.url);

        await page.locator('.graphiql-execute-button').click();
        await gateway.wanted('tick BTCUSDT', 'mock-binance');
        const broker = gateway.broker('mock-binance');
        broker.sink.onEvent(broker.feed('tick BTCUSDT'), tickDraft('43250.10'));
        await page.locator('.graphiql-response').getByText('43250.10').waitFor();
        expect(sockets).toEqual([gateway.wsUrl]);
        expect([...hosts]).toEqual([new URL(gateway.url).host]);
        expect(complaints).toEqual([]);
      } finally {
        await browser.close();
      }
      await gateway.isIdle();
    },
    60_000,
  );

  it.skipIf(CHROMIUM === undefined)(
    'opens with three operations that give data at once: ticks, a book, and candles with their past',
    async () => {
      await using own = await startGateway({ config: { brokers: { 'mock-binance': { kind: 'mock-binance' } } } });
      const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
      try {
        for (const [tab, told] of [
          ['Ticks', '"spread"'],
          ['Book', '"bids"'],
          ['Candles', '"openTime"'],
        ] as const) {
          const page = await browser.newPage({ viewport: { width: 1300, height: 850 } });
          await page.goto(own.urls.graphql);
          // GraphiQL's tabs may swallow a click while they move.
          await waitFor(async () => {
            await page.locator('.graphiql-tab-button', { hasText: tab }).click();
            return page.locator('.graphiql-tab-active', { hasText: tab }).isVisible();
          }, `the tab ${tab}`);
          await page.locator('.graphiql-execute-button').click();
          await page.locator('.graphiql-response').getByText(told).first().waitFor();
          await page.screenshot({ path: `test/artifacts/graphiql-${tab.toLowerCase()}.png` });
          await page.close();
        }
      } finally {
        await browser.close();
      }
    },
    90_000,
  );

  it.skipIf(CHROMIUM === undefined)(
    'asks for a login where one is required, says why it fails, sends it with a subscription too, and stores it nowhere',
    async () => {
      await using guarded = await startGuarded({
        brokers: { 'mock-binance': { lists: ['BTCUSDT'], traits: { synthetic: true } } },
      });
      const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
      try {
        const page = await browser.newPage();
        await page.goto(guarded.url);
        const field = page.getByLabel('needs a login');
        await field.fill('key-of-nobody');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.getByRole('alert').getByText('not valid').waitFor();
        await page.screenshot({ path: 'test/artifacts/graphiql-login.png' });
        await field.fill('key-of-plain');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.locator('.graphiql-execute-button').click();
        await guarded.wanted('tick BTCUSDT', 'mock-binance');
        guarded.tick('43250.10', 'BTCUSDT', 'mock-binance');
        await page.locator('.graphiql-response').getByText('43250.10').waitFor();
        expect(
          await page.evaluate('JSON.stringify([localStorage, sessionStorage, location.href, document.cookie])'),
        ).not.toContain('key-of');
      } finally {
        await browser.close();
      }
      await guarded.isIdle();
    },
    60_000,
  );

  it.skipIf(CHROMIUM === undefined)(
    'sends the headers of its editor with a subscription too, and forgets them with the page, even those stored before',
    async () => {
      await using guarded = await startGuarded({
        auth: { ...AUTH, mode: 'none' },
        brokers: { 'mock-binance': { lists: ['BTCUSDT'], traits: { synthetic: true } } },
      });
      const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
      try {
        const page = await browser.newPage();
        await page.addInitScript(`
          if (sessionStorage.getItem('seeded') === null) localStorage.setItem('graphiql:headers', '{"X-API-Key":"key-of-before"}');
          sessionStorage.setItem('seeded', 'yes');
        `);
        await page.goto(guarded.url);
        await page.getByRole('button', { name: 'Headers' }).click();
        await page.locator('.graphiql-editor-tool').getByRole('textbox', { includeHidden: true }).last().focus();
        await page.keyboard.insertText('{"X-API-Key":"key-of-nobody"}');
        await page.locator('.graphiql-execute-button').click();
        await page.locator('.graphiql-response').getByText('UNAUTHENTICATED').waitFor();
        await page.reload();
        await page.locator('.graphiql-execute-button').click();
        await guarded.wanted('tick BTCUSDT', 'mock-binance');
        expect(await page.evaluate('JSON.stringify([localStorage, location.href])')).not.toContain('key-of');
      } finally {
        await browser.close();
      }
      await guarded.isIdle();
    },
    60_000,
  );
});
