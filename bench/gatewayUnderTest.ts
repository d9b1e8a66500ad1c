import { parseConfig } from '../src/config/load.ts';
import { decimal } from '../src/market/decimal.ts';
import type { FeedEventDraft, PriceLevel } from '../src/market/marketData.ts';
import { fromEpochMs } from '../src/market/timestamp.ts';
import { MarketDataServer } from '../src/MarketDataServer.ts';
import { silentLogger } from '../src/shared/logger.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../test/support/ScriptedBroker.ts';
import { BROKER, EVENT_TIME_MS, SYMBOL } from './documents.ts';
import type { BenchEvent } from './documents.ts';
import type { StartServer } from './servers/ServerUnderTest.ts';

// Every edge from the servers and scenarios to the gateway is in this file (bench/micro.ts has its own).

/** Nothing is lifted that belongs to the work itself; only what one address may not do, because all clients have one. */
const CONFIG = {
  server: { port: 0 },
  limits: { connections: 100_000, connectionsPerAddress: 100_000 },
  feeds: { staleAfterMs: 3_600_000 },
  brokers: { binance: null, oanda: null, 'mock-binance': null, 'mock-oanda': null },
};

/** The whole gateway, as it runs in production, with one broker that says what the benchmark has it say. */
export const startGateway: StartServer = async (document) => {
  const parsed = parseConfig(CONFIG, 'bench');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const server = await MarketDataServer.start({ config: parsed.config, logger: silentLogger(), version: '0.0.0' });
  const { promise: made, resolve } = Promise.withResolvers<ScriptedBroker>();
  server.manager.addBroker({
    id: BROKER,
    enabled: true,
    traits: TRAITS,
    shared: (sink) => {
      const broker = new ScriptedBroker(brokerContext(BROKER, sink));
      resolve(broker);
      return broker;
    },
    clients: null,
  });
  const broker = await made;
  broker.lists(SYMBOL);
  broker.sink.onStatus({ kind: 'connected' });
  const name = `${document === 'trade' ? 'trade' : 'orderbook'} ${SYMBOL}`;
  const drafts = new Map<BenchEvent, FeedEventDraft>();
  return {
    port: Number(new URL(server.urls.http).port),
    publish(events) {
      if (!broker.wantedNames.includes(name)) return;
      const feed = broker.feed(name);
      for (const event of events) {
        const draft = drafts.get(event) ?? toDraft(event);
        drafts.set(event, draft);
        broker.sink.onEvent(feed, { ...draft, receivedAt: fromEpochMs(Date.now()) });
      }
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
};

function toDraft(event: BenchEvent): FeedEventDraft {
  const times = { time: fromEpochMs(EVENT_TIME_MS), receivedAt: fromEpochMs(EVENT_TIME_MS) };
  if (event.kind === 'trade') {
    const { id, price, size, side } = event;
    return { type: 'trade', ...times, id, price: decimal(price), size: decimal(size), side };
  }
  return { type: 'orderbook', kind: 'snapshot', ...times, bids: levels(event.bids), asks: levels(event.asks) };
}

function levels(pairs: readonly (readonly [string, string])[]): PriceLevel[] {
  return pairs.map(([price, size]) => ({ price: decimal(price), size: decimal(size) }));
}
