import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Nginx, NGINX } from '../../support/Nginx.ts';
import { RawClient } from '../../support/RawClient.ts';
import { SseClient } from '../../support/SseClient.ts';
import { startGateway } from '../../support/startGateway.ts';

const FILE = readFileSync(new URL('../../../deploy/nginx.conf', import.meta.url), 'utf8');
if (NGINX === undefined) console.warn('skipped: the proxy of deploy/, for there is no nginx on this machine');

function gateway(): ReturnType<typeof startGateway> {
  return startGateway({
    config: {
      server: { trustedProxies: ['127.0.0.1/32'] },
      brokers: { 'mock-binance': { kind: 'mock-binance', ticksPerSecond: 20 } },
    },
  });
}

/** An nginx with the file of deploy/ in place of the block of docs/operating.md, in front of these gateways. */
function before(...urls: readonly string[]): Promise<Nginx> {
  return Nginx.before('http://127.0.0.1:1', (configuration) => {
    const [listen = ''] = /listen [^;]+;/.exec(configuration) ?? [];
    const rest = configuration.slice(0, configuration.indexOf('map $http_upgrade'));
    let deployed = FILE.replace('listen 80;', listen);
    for (const [at, url] of urls.entries()) deployed = deployed.replace(`gateway-${'ab'[at]}:4000`, new URL(url).host);
    return `${rest}\n${deployed}\n}`;
  });
}

// CI has an nginx: there these tests are not skipped.
describe.skipIf(NGINX === undefined && process.env['CI'] === undefined)('behind the nginx of deploy/', () => {
  it('clients get events over WebSocket and server-sent events, also when one of the gateways has gone', async () => {
    await using first = await gateway();
    await using second = await gateway();
    await using nginx = await before(first.urls.http, second.urls.http);
    const served = async (): Promise<void> => {
      await using raw = await RawClient.connect(`${nginx.url.replace('http', 'ws')}/ws`);
      await raw.subscribe('mock-binance', ['BTCUSDT']);
      await raw.waitFor(({ type }) => type === 'data');
    };
    const query = 'subscription { marketData(broker: "mock-binance", symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
    await using events = await SseClient.subscribe(`${nginx.url}/graphql`, query);
    await events.count(2);
    await served();
    await first.close();
    for (let n = 0; n < 4; n += 1) await served();
  });

  it('a client can not make up the address that it comes from', async () => {
    await using first = await gateway();
    await using second = await gateway();
    await using nginx = await before(first.urls.http, second.urls.http);
    // Only callers on the same machine, as this one is, may read the metrics.
    const answer = await fetch(`${nginx.url}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.7' } });
    expect(answer.status).toBe(200);
  });
});
