import dns from 'node:dns';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import { FeedAuditor } from '../support/FeedAuditor.ts';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const ALL = { broker: 'binance', symbol: 'BTCUSDT', types: ['tick', 'trade', 'candle', 'orderbook'] } as const;
const BOOK = { ...ALL, types: ['orderbook'] } as const;
const FEEDS = { staleAfterMs: 1_000, reconnect: { baseMs: 20, maxMs: 100 } };

const top = (venue: StandInBinance): string => {
  const { bids, asks } = venue.market('BTCUSDT').book();
  return JSON.stringify({ bids: bids.slice(0, 10), asks: asks.slice(0, 10) });
};

describe('a level of a book that is wrong without a sign of it', () => {
  it('is found within minutes: both protocols are told why, and have the venue’s book again', async () => {
    const clock = new SkippableClock();
    await using venue = await StandInBinance.start({ clock });
    await using gateway = await startGateway({ clock, config: { brokers: { binance: standInBroker(venue) } } });
    await using raw = await FeedAuditor.raw(gateway, BOOK);
    await using graphql = await FeedAuditor.graphql(gateway, BOOK);
    const auditors = [raw, graphql];
    const isRight = (): boolean => auditors.every(({ book }) => JSON.stringify(book) === top(venue));
    await venue.waitForSubscription('btcusdt@depth@100ms');
    venue.market('BTCUSDT').depth();
    await waitFor(isRight, 'the venue’s own book');
    venue.faults.corruptDiff('BTCUSDT');
    venue.market('BTCUSDT').depth({ bids: [['10.00000000', '1.00000000']] });
    await waitFor(() => !isRight(), 'the wrong level');
    await waitFor(async () => {
      await clock.skip(2_000);
      return auditors.every(({ states }) => states.includes('recovering'));
    }, 'the fault to be found');
    await clock.hurryUntil(() => auditors.every(({ state }) => state === 'live') && isRight(), 'the right book');
    for (const { received } of auditors) {
      expect(received.find(({ state }) => state === 'recovering')).toMatchObject({
        reason: "The book differed from the venue's own; it is being fetched anew.",
      });
    }
    expect(await gateway.metrics.registry.metrics()).toContain(
      'tickgraph_resyncs_total{broker="binance",reason="mismatch"} 1',
    );
  });
});

describe('the books of many symbols after an outage', () => {
  it('are fetched one after another, and missed trades do not wait for all of them', async () => {
    await using venue = await StandInBinance.start({ generatedSymbols: 20 });
    await using gateway = await startGateway({ config: { brokers: { binance: standInBroker(venue) }, feeds: FEEDS } });
    await using client = await RawClient.connect(gateway.urls.raw);
    const symbols = Array.from({ length: 20 }, (_, at) => `GEN${at + 1}USDT`);
    await client.subscribe('binance', symbols, ['orderbook']);
    await client.subscribe('binance', ['BTCUSDT'], ['trade']);
    const books = (): number => client.data('orderbook').filter(({ kind }) => kind === 'snapshot').length;
    const snapshots = () => venue.requests.filter(({ path }) => path === '/api/v3/depth');
    await venue.waitForSubscription('btcusdt@trade');
    for (const symbol of symbols) {
      await venue.waitForSubscription(`${symbol.toLowerCase()}@depth@100ms`);
      venue.market(symbol).depth();
    }
    venue.market('BTCUSDT').trade();
    await waitFor(() => new Set(client.data('orderbook')).size >= 20 && client.data('trade').length === 1, 'all books');
    expect(books()).toBeGreaterThanOrEqual(20);
    venue.faults.rest.delayMs = 60;
    await venue.faults.hangUp();
    const before = snapshots().length;
    venue.market('BTCUSDT').trade();
    await venue.waitForSubscription('gen20usdt@depth@100ms');
    for (const symbol of symbols) venue.market(symbol).depth();
    await waitFor(() => client.data('trade').length === 2, 'the missed trade');
    expect(client.data('trade')[1]).toMatchObject({ backfilled: true });
    const sofar = snapshots().length - before;
    expect(sofar).toBeLessThan(10);
    await waitFor(() => snapshots().length >= before + 20, 'all books anew');
    const times = snapshots()
      .slice(before)
      .map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(50);
  });
});

describe('the wall clock', () => {
  it.each([3_600_000, -3_600_000])(
    'may jump by %i ms: no feed is called stale, and nothing is lost',
    async (jumpMs) => {
      let offsetMs = 0;
      const clock: Clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
      await using venue = await StandInBinance.start({ klinePeriodMs: 100, klineCloseDelayMs: [10, 200] });
      await using gateway = await startGateway({
        clock,
        config: { brokers: { binance: standInBroker(venue) }, feeds: FEEDS },
      });
      await using raw = await FeedAuditor.raw(gateway, ALL);
      await using graphql = await FeedAuditor.graphql(gateway, ALL);
      const auditors = [raw, graphql];
      using _traffic = venue.run({ everyMs: 10 });
      await waitFor(() => auditors.every(({ tradeIds, book }) => tradeIds.length > 20 && book.bids.length > 0), 'data');
      const statuses = auditors.map((auditor) => auditor.of('status').length);
      const before = auditors.map(({ tradeIds }) => tradeIds.length);
      offsetMs = jumpMs;
      const jumpedAt = performance.now();
      // Longer than it takes to call a feed stale.
      await waitFor(
        () =>
          performance.now() > jumpedAt + 1_500 &&
          auditors.every(({ tradeIds }, at) => tradeIds.length > (before[at] ?? 0) + 20),
        'more trades',
      );
      for (const auditor of auditors) auditor.check();
      const since = auditors.map((auditor, at) => auditor.of('status').slice(statuses[at]));
      expect(since).toEqual([[], []]);
      expect(venue.handshakes).toBe(1);
    },
  );
});

