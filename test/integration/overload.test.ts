import { expect, it } from 'vitest';
import { GatewayProcess } from '../support/GatewayProcess.ts';
import { request, upgrade } from '../support/httpExchange.ts';
import { RawClient } from '../support/RawClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TURN_MS = 1_200;
const TURNS = 5;

/** A gateway whose event loop takes very long turns for a while on SIGUSR2. */
function stallingGateway(): GatewayProcess {
  const preload = `process.on('SIGUSR2', () => {
    // All of this time counts as the loop's own work, however little of the processor others leave to it.
    process.threadCpuUsage = () => ({ user: performance.now() * 1_000, system: 0 });
    const turn = (left) => {
      process.stdout.write(JSON.stringify({ msg: 'turn ' + left }) + '\\n');
      for (const end = performance.now() + ${TURN_MS}; performance.now() < end; );
      if (left > 1) setTimeout(turn, 0, left - 1);
    };
    turn(${TURNS});
  })`;
  return new GatewayProcess({
    args: ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, 'src/index.ts', 'serve'],
  });
}

it('a gateway whose event loop can not keep up is not ready and takes on nothing new, keeps what it has, and recovers by itself', async () => {
  await using gateway = stallingGateway();
  const url = await gateway.listening();
  await using raw = await RawClient.connect(url);
  await raw.subscribe('mock-binance', ['BTCUSDT'], ['tick', 'orderbook']);
  await using graphql = await TransportWsClient.connect(`${url.replace('http', 'ws')}/graphql`);
  expect((await request(url, '/ready')).status).toBe(200);

  gateway.child.kill('SIGUSR2');
  // By then its timers have been late for long enough; each request waits for the end of a turn.
  await waitFor(() => gateway.logged('turn 1'), 'the last long turn', 20_000);
  raw.send({ action: 'subscribe', broker: 'mock-binance', symbols: ['ETHUSDT'], id: 'late' });
  graphql.subscribe('late', 'subscription { marketData(broker: "mock-binance", symbols: ["ETHUSDT"]) { time } }');
  const [ready, refused, ...sockets] = await Promise.all([
    request(url, '/ready'),
    request(url, '/graphql?query={brokers{id}}'),
    upgrade(url, '/ws'),
    upgrade(url, '/graphql', { 'Sec-WebSocket-Protocol': 'graphql-transport-ws' }),
  ]);
  expect([ready.status, JSON.parse(ready.body)]).toMatchObject([503, { status: 'not-ready' }]);
  for (const { status, headers, body } of [refused, ...sockets]) {
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(body).toContain('"RATE_LIMITED"');
  }
  const busy = { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_000 };
  expect(await raw.waitFor(({ id }) => id === 'late')).toMatchObject({ type: 'error', ...busy });
  expect((await graphql.typed('error', 'late')).payload).toMatchObject([{ extensions: busy }]);

  await waitFor(async () => (await request(url, '/ready')).status === 200, 'it to be ready again', 4_000);
  expect(await raw.subscribe('mock-binance', ['ETHUSDT'])).toMatchObject({ status: 'subscribed' });
  await using late = await RawClient.connect(url);
  await late.subscribe('mock-binance', ['BTCUSDT']);
  const before = [raw.data('tick', 'BTCUSDT').length, raw.data('orderbook', 'BTCUSDT').length];
  await waitFor(() => raw.data('orderbook', 'BTCUSDT').length > (before[1] ?? 0), 'the book to go on');
  expect(raw.messages.filter(({ status }) => status === 'gap')).toEqual([]);
  expect(raw.closed).toBeNull();
  expect(gateway.logged('the event loop is held up')).toMatchObject({ level: 'warn' });
  expect(gateway.logged('the event loop keeps up again')).toBeDefined();
}, 40_000);
