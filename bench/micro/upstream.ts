import type { BaseBroker, BrokerContext, BrokerSink, Feed } from '../../src/brokers/BaseBroker.ts';
import { MemoryBus } from '../../src/bus/MemoryBus.ts';
import { BrokerManager } from '../../src/core/BrokerManager.ts';
import { SubscriptionIndex } from '../../src/fanout/routing/SubscriptionIndex.ts';
import { decimal } from '../../src/market/decimal.ts';
import { SHARED } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { seededRandom } from '../../src/shared/random.ts';
import { ASKER } from '../../test/support/asker.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../../test/support/ScriptedBroker.ts';
import { dispatchAtOnce } from '../../test/support/dispatchAtOnce.ts';
import type { MicroCase } from './MicroCase.ts';
import { FIRST_ID, TradePlayer } from './TradePlayer.ts';

const BROKER = 'binance';
const DAY_MS = 86_400_000;
const EVENTS = 20_000;

/** From the venue's frame, or from a mapped event, to the index of subscribers. There are none. */
export async function upstreamCases(owned: AsyncDisposableStack): Promise<MicroCase[]> {
  const whole = await startCore(owned, 1);
  const small = await startCore(owned, 1);
  const large = await startCore(owned, 10_000);
  return [
    await frameCase(owned, 'Binance trade: frame to sink', { sink: DEAF_SINK, feeds: [FEED] }),
    await frameCase(owned, 'Binance trade: frame to index', whole),
    eventCase('trade: sink to index, 1 symbol', small),
    eventCase('trade: sink to index, one of 10000 symbols', { ...large, feeds: large.feeds.slice(0, 1) }),
    eventCase('trade: sink to index, each of 10000 symbols', large),
  ];
}

/** The sink that takes the events, and the feeds that they belong to. */
interface Core {
  readonly sink: BrokerSink;
  readonly feeds: readonly Feed[];
}

const FEED: Feed = { symbol: 'BTCUSDT', type: 'trade', interval: null };
let last: unknown;
const DEAF_SINK: BrokerSink = {
  onEvent: (_feed, event) => {
    last = event;
  },
  onFeed: () => undefined,
  onStatus: () => undefined,
  onActivity: () => undefined,
  onCatalog: () => undefined,
};

async function frameCase(owned: AsyncDisposableStack, name: string, { sink, feeds }: Core): Promise<MicroCase> {
  const player = await TradePlayer.open(sink, feeds[0] ?? FEED);
  owned.defer(() => player.close());
  return {
    name,
    count: player.length,
    prepare: () => {
      player.rewind();
    },
    run: () => {
      player.play();
      return last;
    },
  };
}

function eventCase(name: string, { sink, feeds }: Core): MicroCase {
  const random = seededRandom(1);
  const receivedAt = fromEpochMs(Date.now());
  const price = decimal('83034.29000000');
  const size = decimal('0.00062000');
  const order = Array.from({ length: EVENTS }, () => feeds[Math.floor(random() * feeds.length)] ?? FEED);
  let nextId = FIRST_ID;
  let ids: readonly string[] = [];
  return {
    name,
    count: EVENTS,
    prepare: () => {
      ids = order.map((_feed, index) => String(nextId + index));
      nextId += EVENTS;
    },
    run: () => {
      for (const [index, feed] of order.entries()) {
        sink.onEvent(feed, {
          type: 'trade',
          time: receivedAt,
          receivedAt,
          tradeId: ids[index] ?? '',
          price,
          size,
          side: 'sell',
          backfilled: false,
        });
      }
    },
  };
}

async function startCore(owned: AsyncDisposableStack, symbols: number): Promise<Core> {
  const manager = owned.use(
    new BrokerManager({
      bus: owned.use(new MemoryBus()),
      index: new SubscriptionIndex(dispatchAtOnce),
      clock: systemClock,
      metrics: new Metrics(),
      staleAfterMs: DAY_MS,
    }),
  );
  const { promise: started, resolve } = Promise.withResolvers<Core>();
  const shared = (sink: BrokerSink): BaseBroker => new AttentiveBroker(brokerContext(BROKER, sink), resolve);
  manager.addBroker({ id: BROKER, enabled: true, traits: TRAITS, shared, clients: null });
  for (let index = 0; index < symbols; index += 1) {
    const symbol = index === 0 ? FEED.symbol : `S${index}USDT`;
    manager.want({ broker: BROKER, symbol, scope: SHARED }, { symbol, type: 'trade', interval: null }, ASKER);
  }
  return started;
}

/** A broker that records what is wanted of it. */
class AttentiveBroker extends ScriptedBroker {
  readonly #onWanted: (core: Core) => void;

  constructor(context: BrokerContext, onWanted: (core: Core) => void) {
    super(context);
    this.#onWanted = onWanted;
  }

  protected override reconcile(): void {
    this.#onWanted({ sink: this.sink, feeds: [...this.wanted] });
  }
}
