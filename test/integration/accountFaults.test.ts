import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const ONE = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
/** Its prices are apart from those of the first account, so that each price says whose it is. */
const TWO = { id: '101-004-1000002-001', token: `${'2'.repeat(32)}-${'b'.repeat(32)}` };
const SHIFT = 5_000;

class Scene implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly venue: StandInOanda;
  readonly gateway: MarketDataServer;

  private constructor(venue: StandInOanda, gateway: MarketDataServer) {
    this.venue = this.#stack.use(venue);
    this.gateway = this.#stack.use(gateway);
  }

  static async start(): Promise<Scene> {
    const venue = await StandInOanda.start({
      accounts: [ONE, { ...TWO, shift: SHIFT }],
      windowMs: 0,
      heartbeatMs: 50,
      limits: { connectionsPerSecond: 1_000, requestsPerSecond: 10_000 },
    });
    const oanda = { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl };
    const feeds = { reconnect: { baseMs: 20, maxMs: 100 } };
    return new Scene(venue, await startGateway({ config: { brokers: { oanda }, feeds } }));
  }

  async client(): Promise<RawClient> {
    return this.#stack.use(await RawClient.connect(this.gateway.urls.raw));
  }

  /** A client of this account, with a price of it. */
  async clientOf(account: typeof ONE): Promise<RawClient> {
    const client = await this.client();
    await login(client, account);
    await client.subscribe('oanda', ['EUR_USD'], ['tick', 'orderbook']);
    await this.venue.waitForStream(account.id, ['EUR_USD']);
    this.venue.market('EUR_USD').tick('1.08452');
    await waitFor(() => mids(client).length > 0, 'a price');
    return client;
  }

  /** Streams and connections that the gateway has open at the venue, as its metrics say. */
  async upstream(): Promise<number[]> {
    const { upstreamStreams, upstreamConnections } = this.gateway.metrics;
    const gauges = [await upstreamStreams.get(), await upstreamConnections.get()];
    return gauges.map(({ values }) => values.find(({ labels }) => labels.broker === 'oanda')?.value ?? 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function login(client: RawClient, { id, token }: typeof ONE): Promise<unknown> {
  return client.ask({ action: 'authenticate', broker: 'oanda', credentials: { token, accountId: id } });
}

const mids = (client: RawClient): string[] => client.data('tick', 'EUR_USD').map(({ mid }) => String(mid));
/** Whose price it is: those of the second account are half a unit away. */
const isOfTwo = (mid: string): boolean => Number(mid) > 1.1;

describe('the credentials of one client', () => {
  it('that are revoked end that client’s feed alone, which is told why; the other’s goes on', async () => {
    await using scene = await Scene.start();
    const one = await scene.clientOf(ONE);
    const two = await scene.clientOf(TWO);
    const seen = two.messages.length;
    scene.venue.revoke(ONE.token);
    await scene.venue.faults.hangUp('end', ONE.id);
    const status = await one.waitFor(
      ({ status: state, message }) => state === 'recovering' && /token/.test(String(message)),
    );
    expect(String(status['message'])).not.toContain(ONE.token);
    const before = mids(two).length;
    const lost = mids(one).length;
    for (let count = 0; count < 20; count += 1) scene.venue.market('EUR_USD').tick();
    await waitFor(() => mids(two).length >= before + 20, 'prices of the other');
    expect(mids(one)).toHaveLength(lost);
    expect(two.messages.slice(seen).filter(({ type }) => type !== 'data')).toEqual([]);
    const asked = scene.venue.requests.filter(({ status: code }) => code === 401).length;
    expect(asked).toBeLessThanOrEqual(2);
    expect(mids(one).some(isOfTwo)).toBe(false);
    expect(mids(two).every(isOfTwo)).toBe(true);
  });

  it('that are replaced bring the other account’s prices, and none of the old one’s after the first of them', async () => {
    await using scene = await Scene.start();
    const client = await scene.clientOf(ONE);
    using _traffic = scene.venue.run({ everyMs: 2 });
    await waitFor(() => mids(client).length > 20, 'prices of the first account');
    await login(client, TWO);
    await waitFor(() => mids(client).filter(isOfTwo).length > 50, 'prices of the second account');
    const prices = mids(client);
    const first = prices.findIndex(isOfTwo);
    expect(prices.slice(0, first).some(isOfTwo)).toBe(false);
    expect(prices.slice(first).every(isOfTwo)).toBe(true);
    await scene.venue.waitForStreams(ONE.id, 0);
    await expect.poll(() => scene.upstream(), { timeout: 5_000 }).toEqual([2, 1]);
  });

  it.each(['while they are checked', 'while the stream is opened'])(
    'leave nothing behind if the client goes %s',
    async (when) => {
      await using scene = await Scene.start();
      const { venue, gateway } = scene;
      const client = await scene.client();
      if (when === 'while they are checked') {
        venue.faults.rest.hold = true;
        client.send({
          action: 'authenticate',
          broker: 'oanda',
          credentials: { token: ONE.token, accountId: ONE.id },
        });
        await waitFor(() => venue.requests.length > 0, 'the question');
      } else {
        await login(client, ONE);
        venue.faults.opening.hold = true;
        await client.subscribe('oanda', ['EUR_USD'], ['tick']);
        await waitFor(() => venue.streamAttempts() > 0, 'the request for a stream');
      }
      await client.close();
      venue.faults.rest.hold = false;
      venue.faults.opening.hold = false;
      await expect.poll(() => scene.upstream(), { timeout: 5_000 }).toEqual([0, 0]);
      await venue.waitForStreams(ONE.id, 0);
      await waitFor(() => gateway.manager.openStreams === 0, 'no stream');
    },
  );
});
