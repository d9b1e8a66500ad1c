import { afterAll, describe, expect, it } from 'vitest';
import { CompressingProxy } from '../support/CompressingProxy.ts';
import { MultipartClient } from '../support/MultipartClient.ts';
import { Nginx, NGINX } from '../support/Nginx.ts';
import { SseClient } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';

const TICKS = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const GZIP = { 'accept-encoding': 'gzip' };
if (NGINX === undefined) console.warn('skipped: an nginx that compresses, for there is none on this machine');

const owned = new AsyncDisposableStack();
afterAll(() => owned.disposeAsync());
const gateway = owned.use(
  await startGateway({ config: { brokers: { 'mock-binance': { kind: 'mock-binance', ticksPerSecond: 20 } } } }),
);

type Start = () => Promise<AsyncDisposable & { readonly url: string }>;
const PROXIES: [string, Start][] = [
  ['a proxy that compresses whatever it may', () => CompressingProxy.before(gateway.urls.http)],
];
if (NGINX !== undefined) {
  const collecting = 'gzip on; gzip_types *; gzip_proxied any;';
  PROXIES.push([
    'an nginx that compresses everything, and collects answers as it does by default',
    () => Nginx.before(gateway.urls.http, (text) => text.replace('proxy_buffering off;', collecting)),
  ]);
}

describe.each(PROXIES)('behind %s', async (_name, start) => {
  const { url } = owned.use(await start());

  it('other answers are compressed', async () => {
    const answer = await fetch(`${url}/ready`, { headers: GZIP });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(await answer.text()).toContain('"brokers"');
  });

  it('server-sent events arrive as they happen', async () => {
    await using client = await SseClient.subscribe(`${url}/graphql`, TICKS, GZIP);
    expect((await client.count(3))[0]?.data).toContain('"bid":');
  });

  it('the parts of a multipart subscription arrive as they happen', async () => {
    await using client = await MultipartClient.subscribe(`${url}/graphql`, TICKS, GZIP);
    expect((await client.count(3))[0]).toMatchObject({
      payload: { data: { marketData: { bid: expect.any(String) } } },
    });
  });
});
