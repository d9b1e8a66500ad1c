import type { Feed } from '../src/brokers/BaseBroker.ts';
import { parseConfig } from '../src/config/load.ts';
import { decimal } from '../src/market/decimal.ts';
import type { FeedEventDraft, PriceLevel } from '../src/market/marketData.ts';
import { SHARED } from '../src/market/marketData.ts';
import { fromEpochMs, parseTimestamp } from '../src/market/timestamp.ts';
import { MarketDataServer } from '../src/MarketDataServer.ts';
import { silentLogger } from '../src/shared/logger.ts';
import { ASKER } from '../test/support/asker.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../test/support/ScriptedBroker.ts';
import { BROKER, makeEvents, symbolsOf } from './documents.ts';
import type { BenchEvent } from './documents.ts';
import type { StartServer } from './servers/ServerUnderTest.ts';

// All imports of the gateway by the servers and scenarios are in this file (bench/micro.ts has its own).

/** Only limits for one address are lifted, because all clients have the same one; limits of the work itself stay. */
const CONFIG = {
  server: { port: 0 },
  limits: { connections: 100_000, connectionsPerAddress: 100_000, symbolsPerSubscription: 10_000 },
  feeds: { staleAfterMs: 3_600_000 },
  brokers: { binance: null, oanda: null, 'mock-binance': null, 'mock-oanda': null },
};
const COMPRESSION = { enabled: true, thresholdBytes: 1 };

/** The whole gateway, as it runs in production, with one broker whose events come from the benchmark. */
export const startGateway: StartServer = async ({ document, universe, compressed }) => {
  const settings = compressed ? { ...CONFIG, server: { ...CONFIG.server, compression: COMPRESSION } } : CONFIG;
  const parsed = parseConfig(settings, 'bench');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const server = await MarketDataServer.start({ config: parsed.config, logger: silentLogger(), version: '0.0.0' });
  const { promise: made, resolve } = Promise.withResolvers<BenchBroker>();
  server.manager.addBroker({
    id: BROKER,
    enabled: true,
    traits: TRAITS,
    shared: (sink) => {
      const broker = new BenchBroker(brokerContext(BROKER, sink));
      resolve(broker);
      return broker;
    },
    clients: null,
  });
  const broker = await made;
  const symbols = symbolsOf(universe);
  broker.lists(...symbols);
  broker.sink.onStatus({ kind: 'connected' });
  const type = document === 'trade' ? 'trade' : 'orderbook';
  // The venue sends all symbols: events that no client subscribes to are numbered and kept, and looked up in vain.
  for (const symbol of symbols) {
    server.manager.want({ broker: BROKER, symbol, scope: SHARED }, { symbol, type, interval: null }, ASKER);
  }
  const feeds = await broker.feeds;
  const prepared = makeEvents(document, universe).map((event) => {
    const feed = feeds.get(event.symbol);
    if (feed === undefined) throw new Error(`${event.symbol} is not wanted`);
    return { feed, draft: toDraft(event) };
  });
  return {
    port: Number(new URL(server.urls.http).port),
    publish(events) {
      for (const { index } of events) {
        const found = prepared[index];
        if (found === undefined) throw new Error(`there is no event ${index}`);
        broker.sink.onEvent(found.feed, { ...found.draft, receivedAt: fromEpochMs(Date.now()) });
      }
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
};

class BenchBroker extends ScriptedBroker {
  readonly #wanted = Promise.withResolvers<ReadonlyMap<string, Feed>>();

  /** The feeds by symbol; resolves once something is wanted, which is everything at once. */
  get feeds(): Promise<ReadonlyMap<string, Feed>> {
    return this.#wanted.promise;
  }

  protected override reconcile(): void {
    if (this.wanted.size > 0) this.#wanted.resolve(new Map([...this.wanted].map((feed) => [feed.symbol, feed])));
  }
}

function toDraft(event: BenchEvent): FeedEventDraft {
  const times = { time: parseTimestamp(event.time), receivedAt: parseTimestamp(event.receivedAt) };
  if (event.kind === 'trade') {
    const { tradeId, price, size, side } = event;
    return { type: 'trade', ...times, tradeId, price: decimal(price), size: decimal(size), side, backfilled: false };
  }
  return { type: 'orderbook', kind: 'snapshot', ...times, bids: levels(event.bids), asks: levels(event.asks) };
}

function levels(pairs: readonly (readonly [string, string])[]): PriceLevel[] {
  return pairs.map(([price, size]) => ({ price: decimal(price), size: decimal(size) }));
}
