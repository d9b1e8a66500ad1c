import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { GatewayProcess, OFFLINE } from '../support/GatewayProcess.ts';
import { metricOf } from '../support/metricOf.ts';
import { Neighbours } from '../support/Neighbours.ts';
import { RawClient } from '../support/RawClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

// These tests need a real process, because they measure its memory.

const MIB = 1_048_576;

/** Connections that the three neighbours leave to others. */
const ROOM = 300;
const SYMBOLS = Array.from({ length: 40 }, (_, at) => `S${at}`);
const ENV = {
  // Little is kept for who comes back, so that it is not taken for what waits.
  TICKGRAPH_FEEDS__REPLAY_BYTES: '1048576',
  ...OFFLINE,
  TICKGRAPH_BROKERS__MOCK_BINANCE__TICKS_PER_SECOND: '50',
  TICKGRAPH_BROKERS__MOCK_BINANCE__SYMBOLS: JSON.stringify(
    Object.fromEntries(['BTCUSDT', 'ETHUSDT', ...SYMBOLS].map((symbol) => [symbol, 100])),
  ),
};

/** Garbage is collected all the time, so that what is measured is what is kept. */
const COLLECTING = [
  '--expose-gc',
  '--import',
  'data:text/javascript,setInterval(() => gc(), 200).unref()',
  'src/index.ts',
  'serve',
];

class Scene implements AsyncDisposable {
  readonly url: string;
  readonly neighbours: Neighbours;
  readonly #stack: AsyncDisposableStack;

  private constructor(url: string, neighbours: Neighbours, stack: AsyncDisposableStack) {
    this.url = url;
    this.neighbours = neighbours;
    this.#stack = stack;
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const gateway = stack.use(new GatewayProcess({ args: COLLECTING, env: { ...ENV, ...env } }));
    const url = await gateway.listening();
    const urls = { http: url, graphql: `${url}/graphql`, raw: `${url}/ws` };
    const neighbours = stack.use(await Neighbours.of({ urls }));
    return new Scene(url, neighbours, stack.move());
  }

  get socketUrl(): string {
    return this.url.replace('http', 'ws');
  }

  /** What the process keeps in memory. */
  async keptBytes(): Promise<number> {
    const names = ['nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes'];
    const parts = await Promise.all(names.map((name) => metricOf(this.url, name)));
    return parts.reduce((sum, part) => sum + part, 0);
  }

