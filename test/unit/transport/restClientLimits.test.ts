import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import type { RequestQueueOptions } from '../../../src/transport/RequestQueue.ts';
import { RestClient } from '../../../src/transport/RestClient.ts';
import type { RestClientOptions } from '../../../src/transport/RestClient.ts';
import { SlidingWindow } from '../../../src/transport/SlidingWindow.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ScriptedServer } from './ScriptedServer.ts';
import type { Answer } from './ScriptedServer.ts';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function set(
  script: ScriptedServer['script'],
  optionsOf: (clock: FakeClock) => Partial<RestClientOptions & RequestQueueOptions>,
): Promise<{ server: ScriptedServer; clock: FakeClock; queue: RequestQueue; client: RestClient }> {
  const server = stack.use(await ScriptedServer.start(script));
  const clock = new FakeClock();
  const options = { clock, random: seededRandom(1), ...optionsOf(clock) };
  const queue = new RequestQueue({ weightPerMinute: 10_000, ...options });
  const client = stack.use(
    new RestClient({
      name: 'venue',
      baseUrl: server.url,
      queue,
      logger: silentLogger(),
      metrics: new Metrics(),
      ...options,
    }),
  );
  return { server, clock, queue, client };
}

const ask = (path: string) => ({ path, weight: 1, patience: 'wait' }) as const;

describe("what a venue counts for its clients' tokens", () => {
  it('sends headers that are asked for anew with each request', async () => {
    let count = 0;
    const { server, client } = await set(
      () => ({}),
      () => ({ headers: () => ({ authorization: `Bearer ${(count += 1)}` }) }),
    );
    await client.get(ask('/a'));
    await client.get(ask('/b'));
    expect(server.headers.map(({ authorization }) => authorization)).toEqual(['Bearer 1', 'Bearer 2']);
  });

  it('holds a pace that it shares with others', async () => {
    let pace: SlidingWindow | undefined;
    const { server, clock, client } = await set(
      () => ({}),
      (time) => ({ pace: (pace = new SlidingWindow({ limit: 2, windowMs: 1_000, clock: time })) }),
    );
    pace?.tryTake();
    const answers = Promise.all([client.get(ask('/a')), client.get(ask('/b'))]);
    await waitFor(() => server.requests.length === 1);
    await clock.advance(999);
    expect(server.requests).toHaveLength(1);
    await clock.advance(1);
    await answers;
    expect(server.requests).toHaveLength(2);
  });

  it('opens no connection before the venue allows one more, and needs no leave for one that is open', async () => {
    const { server, clock, client } = await set(
      () => ({}),
      (time) => {
        const connections = new SlidingWindow({ limit: 1, windowMs: 1_000, clock: time });
        connections.tryTake();
        return { connections, concurrency: 1 };
      },
    );
    const first = client.get(ask('/a'));
    await clock.advance(999);
    expect(server.connections).toBe(0);
    await clock.advance(1);
    await first;
    await client.get(ask('/b'));
    expect(server.connections).toBe(1);
  });

  it('is closed while it waits for leave to connect', async () => {
    const { clock, client } = await set(
      () => ({}),
      (time) => {
        const connections = new SlidingWindow({ limit: 1, windowMs: 1_000, clock: time });
        connections.tryTake();
        return { connections };
      },
    );
    const refused = expect(client.get(ask('/a'))).rejects.toThrow('shutting down');
    await clock.advance(10);
    await client.close();
    await refused;
    expect(clock.pending).toBe(0);
  });

  it('reads bodies in a way of its own, and pauses for as long as it is reported', async () => {
    let status = 429;
    const { server, clock, queue, client } = await set(
      () => ({ status, body: '' }),
      () => ({ read: ({ text }) => (text === '' ? null : undefined), pauseMs: 1_000 }),
    );
    const answer = client.get(ask('/a'));
    await waitFor(() => server.requests.length === 1);
    await waitFor(() => queue.pausedUntilMs !== null);
    status = 401;
    await clock.advance(2_000);
    expect(await answer).toEqual({ status: 401, body: null });
  });

  it('keeps clients of one host to its pauses and its weight together, and lets each be closed alone', async () => {
    let answer: Answer = { status: 418, headers: { 'retry-after': '7' }, body: '' };
    const { server, clock, queue, client } = await set(
      () => answer,
      () => ({ weightPerMinute: 100 }),
    );
    const options = { clock, queue, random: seededRandom(2), logger: silentLogger(), metrics: new Metrics() };
    const other = stack.use(new RestClient({ name: 'other', baseUrl: server.url, ...options }));
    const hurried = { path: '/hurried', weight: 60, patience: 'fail' } as const;
    await expect(client.get(hurried)).rejects.toMatchObject({ details: { retryAfterMs: 7_000 } });
    await expect(other.get(hurried)).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: 'The venue asked broker other to pause.',
      details: { retryAfterMs: 7_000 },
    });
    const patient = other.get(ask('/patient'));
    answer = {};
    await clock.advance(6_999);
    expect(server.requests).toEqual(['/hurried']);
    await clock.advance(1);
    await patient;
    expect(server.requests).toEqual(['/hurried', '/patient']);
    const light = { ...hurried, weight: 1 };
    await expect(other.get(light)).rejects.toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 53_000 } });
    await client.close();
    await clock.advance(53_000);
    expect(await other.get(light)).toMatchObject({ status: 200 });
    await expect(client.get(light)).rejects.toThrow('Broker venue is shutting down.');
    expect(clock.pending).toBe(0);
  });
});
