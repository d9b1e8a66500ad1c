import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { RestClient } from '../../../src/transport/RestClient.ts';
import type { RestClientOptions } from '../../../src/transport/RestClient.ts';
import { SlidingWindow } from '../../../src/transport/SlidingWindow.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ScriptedServer } from './ScriptedServer.ts';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function set(
  script: ScriptedServer['script'],
  optionsOf: (clock: FakeClock) => Partial<RestClientOptions>,
): Promise<{ server: ScriptedServer; clock: FakeClock; client: RestClient }> {
  const server = stack.use(await ScriptedServer.start(script));
  const clock = new FakeClock();
  const client = stack.use(
    new RestClient({
      name: 'venue',
      baseUrl: server.url,
      weightPerMinute: 10_000,
      clock,
      random: seededRandom(1),
      logger: silentLogger(),
      metrics: new Metrics(),
      ...optionsOf(clock),
    }),
  );
  return { server, clock, client };
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

  it('opens no connection before the venue bears one more, and needs no leave for one that is open', async () => {
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

  it('reads bodies in a way of its own, and pauses for as long as it is told', async () => {
    let status = 429;
    const { server, clock, client } = await set(
      () => ({ status, body: '' }),
      () => ({ read: ({ text }) => (text === '' ? null : undefined), pauseMs: 1_000 }),
    );
    const answer = client.get(ask('/a'));
    await waitFor(() => server.requests.length === 1);
    await waitFor(() => client.pausedUntilMs !== null);
    status = 401;
    await clock.advance(2_000);
    expect(await answer).toEqual({ status: 401, body: null });
  });
});
