import { describe, expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

// All clients share these resources; a client that asks for a lot must delay only itself.

const LISTED = 1_400;
const many = (from: number): string[] => Array.from({ length: 200 }, (_, n) => `GEN${from + n + 1}USDT`);

describe('a venue that allows few requests', () => {
  async function start(stack: AsyncDisposableStack) {
    const clock = new SkippableClock();
    // The venue's limit on control frames is not tested here: frames that were spread over a second may arrive within
    // less.
    const socket = { framesPerSecond: 1_000 };
    const venue = stack.use(await StandInBinance.start({ clock, generatedSymbols: LISTED, socket }));
    const gateway = stack.use(
      await startGateway({
        clock,
        config: { brokers: { binance: standInBroker(venue) }, limits: { messagesPerSecond: 100 } },
      }),
    );
    return { clock, venue, gateway };
  }

  it.each(['raw', 'graphql'] as const)(
    'gives a client its book while another waits for 1,400 books: %s',
    { timeout: 30_000 },
    async (protocol) => {
      await using stack = new AsyncDisposableStack();
      const { clock, venue, gateway } = await start(stack);
      const booksAsked = (): number => venue.requests.filter(({ path }) => path.endsWith('/depth')).length;
      const greedy = stack.use(await RawClient.connect(gateway.urls.raw));
      if (protocol === 'raw') {
        for (let from = 0; from < LISTED; from += 200) await greedy.subscribe('binance', many(from), ['orderbook']);
      } else {
        const client = stack.use(await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws')));
        for (let from = 0; from < LISTED; from += 200) {
          client.subscribe(
            String(from),
            `subscription { marketData(broker: "binance", symbols: ${JSON.stringify(many(from))}, types: [ORDERBOOK]) { symbol } }`,
          );
        }
      }
      await clock.hurryUntil(() => booksAsked() > 5, 'the first books to be asked for');
      const other = stack.use(await RawClient.connect(gateway.urls.raw));
      await other.subscribe('binance', ['BTCUSDT'], ['orderbook']);
      using _running = venue.run({ everyMs: 50 });
      await clock.hurryUntil(() => other.data('orderbook', 'BTCUSDT').length > 0, 'the other’s book');
      // About this many books can be fetched in the five seconds after which a client would lose patience.
      expect(booksAsked()).toBeLessThan(90);
    },
  );

  it('gives a client its candles, which are requested once, in the same way', async () => {
    await using stack = new AsyncDisposableStack();
    const { gateway } = await start(stack);
    const greedy = stack.use(await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws')));
    for (let n = 0; n < 100; n += 1) {
      greedy.subscribe(String(n), `{ candles(broker: "binance", symbol: "GEN${n + 1}USDT", limit: 5000) { open } }`);
    }
    const other = stack.use(await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws')));
    other.subscribe('1', '{ candles(broker: "binance", symbol: "BTCUSDT", limit: 5) { open } }');
    const { payload } = await other.typed('next', '1');
    expect((payload as { data: { candles: unknown[] } }).data.candles.length).toBeGreaterThan(0);
  });
});

it('a crowd of sessions ends no session of another owner', { timeout: 30_000 }, async () => {
  await using gateway = await startGateway({
    config: {
      server: { trustedProxies: ['127.0.0.1/32'] },
      brokers: { mock: { kind: 'mock-oanda', symbols: { EUR_USD: 1.1 } } },
    },
  });
  const ask = async (address: string, query: string, session?: string): Promise<string> => {
    const response = await fetch(gateway.urls.graphql, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': address,
        'x-forwarded-proto': 'https',
        ...(session === undefined ? {} : { 'x-session': session }),
      },
      body: JSON.stringify({ query }),
    });
    return response.text();
  };
  const authenticate =
    'mutation { authenticateBroker(broker: "mock", credentials: { token: "mock-token", accountId: "mock-account" }) { session } }';
  const session = /"session":"([^"]+)"/.exec(await ask('198.51.100.1', authenticate))?.[1];
  expect(session).toBeDefined();
  for (let n = 0; n < 300; n += 20) {
    await Promise.all(Array.from({ length: 20 }, () => ask('203.0.113.7', authenticate)));
  }
  expect(await ask('198.51.100.1', '{ broker(id: "mock") { authenticated } }', session)).toContain('true');
});

describe('an account whose credentials the venue refused for a while', () => {
  const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };

  it.each(['raw', 'graphql'] as const)('works again when the venue accepts them: %s', async (protocol) => {
    await using stack = new AsyncDisposableStack();
    const clock = new SkippableClock();
    const limits = { connectionsPerSecond: 1_000 };
    const venue = stack.use(await StandInOanda.start({ clock, accounts: [ACCOUNT], windowMs: 0, limits }));
    const oanda = { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl };
    const gateway = stack.use(
      await startGateway({ clock, config: { brokers: { oanda }, feeds: { reconnect: { baseMs: 50, maxMs: 200 } } } }),
    );
    const client = stack.use(await RawClient.connect(gateway.urls.raw));
    const credentials = { token: ACCOUNT.token, accountId: ACCOUNT.id };
    const authenticate = (by: RawClient) => by.ask({ action: 'authenticate', broker: 'oanda', credentials });
    await clock.hurry(authenticate(client));
    await client.subscribe('oanda', ['EUR_USD'], ['tick']);
    await clock.hurryUntil(() => venue.streamsOf(ACCOUNT.id).length === 1, 'the first stream');
    venue.revoke(ACCOUNT.token);
    const lastStatus = () => client.messages.findLast(({ type }) => type === 'status');
    await clock.hurryUntil(() => venue.requests.some(({ status }) => status === 401), 'the refusal');
    venue.grant(ACCOUNT.token, ACCOUNT.id);
    const inline = `{ token: "${ACCOUNT.token}", accountId: "${ACCOUNT.id}" }`;
    const mutation = `mutation { authenticateBroker(broker: "oanda", credentials: ${inline}) { session } }`;
    if (protocol === 'raw') {
      const another = stack.use(await RawClient.connect(gateway.urls.raw));
      expect(await clock.hurry(authenticate(another))).toMatchObject({ status: 'authenticated' });
    } else {
      const response = await clock.hurry(
        fetch(gateway.urls.graphql, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: mutation }),
        }),
      );
      expect(await response.text()).toContain('"session"');
    }
    await clock.hurryUntil(() => venue.streamsOf(ACCOUNT.id).some((stream) => stream.has('EUR_USD')), 'the stream');
    const before = client.data('tick', 'EUR_USD').length;
    await clock.hurryUntil(() => {
      venue.market('EUR_USD').tick();
      return client.data('tick', 'EUR_USD').length > before;
    }, 'ticks again');
    await clock.hurryUntil(() => lastStatus()?.['status'] === 'live', 'to be live');
  });
});
