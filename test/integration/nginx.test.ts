import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { MultipartClient } from '../support/MultipartClient.ts';
import { Nginx, NGINX } from '../support/Nginx.ts';
import { RawClient } from '../support/RawClient.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
if (NGINX === undefined) console.warn('skipped: the proxy of docs/operating.md, for there is no nginx on this machine');

const TICKS = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';

describe.skipIf(NGINX === undefined)(
  'behind nginx as docs/operating.md configures it, on another port than 80',
  async () => {
    const owned = new AsyncDisposableStack();
    afterAll(() => owned.disposeAsync());
    const gateway = owned.use(
      await startGateway({
        config: {
          // As beside it on that page.
          server: { trustedProxies: ['127.0.0.1/32'], allowedOrigins: ['https://app.example.com'] },
          brokers: { 'mock-binance': { kind: 'mock-binance', ticksPerSecond: 20 } },
        },
      }),
    );
    const nginx = NGINX === undefined ? null : owned.use(await Nginx.before(gateway.urls.http));
    const url = nginx?.url ?? '';
    /** The headers that a browser sends whose page came through the proxy. */
    const page = { headers: { origin: url } };

    it('a page may open a GraphQL socket', async () => {
      await using client = await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`, page);
      client.subscribe('1', TICKS);
      expect(await client.typed('next', '1')).toMatchObject({
        payload: { data: { marketData: { bid: expect.stringMatching(/^\d/) } } },
      });
    });

    it('a page may open a raw socket', async () => {
      await using client = await RawClient.connect(url, page);
      expect(await client.subscribe('mock-binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
      await client.waitFor(({ type }) => type === 'data');
    });

    it('a page of another port or name may not', async () => {
      for (const origin of [url.replace(/:\d+$/, ''), url.replace(/:\d+$/, ':81'), 'http://evil.example']) {
        await expect(RawClient.connect(url, { headers: { origin } })).rejects.toThrow('closed');
      }
    });

    it('server-sent events arrive as they happen', async () => {
      await using client = await SseClient.subscribe(`${url}/graphql`, TICKS, {
        ...page.headers,
        'accept-encoding': 'gzip',
      });
      const events = await client.count(3);
      expect(events[0]?.data).toContain('"bid":');
    });

    it('the parts of a multipart subscription arrive as they happen', async () => {
      await using client = await MultipartClient.subscribe(`${url}/graphql`, TICKS, {
        ...page.headers,
        'accept-encoding': 'gzip',
      });
      expect(client.response.headers['content-encoding']).toBeUndefined();
      expect((await client.count(3))[0]).toMatchObject({
        payload: { data: { marketData: { bid: expect.any(String) } } },
      });
    });

    it.skipIf(CHROMIUM === undefined)(
      'GraphiQL runs a subscription in a browser',
      async () => {
        const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
        try {
          const tab = await browser.newPage();
          await tab.goto(`${url}/graphql`);
          await tab.locator('.graphiql-execute-button').click();
          await tab.locator('.graphiql-response').getByText('"bid"').first().waitFor();
        } finally {
          await browser.close();
        }
      },
      60_000,
    );
  },
);