  async settles(name: string, value: number): Promise<void> {
    await waitFor(async () => (await metricOf(this.url, name)) === value, `${name} to be ${value}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Opens so many sockets of both protocols at once, and returns those that were accepted and why others were not. */
async function rush(url: string, count: number): Promise<{ accepted: WebSocket[]; refusals: string[] }> {
  const accepted: WebSocket[] = [];
  const refusals: string[] = [];
  const open = (at: number): Promise<void> =>
    new Promise((resolve) => {
      const isRaw = at % 2 === 0;
      const socket = isRaw ? new WebSocket(`${url}/ws`) : new WebSocket(`${url}/graphql`, 'graphql-transport-ws');
      socket.once('open', () => {
        accepted.push(socket);
        resolve();
      });
      socket.on('error', ({ message }) => {
        refusals.push(message);
        resolve();
      });
    });
  await Promise.all(Array.from({ length: count }, (_, at) => open(at)));
  return { accepted, refusals };
}

describe('clients of every protocol miss nothing', () => {
  it('while 2,000 connect at once: those over the limit are refused before the upgrade, and their number and memory return', async () => {
    await using scene = await Scene.start({
      TICKGRAPH_LIMITS__CONNECTIONS: String(ROOM + 3),
      TICKGRAPH_LIMITS__CONNECTIONS_PER_ADDRESS: '100000',
    });
    const connected = await metricOf(scene.url, 'tickgraph_connections');
    // A process that has just started still grows.
    const grow = await rush(scene.socketUrl, 400);
    for (const socket of grow.accepted) socket.terminate();
    await scene.settles('tickgraph_connections', connected);
    const before = await scene.keptBytes();
    const { accepted, refusals } = await rush(scene.socketUrl, 2_000);
    expect(accepted).toHaveLength(ROOM);
    // Without a socket to spare there is no answer.
    expect(['Unexpected server response: 503', 'socket hang up']).toEqual(
      expect.arrayContaining([...new Set(refusals)]),
    );
    expect(refusals).toContain('Unexpected server response: 503');
    await scene.neighbours.receive();
    for (const socket of accepted) socket.terminate();
    await scene.settles('tickgraph_connections', connected);
    expect((await scene.keptBytes()) - before).toBeLessThan(40 * MIB);
    await scene.neighbours.receive();
  }, 30_000);

  it('while one socket of each protocol sends 20,000 subscribes: the limit holds, and they wait in little memory', async () => {
    await using scene = await Scene.start({ TICKGRAPH_LIMITS__SUBSCRIPTIONS_PER_CONNECTION: '16' });
    const before = await scene.keptBytes();
    const open = await metricOf(scene.url, 'tickgraph_subscriptions');
    await using raw = await RawClient.connect(scene.url);
    await using graphql = await TransportWsClient.connect(`${scene.socketUrl}/graphql`);
    const query = 'subscription { marketData(broker: "mock-binance", symbols: ["ETHUSDT"]) { time } }';
    for (let id = 0; id < 20_000; id += 1) {
      raw.send({ action: 'subscribe', broker: 'mock-binance', symbols: [`S${id % 40}`], id });
      graphql.subscribe(`s${id}`, query);
    }
    const refused = (): readonly number[] => [
      raw.messages.filter(({ code }) => code === 'LIMIT_EXCEEDED' || code === 'RATE_LIMITED').length,
      graphql.messages.filter(({ type, payload }) => type === 'error' && /LIMIT/.test(JSON.stringify(payload))).length,
    ];
    let most = 0;
    await waitFor(async () => {
      most = Math.max(most, await scene.keptBytes());
      return refused().every((count) => count > 20);
    }, 'refusals over both protocols');
    expect(most - before).toBeLessThan(40 * MIB);
    expect((await metricOf(scene.url, 'tickgraph_subscriptions')) - open).toBeLessThanOrEqual(2 * 16);
    // Each refusal names its own subscribe; the socket stays.
    expect(new Set(graphql.messages.filter(({ type }) => type === 'error').map(({ id }) => id)).size).toBe(
      graphql.messages.filter(({ type }) => type === 'error').length,
    );
    expect([raw.closed, graphql.closed]).toEqual([null, null]);
    await scene.neighbours.receive();
  });

  it('while others read nothing: what waits for those stays within its limit, and they are closed with 1013', async () => {
    await using scene = await Scene.start();
    await using stack = new AsyncDisposableStack();
    const before = await scene.keptBytes();
    const connected = await metricOf(scene.url, 'tickgraph_connections');
    const fields = Array.from({ length: 20 }, (_, at) => `a${at}: cursor`).join(' ');
    const query = `subscription { marketData(broker: "mock-binance", symbols: ${JSON.stringify(SYMBOLS)}, types: [TRADE, TICK]) { ${fields} } }`;
    const graphql = stack.use(await TransportWsClient.connect(`${scene.socketUrl}/graphql`));
    graphql.subscribe('slow', query);
    const raw = stack.use(await RawClient.connect(scene.url));
    await raw.subscribe('mock-binance', SYMBOLS, ['trade', 'orderbook'], { depth: 100 });
    const slow = [graphql, raw];
    for (const { socket } of slow) socket.pause();
    let most = 0;
    await waitFor(
      async () => {
        most = Math.max(most, await scene.keptBytes());
        return (await metricOf(scene.url, 'tickgraph_slow_consumers_closed_total')) === slow.length;
      },
      'all slow clients to be closed',
      20_000,
    );
    // A MiB waits for each of them at most, beside what the process takes for itself.
    expect(most - before).toBeLessThan((slow.length + 100) * MIB);
    // What was on the way before the close frame is megabytes.
    for (const { socket } of slow) socket.resume();
    const codes = await Promise.all(slow.map(async (client) => (await client.waitForClose()).code));
    expect(codes).toEqual(slow.map(() => 1013));
    await scene.settles('tickgraph_connections', connected);
    await scene.neighbours.receive();
  }, 40_000);
});