describe('a venue that can not be reached', () => {
  it('because its name is not known is reported, and does not concern another one', async () => {
    await using venue = await StandInBinance.start();
    const lost = { kind: 'binance', websocketUrl: 'ws://venue.invalid', restUrl: 'http://venue.invalid' };
    await using gateway = await startGateway({
      config: { brokers: { lost, binance: standInBroker(venue) }, feeds: FEEDS },
    });
    await using client = await RawClient.connect(gateway.urls.raw);
    await client.subscribe('lost', ['BTCUSDT'], ['tick']);
    await client.waitFor(({ status, broker }) => status === 'recovering' && broker === 'lost');
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await venue.waitForSubscription('btcusdt@bookTicker');
    venue.market('BTCUSDT').tick();
    await client.waitFor(({ type, broker }) => type === 'data' && broker === 'binance');
    expect(client.messages.some(({ status, broker }) => status === 'recovering' && broker === 'binance')).toBe(false);
  });

  it('because its name is looked up for long is reported, does not concern another one, and is served once it is known', async () => {
    await using venue = await StandInBinance.start();
    const { port } = new URL(venue.restUrl);
    const slow = { kind: 'binance', websocketUrl: `ws://slow.invalid:${port}`, restUrl: `http://slow.invalid:${port}` };
    using resolver = new SlowResolver('slow.invalid');
    await using gateway = await startGateway({
      config: { brokers: { slow, binance: standInBroker(venue) }, feeds: FEEDS },
    });
    await using client = await RawClient.connect(gateway.urls.raw);
    await client.subscribe('slow', ['BTCUSDT'], ['tick']);
    await client.waitFor(({ status, broker }) => status === 'recovering' && broker === 'slow');
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await venue.waitForSubscription('btcusdt@bookTicker');
    venue.market('BTCUSDT').tick();
    await client.waitFor(({ type, broker }) => type === 'data' && broker === 'binance');
    expect(client.data('tick')).toHaveLength(1);

    resolver.answer('127.0.0.1');
    await waitFor(() => venue.subscribers('btcusdt@bookTicker').size === 2, 'the connection of the other broker');
    venue.market('BTCUSDT').tick();
    await client.waitFor(({ type, broker }) => type === 'data' && broker === 'slow');
  });

  it('because its certificate is nobody’s is never given a request, nor listened to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickgraph-tls-'));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => {
      rmSync(folder, { recursive: true });
    });
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const subject = ['-subj', '/CN=elsewhere.example', '-days', '1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-keyout', key, '-out', certificate, ...subject], {
      stdio: 'ignore',
    });
    const served: string[] = [];
    const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
      served.push(request.url ?? '');
      response.end('{}');
    });
    server.on('upgrade', (request, socket) => {
      served.push(request.url ?? '');
      socket.destroy();
    });
    let attempts = 0;
    server.on('tlsClientError', () => (attempts += 1));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stack.defer(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    const binance = { kind: 'binance', websocketUrl: `wss://127.0.0.1:${port}`, restUrl: `https://127.0.0.1:${port}` };
    const gateway = stack.use(await startGateway({ config: { brokers: { binance }, feeds: FEEDS } }));
    const client = stack.use(await RawClient.connect(gateway.urls.raw));
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await client.waitFor(({ status }) => status === 'recovering');
    await waitFor(() => attempts > 3, 'attempts');
    expect(served).toEqual([]);
    expect(client.data('tick')).toEqual([]);
  });
});

type Lookup = (error: null, address: string | { address: string; family: number }[], family: number) => void;

/** Names are looked up by the system, except for one: that one waits for an answer. */
class SlowResolver implements Disposable {
  readonly #waiting: (() => void)[] = [];
  readonly #spy: { mockRestore(): void };
  #address: string | null = null;

  constructor(slow: string) {
    const system = dns.lookup;
    this.#spy = vi.spyOn(dns, 'lookup').mockImplementation(((
      name: string,
      options: { all?: boolean },
      done: Lookup,
    ) => {
      if (name !== slow) {
        Reflect.apply(system, dns, [name, options, done]);
        return;
      }
      const reply = (): void => {
        const address = this.#address ?? '';
        if (options.all === true) done(null, [{ address, family: 4 }], 4);
        else done(null, address, 4);
      };
      if (this.#address === null) this.#waiting.push(reply);
      else setImmediate(reply);
    }) as typeof dns.lookup);
  }

  answer(address: string): void {
    this.#address = address;
    for (const reply of this.#waiting.splice(0)) reply();
  }

  [Symbol.dispose](): void {
    this.#spy.mockRestore();
  }
}
