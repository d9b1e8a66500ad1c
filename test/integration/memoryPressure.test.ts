import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { upgrade } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

it('a gateway with little memory lives through a flood of subscriptions: it refuses new ones and new clients, and serves those that it has', async () => {
  const symbols = Array.from({ length: 200 }, (_, n) => `SYMBOL${n}`);
  await using gateway = new GatewayProcess({
    args: ['--max-old-space-size=80', '--max-semi-space-size=2', 'src/index.ts', 'serve'],
    env: {
      ...OFFLINE,
      TICKGRAPH_BROKERS__MOCK_BINANCE__SYMBOLS: JSON.stringify(Object.fromEntries(symbols.map((each) => [each, 100]))),
      TICKGRAPH_BROKERS__MOCK_BINANCE__TICKS_PER_SECOND: '1',
      // Each client may begin all that it may hold at once.
      TICKGRAPH_LIMITS__SUBSCRIPTIONS_PER_CONNECTION: '1000',
    },
  });
  const url = await gateway.listening();
  await using neighbour = await RawClient.connect(url);
  await neighbour.subscribe('mock-binance', ['SYMBOL1']);
  // Statuses hardly ever come, so this takes memory and nothing else.
  const query = `subscription { marketData(broker: "mock-binance", symbols: ${JSON.stringify(symbols)}, types: [STATUS]) { time } }`;
  await using clients = new AsyncDisposableStack();
  const connected: TransportWsClient[] = [];
  let refusedClients = 0;
  const flood = async (client: TransportWsClient): Promise<void> => {
    for (let n = 0; n < 100; n += 1) client.subscribe(`${client.messages.length}-${n}`, query);
    await client.roundTrip();
  };
  await waitFor(
    async () => {
      const client = await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`).catch(() => null);
      if (client === null) {
        const { status, body } = await upgrade(url, '/ws');
        refusedClients += status === 503 && body.includes('short of memory') ? 1 : 0;
      } else {
        connected.push(clients.use(client));
        await flood(client);
      }
      return refusedClients > 5;
    },
    'clients to be refused',
    20_000,
  );
  await waitFor(
    async () => {
      for (const client of connected) await flood(client);
      const errors = connected.flatMap(({ messages }) => messages.filter(({ type }) => type === 'error'));
      return errors.some(({ payload }) =>
        /short of memory.*"RATE_LIMITED".*"retryAfterMs":5000/.test(JSON.stringify(payload)),
      );
    },
    'a subscription to be refused',
    20_000,
  );
  const before = neighbour.data('tick').length;
  await waitFor(() => neighbour.data('tick').length > before, 'the neighbour to receive more');
  expect([gateway.child.exitCode, neighbour.closed]).toEqual([null, null]);
  await clients.disposeAsync();
  await using later = await waitFor(() => RawClient.connect(url).catch(() => null), 'room for a new client');
  expect(await later.subscribe('mock-binance', ['SYMBOL1'])).toMatchObject({ status: 'subscribed' });
}, 40_000);

const MINUTE_MS = 60_000;

it.runIf(process.env['LONG_TESTS'] === '1')(
  'a gateway with a heap of 128 MB lives through a minute of clients that come all the time and never read',
  async () => {
    await using gateway = new GatewayProcess({
      args: ['--max-old-space-size=128', 'src/index.ts', 'serve'],
      env: { ...OFFLINE, TICKGRAPH_LIMITS__CONNECTIONS_PER_ADDRESS: '100000' },
    });
    const url = await gateway.listening();
    await using neighbour = await RawClient.connect(url);
    await neighbour.subscribe('mock-binance', ['BTCUSDT']);
    let [lastAtMs, longestMs] = [performance.now(), 0];
    neighbour.socket.on('message', () => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - lastAtMs);
      lastAtMs = now;
    });
    const wish = {
      action: 'subscribe',
      broker: 'mock-binance',
      symbols: ['BTCUSDT', 'ETHUSDT'],
      types: ['trade', 'orderbook'],
    };
    const clients: WebSocket[] = [];
    const outcomes = { served: 0, refused: 0 };
    for (const end = performance.now() + MINUTE_MS; performance.now() < end;) {
      const client = new WebSocket(`${url.replace('http', 'ws')}/ws`);
      client.on('error', () => (outcomes.refused += 1));
      client.on('open', () => {
        outcomes.served += 1;
        client.send(JSON.stringify(wish));
        client.pause();
      });
      clients.push(client);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    console.log({ ...outcomes, longestSilenceMs: Math.round(longestMs) });
    expect([gateway.child.exitCode, gateway.child.signalCode, neighbour.closed]).toEqual([null, null, null]);
    expect(outcomes.refused).toBeGreaterThan(0);
    for (const client of clients) client.terminate();
    await using later = await waitFor(() => RawClient.connect(url).catch(() => null), 'room for a new client', 30_000);
    expect(await later.subscribe('mock-binance', ['BTCUSDT'])).toMatchObject({ status: 'subscribed' });
  },
  2 * MINUTE_MS,
);
