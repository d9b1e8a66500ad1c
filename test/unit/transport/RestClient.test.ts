import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/shared/metrics.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import { RequestQueue } from '../../../src/transport/RequestQueue.ts';
import type { Patience } from '../../../src/transport/RequestQueue.ts';
import { RestClient } from '../../../src/transport/RestClient.ts';
import type { RestReply } from '../../../src/transport/RestClient.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ScriptedServer } from './ScriptedServer.ts';
import type { Answer } from './ScriptedServer.ts';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

interface Setting {
  readonly server: ScriptedServer;
  readonly client: RestClient;
  readonly queue: RequestQueue;
  readonly clock: FakeClock;
  readonly metrics: Metrics;
  /** Moves time on by small steps until the promise has settled. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
}

async function set(
  script: ScriptedServer['script'],
  options: { maxBodyBytes?: number; baseUrl?: string } = {},
): Promise<Setting> {
  const server = stack.use(await ScriptedServer.start(script));
  const clock = new FakeClock();
  const metrics = new Metrics();
  const queue = new RequestQueue({ clock, random: seededRandom(1), weightPerMinute: 1_000 });
  const client = stack.use(
    new RestClient({
      name: 'venue',
      baseUrl: `${server.url}/`,
      queue,
      usedWeightHeader: 'x-used',
      clock,
      random: seededRandom(1),
      logger: silentLogger(),
      metrics,
      ...options,
    }),
  );
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await waitFor(() => {
      // Not so much in all that an exchange on loopback would run into its deadline.
      if (!settled && clock.pending > 0) void clock.advance(10);
      return settled;
    });
    return promise;
  };
  return { server, client, queue, clock, metrics, settle };
}

function ask(
  client: RestClient,
  path = '/x',
  options: { patience?: Patience; weight?: number; signal?: AbortSignal } = {},
): Promise<RestReply> {
  return client.get({ path, weight: 1, patience: 'fail', ...options });
}

/** The answers one after the other, the last again and again. */
function inTurn(...answers: readonly Answer[]): () => Answer {
  let turn = 0;
  return () => answers[Math.min(turn++, answers.length - 1)] ?? {};
}

async function invalidCount(metrics: Metrics): Promise<number> {
  return (await metrics.invalidMessages.get()).values.reduce((sum, { value }) => sum + value, 0);
}

const unavailable = { code: 'BROKER_UNAVAILABLE' };

describe('RestClient', () => {
  it('gives the JSON of an answer, plain or packed, and names itself', async () => {
    const packed = { headers: { 'content-encoding': 'gzip' }, body: gzipSync('{"b":2}') };
    const { client, server } = await set(inTurn({ body: { a: 1 } }, packed));
    expect(await ask(client, '/a?q=1')).toEqual({ status: 200, body: { a: 1 } });
    expect(await ask(client, '/b')).toEqual({ status: 200, body: { b: 2 } });
    expect(server.requests).toEqual(['/a?q=1', '/b']);
    expect(server.headers[0]).toMatchObject({ 'user-agent': 'tickgraph', accept: 'application/json' });
    expect(server.connections).toBe(1);
  });

  it("gives the venue's refusal in its own words, for whoever knows them", async () => {
    const { client } = await set(() => ({ status: 400, body: { code: -1121, msg: 'Invalid symbol.' } }));
    expect(await ask(client)).toEqual({ status: 400, body: { code: -1121, msg: 'Invalid symbol.' } });
  });

  it('asks once what several ask at the same time', async () => {
    const { client, server } = await set(() => ({ body: [1] }));
    const replies = await Promise.all([ask(client), ask(client), ask(client)]);
    expect(replies.map(({ body }) => body)).toEqual([[1], [1], [1]]);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['a fault of the server', { status: 503, body: { code: -1008 } }],
    ['a timeout of the server', { status: 408, headers: { 'content-type': 'text/html' }, body: '' }],
  ])('tries again after %s', async (_name, fault) => {
    const { client, server, settle } = await set(inTurn(fault, fault, { body: { ok: true } }));
    expect((await settle(ask(client))).body).toEqual({ ok: true });
    expect(server.requests).toHaveLength(3);
  });

  it('tries again after a connection that broke, before and within an answer', async () => {
    let turn = 0;
    const { client, server, settle } = await set((request, response) => {
      turn += 1;
      if (turn === 3) return { body: { ok: true } };
      if (turn === 2)
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"o');
      setImmediate(() => request.socket.resetAndDestroy());
      return null;
    });
    expect((await settle(ask(client))).body).toEqual({ ok: true });
    expect(server.requests).toHaveLength(3);
  });

  it('gives up after three attempts, without a word of what the venue wrote', async () => {
    const { client, server, settle } = await set(() => ({ status: 500, body: { code: -1000, msg: 'SECRET' } }));
    const failure = settle(ask(client, '/x', { patience: 'wait' }));
    await expect(failure).rejects.toMatchObject({
      ...unavailable,
      message: "Broker venue got a fault of the venue's server (HTTP 500).",
    });
    expect(server.requests).toHaveLength(3);
  });

  it('says that a host that nobody listens on is unavailable', async () => {
    const gone = await ScriptedServer.start(() => ({}));
    const baseUrl = gone.url;
    await gone[Symbol.asyncDispose]();
    const { client, settle } = await set(() => ({}), { baseUrl });
    await expect(settle(ask(client))).rejects.toMatchObject({
      ...unavailable,
      message: "Broker venue can't reach its venue.",
    });
  });

  it.each<[string, Answer, number]>([
    ["a firewall's page", { status: 403, headers: { 'content-type': 'text/html' }, body: '<html>{"a":1}</html>' }, 0],
    ["a proxy's page under a good status", { headers: { 'content-type': 'text/html' }, body: '<html>' }, 1],
    ['half a document', { body: '{"a":' }, 1],
    ['a body over the limit', { body: { a: 'x'.repeat(1_000) } }, 1],
    [
      'a body over the limit once unpacked',
      { headers: { 'content-encoding': 'gzip' }, body: gzipSync(JSON.stringify('x'.repeat(9_000))) },
      1,
    ],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' }, body: {} }, 0],
  ])('takes %s for no answer, and does not ask again', async (_name, answer, counted) => {
    const { client, server, metrics } = await set(() => answer, { maxBodyBytes: 500 });
    await expect(ask(client)).rejects.toMatchObject(unavailable);
    expect(server.requests).toHaveLength(1);
    expect(await invalidCount(metrics)).toBe(counted);
  });

  it('gives a client up after ten seconds without an answer', async () => {
    const { client, server, clock } = await set(() => null);
    const failure = expect(ask(client)).rejects.toMatchObject({
      ...unavailable,
      message: 'Broker venue had no answer from its venue in time.',
    });
    await waitFor(() => server.requests.length === 1);
    await clock.advance(10_000);
    await failure;
    await waitFor(() => server.openConnections === 0);
    expect(clock.pending).toBe(0);
  });

  it.each([429, 418])('sends nothing until the Retry-After of a %i has passed, then goes on', async (status) => {
    const { client, queue, server, clock } = await set(
      inTurn({ status, headers: { 'retry-after': '7' }, body: { code: -1003 } }, { body: { ok: true } }),
    );
    const feed = ask(client, '/feed', { patience: 'wait' });
    await waitFor(() => queue.pausedUntilMs !== null);
    const later = ask(client, '/later', { patience: 'wait' });
    await expect(ask(client, '/client')).rejects.toMatchObject({ ...unavailable, details: { retryAfterMs: 7_000 } });
    await clock.advance(6_999);
    // Whatever had been sent before this round trip would have arrived before it.
    await (await fetch(`${server.url}/witness`)).text();
    expect(server.requests).toEqual(['/feed', '/witness']);
    await clock.advance(1);
    await Promise.all([feed, later]);
    expect(queue.pausedUntilMs).toBeNull();
    expect(server.requests.toSorted()).toEqual(['/feed', '/feed', '/later', '/witness']);
  });

  it('notifies whoever joins a request that waits for the end of a pause', async () => {
    const { client, queue, clock, server } = await set(
      inTurn({ status: 429, headers: { 'retry-after': '7' }, body: {} }, { body: { ok: true } }),
    );
    const parked: number[] = [];
    const feed = ask(client, '/feed', { patience: 'wait' });
    await waitFor(() => queue.pausedUntilMs !== null);
    await clock.advance(2_000);
    const joined = client.get({
      path: '/feed',
      weight: 1,
      patience: 'wait',
      onParked: ({ forMs }) => void parked.push(forMs),
    });
    expect(parked).toEqual([5_000]);
    await clock.advance(5_000);
    await Promise.all([feed, joined]);
    expect(server.requests).toHaveLength(2);
  });

  it('comes back ever later while pause follows pause, and soon again once the venue has answered', async () => {
    const refusal = { status: 429, headers: { 'retry-after': '0' }, body: {} };
    const { client, clock, queue } = await set(
      inTurn(...Array.from({ length: 8 }, () => refusal), { body: {} }, refusal),
    );
    const pauseMs = async (): Promise<number> => {
      await expect(ask(client)).rejects.toMatchObject(unavailable);
      const startedAt = clock.monotonic();
      const endsAt = queue.pausedUntilMs ?? startedAt;
      await clock.advance(endsAt - startedAt);
      return endsAt - startedAt;
    };
    for (let count = 1; count < 8; count += 1) await pauseMs();
    expect(await pauseMs()).toBeGreaterThan(12_000);
    await ask(client);
    expect(await pauseMs()).toBeLessThanOrEqual(1_000);
  });

  it('lets no waiting request out when the answer to another is a ban', async () => {
    const held: (() => void)[] = [];
    const { client, queue, server } = await set(async () => {
      if (server.requests.length > 4) return { body: {} };
      await new Promise<void>((resolve) => held.push(resolve));
      return { status: 418, headers: { 'retry-after': '120' }, body: {} };
    });
    const asked = Array.from({ length: 8 }, (_, index) => ask(client, `/${index}`).catch((error: unknown) => error));
    await waitFor(() => held.length === 4);
    held[0]?.();
    await waitFor(() => queue.pausedUntilMs !== null);
    for (const release of held) release();
    for (const outcome of await Promise.all(asked)) expect(outcome).toMatchObject(unavailable);
    expect(server.requests).toHaveLength(4);
  });

  it.each([
    [429, 60_000],
    [418, 120_000],
  ])('pauses by itself after a %i that does not say for how long', async (status, durationMs) => {
    const { client } = await set(() => ({ status, body: '' }));
    await expect(ask(client)).rejects.toMatchObject({ ...unavailable, details: { retryAfterMs: durationMs } });
  });

  it('holds back what would use more weight than the venue has left, by its own count', async () => {
    const { client, server, clock } = await set(() => ({ headers: { 'X-Used': '790' }, body: {} }));
    await ask(client, '/1');
    const heavy = ask(client, '/2', { weight: 50, patience: 'wait' });
    await expect(ask(client, '/3', { weight: 50 })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { retryAfterMs: 60_000 },
    });
    expect(server.requests).toEqual(['/1']);
    await clock.advance(60_000);
    await heavy;
    expect(server.requests).toEqual(['/1', '/2']);
  });

  it('ends an exchange whose only caller has left', async () => {
    const { client, server } = await set(() => null);
    const leaving = new AbortController();
    const left = expect(ask(client, '/x', { signal: leaving.signal })).rejects.toThrow('enough');
    await waitFor(() => server.openConnections === 1);
    leaving.abort(new Error('enough'));
    await left;
    await waitFor(() => server.openConnections === 0);
  });

  it('leaves no connection and no timer when it is closed: running, waiting, backing off or idle', async () => {
    const { client, server, clock } = await set((request) => {
      if (request.url === '/idle') return { body: {} };
      return request.url === '/backing-off' ? { status: 500 } : null;
    });
    await ask(client, '/idle');
    const asked = ['/backing-off', ...Array.from({ length: 6 }, (_, index) => `/${index}`)].map((path) =>
      ask(client, path, { patience: 'wait' }).catch((error: unknown) => error),
    );
    await waitFor(() => server.requests.length >= 6);
    await client.close();
    for (const outcome of await Promise.all(asked))
      expect(outcome).toMatchObject({ message: 'Broker venue is shutting down.' });
    await waitFor(() => server.openConnections === 0);
    expect(clock.pending).toBe(0);
    await expect(ask(client)).rejects.toMatchObject(unavailable);
    await client.close();
  });
});
