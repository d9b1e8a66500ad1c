import type { BrokerSink } from '../../src/brokers/BaseBroker.ts';
import { parseConfig } from '../../src/config/load.ts';
import { decimal } from '../../src/market/decimal.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { MarketDataServer } from '../../src/MarketDataServer.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../../test/support/ScriptedBroker.ts';
import { BROKER, symbolsOf } from '../documents.ts';

// A whole gateway in a process of its own, whose broker makes trades of everything that it is asked for at a steady rate. In a
// fleet only the broker of the one that leads is asked for anything.

export interface GatewayWish {
  /** Null: it is alone, with the bus in memory. */
  readonly redisUrl: string | null;
  readonly symbols: number;
  /** Over all symbols. */
  readonly eventsPerSecond: number;
}

const STEP_MS = 5;
const wish = JSON.parse(process.argv[2] ?? '{}') as GatewayWish;
const parsed = parseConfig(
  {
    server: { port: 0 },
    limits: { symbolsPerSubscription: 10_000 },
    feeds: { staleAfterMs: 3_600_000 },
    ...(wish.redisUrl === null ? {} : { bus: { engine: 'redis', redis: { url: wish.redisUrl } } }),
    brokers: { binance: null, oanda: null, 'mock-binance': null, 'mock-oanda': null },
  },
  'bench',
);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
const server = await MarketDataServer.start({ config: parsed.config, logger: silentLogger(), version: '0.0.0' });

class SteadyBroker extends ScriptedBroker {
  #made = 0;

  constructor(sink: BrokerSink) {
    super(brokerContext(BROKER, sink));
    this.lists(...symbolsOf(wish.symbols));
    sink.onStatus({ kind: 'connected' });
    let owed = 0;
    let lastMs = performance.now();
    setInterval(() => {
      const now = performance.now();
      owed += ((now - lastMs) * wish.eventsPerSecond) / 1_000;
      lastMs = now;
      this.#make(Math.floor(owed));
      owed %= 1;
    }, STEP_MS);
  }

  #make(count: number): void {
    const feeds = [...this.wanted];
    for (let n = 0; n < count; n += 1) {
      const feed = feeds[this.#made % feeds.length];
      if (feed === undefined) return;
      this.#made += 1;
      const time = fromEpochMs(Date.now());
      const content = { price: decimal('43250.10'), size: decimal('0.5'), side: 'buy', backfilled: false } as const;
      // All processes of a machine share this clock.
      const tradeId = String(process.hrtime.bigint() / 1_000n);
      this.sink.onEvent(feed, { type: 'trade', time, receivedAt: time, tradeId, ...content });
    }
  }
}

server.manager.addBroker({
  id: BROKER,
  enabled: true,
  traits: TRAITS,
  shared: (sink) => new SteadyBroker(sink),
  clients: null,
});
process.on('message', () => process.send?.({ port: Number(new URL(server.urls.http).port) }));
process.on('disconnect', () => process.exit());
