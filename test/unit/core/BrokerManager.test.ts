import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { DEFAULT_OPTIONS, NO_ACCESS } from '../../../src/core/subscription.ts';
import type { SubscriptionOptions } from '../../../src/core/subscription.ts';
import { Subscriptions } from '../../../src/core/Subscriptions.ts';
import type { BrokerSink, BrokerTraits } from '../../../src/brokers/BaseBroker.ts';
import type { SharedUpdate } from '../../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { decimal } from '../../../src/market/decimal.ts';
import type { MarketData, MarketDataType, OrderBookDraft, TickDraft } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { levels } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { ScriptedBroker, TRAITS, brokerContext } from '../../support/ScriptedBroker.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { ASKER } from '../../support/asker.ts';

const AT = fromEpochMs(0);
const TICK: TickDraft = {
  type: 'tick',
  time: AT,
  receivedAt: AT,
  bid: decimal('1'),
  bidSize: null,
  ask: decimal('2'),
  askSize: null,
  last: null,
  mid: decimal('1.5'),
  spread: decimal('1'),
};

const bookDraft = (
  kind: 'snapshot' | 'delta',
  bids: [string, string][],
  asks: [string, string][] = [],
): OrderBookDraft => ({ type: 'orderbook', time: AT, receivedAt: AT, kind, bids: levels(bids), asks: levels(asks) });

const DEAF: BrokerSink = {
  onEvent: () => undefined,
  onFeed: () => undefined,
  onStatus: () => undefined,
  onActivity: () => undefined,
  onCatalog: () => undefined,
};

class Gateway {
  /** All adapters that were made, in order. */
  readonly made: ScriptedBroker[] = [];
  readonly clock = new FakeClock();
  readonly index = new SubscriptionIndex(dispatchAtOnce);
  readonly metrics = new Metrics();
  readonly manager = new BrokerManager({
    bus: new MemoryBus(),
    index: this.index,
    clock: this.clock,
    metrics: this.metrics,
    staleAfterMs: 10_000,
    lingerMs: 5_000,
  });
  readonly subscriptions = new Subscriptions({
    manager: this.manager,
    admission: { admitOperation: () => undefined },
    index: this.index,
    clock: this.clock,
    logger: silentLogger(),
    symbolsPerSubscription: 3,
  });

  add(id: string, traits: Partial<BrokerTraits> = {}, enabled = true): ScriptedBroker {
    let made: ScriptedBroker | undefined;
    const shared = (sink: BrokerSink): ScriptedBroker => {
      made = new ScriptedBroker(brokerContext(id, sink, this.clock), traits);
      this.made.push(made);
      return made;
    };
    this.manager.addBroker({
      id,
      enabled,
      traits: { ...TRAITS, ...traits },
      shared: traits.requiresAuthentication === true ? null : shared,
      clients: null,
    });
    return made ?? new ScriptedBroker(brokerContext(id, DEAF, this.clock));
  }

  async subscribe(
    types: MarketDataType[],
    options: Partial<SubscriptionOptions> = {},
    broker: string | null = 'binance',
  ) {
    const request = { broker, symbols: ['BTCUSDT'], types, options: { ...DEFAULT_OPTIONS, ...options }, resume: null };
    const received: MarketData[] = [];
    const { accepted } = await this.subscriptions.resolve(request, NO_ACCESS);
    const subscriber = {
      deliver: ({ events }: SharedUpdate) => received.push(...events.map(({ event }) => event)),
    };
    const subscription = this.subscriptions.open({
      routes: accepted,
      request,
      access: NO_ACCESS,
      asker: ASKER,
      subscriber,
    });
    await this.clock.advance(0);
    return { received, subscription };
  }
}

function gateway(): { gateway: Gateway; broker: ScriptedBroker } {
  const made = new Gateway();
  const broker = made.add('binance').lists('BTCUSDT', 'ETHUSDT');
  broker.sink.onStatus({ kind: 'connected' });
  return { gateway: made, broker };
}

describe('a stream at the venue', () => {
  it('is opened once for any number of subscriptions, and closed a linger after the last', async () => {
    const { gateway: g, broker } = gateway();
    const one = await g.subscribe(['tick']);
    const two = await g.subscribe(['tick', 'trade']);
    expect(broker.wantedNames).toEqual(['tick BTCUSDT', 'trade BTCUSDT']);
    one.subscription[Symbol.dispose]();
    one.subscription[Symbol.dispose]();
    await g.clock.advance(6_000);
    expect(broker.wantedNames).toEqual(['tick BTCUSDT', 'trade BTCUSDT']);
    two.subscription[Symbol.dispose]();
    await g.clock.advance(4_999);
    expect(broker.wantedNames).toHaveLength(2);
    await g.clock.advance(2);
    expect(broker.wantedNames).toEqual([]);
    expect(g.index.size).toBe(0);
    expect(g.manager.state.size).toBe(0);
  });

  it('is not opened again when a page is reloaded within the linger', async () => {
    const { gateway: g, broker } = gateway();
    const one = await g.subscribe(['tick']);
    const feed = broker.feed('tick BTCUSDT');
    one.subscription[Symbol.dispose]();
    await g.clock.advance(3_000);
    const two = await g.subscribe(['tick']);
    await g.clock.advance(10_000);
    expect(broker.feed('tick BTCUSDT')).toBe(feed);
    two.subscription[Symbol.dispose]();
  });

  it('carries ticks if only the status is subscribed to', async () => {
    const { gateway: g, broker } = gateway();
    const { received } = await g.subscribe(['status']);
    broker.sink.onEvent(broker.feed('tick BTCUSDT'), TICK);
    expect(received.map(({ type }) => type)).toEqual(['status']);
  });
});

describe('events', () => {
  it.each([
    ['go on with their numbers if their stream begins again soon', 6_000, [1, 2, 3]],
    ['are numbered from 1 in a new epoch if it begins again later', 126_000, [1, 2, 1]],
  ])('%s, and have cursors of their own', async (_name, pauseMs, sequences) => {
    const { gateway: g, broker } = gateway();
    const one = await g.subscribe(['tick']);
    broker.sink.onEvent(broker.feed('tick BTCUSDT'), TICK);
    broker.sink.onEvent(broker.feed('tick BTCUSDT'), TICK);
    one.subscription[Symbol.dispose]();
    await g.clock.advance(pauseMs);
    const two = await g.subscribe(['tick']);
    broker.sink.onEvent(broker.feed('tick BTCUSDT'), TICK);
    expect([...one.received, ...two.received].map(({ sequence }) => sequence)).toEqual(sequences);
    expect(new Set([...one.received, ...two.received].map(({ cursor }) => cursor)).size).toBe(3);
  });

  it('begin with the last known tick unless the client has turned that off', async () => {
    const { gateway: g, broker } = gateway();
    await g.subscribe(['tick']);
    broker.sink.onEvent(broker.feed('tick BTCUSDT'), TICK);
    expect((await g.subscribe(['tick'])).received).toMatchObject([{ type: 'tick', sequence: 1 }]);
    expect((await g.subscribe(['tick'], { snapshot: false })).received).toEqual([]);
  });

  it('of a book in deltas begin with the whole book even if the client has turned that off', async () => {
    const { gateway: g, broker } = gateway();
    await g.subscribe(['orderbook']);
    broker.sink.onEvent(broker.feed('orderbook BTCUSDT'), bookDraft('snapshot', [['1', '5']], [['3', '5']]));
    const { received } = await g.subscribe(['orderbook'], { book: 'delta', snapshot: false });
    broker.sink.onEvent(broker.feed('orderbook BTCUSDT'), bookDraft('delta', [['2', '7']]));
    expect(received).toMatchObject([
      { kind: 'snapshot', sequence: 1, bids: [{ price: '1' }] },
      { kind: 'delta', sequence: 2, bids: [{ price: '2', size: '7' }], asks: [] },
    ]);
  });
});

describe('a book that cannot be right', () => {
  it('is not published when it is crossed, but started again', async () => {
    const { gateway: g, broker } = gateway();
    const { received } = await g.subscribe(['orderbook', 'status']);
    const feed = broker.feed('orderbook BTCUSDT');
    broker.sink.onEvent(feed, bookDraft('snapshot', [['1', '5']], [['3', '5']]));
    broker.sink.onFeed(feed, { kind: 'live' });
    broker.sink.onEvent(feed, bookDraft('delta', [['3', '1']]));
    broker.sink.onEvent(feed, bookDraft('delta', [['2', '1']]));
    expect(received.map((event) => (event.type === 'status' ? event.state : event.type))).toEqual([
      'orderbook',
      'live',
      'recovering',
    ]);
    expect(broker.resyncs).toHaveLength(1);
    broker.sink.onEvent(feed, bookDraft('snapshot', [['2', '5']], [['4', '5']]));
    expect(received.at(-1)).toMatchObject({ type: 'orderbook', kind: 'snapshot', sequence: 4 });
  });

  it('is not sent to new subscribers while it recovers', async () => {
    const { gateway: g, broker } = gateway();
    await g.subscribe(['orderbook']);
    const feed = broker.feed('orderbook BTCUSDT');
    broker.sink.onEvent(feed, bookDraft('snapshot', [['1', '5']]));
    broker.sink.onFeed(feed, { kind: 'recovering', reason: 'gap' });
    expect((await g.subscribe(['orderbook'])).received).toEqual([]);
  });
});

describe('requests that cannot be served', () => {
  const refused: [string, string, MarketDataType[]][] = [
    ['UNKNOWN_BROKER', 'nobody', ['tick']],
    ['BROKER_DISABLED', 'off', ['tick']],
    ['UNSUPPORTED_TYPE', 'quotes', ['tick', 'trade']],
    ['BROKER_AUTHENTICATION_REQUIRED', 'private', ['tick']],
  ];
  it.each(refused)('are refused with %s', async (code, broker, types) => {
    const { gateway: g } = gateway();
    g.add('off', {}, false);
    g.add('quotes', { supportedTypes: ['tick'] });
    g.add('private', { requiresAuthentication: true });
    await expect(g.subscribe(types, {}, broker)).rejects.toMatchObject({ code });
  });

  it('are refused with the reason of each symbol that nobody serves, even if other symbols are served', async () => {
    const { gateway: g } = gateway();
    g.add('quotes', { supportedTypes: ['tick'] }).lists('EUR_USD');
    g.add('away').lists('GONE');
    g.manager.configured('away').setEnabled(false);
    const symbols = ['BTCUSDT', 'EUR_USD', 'GONE'];
    const request = { broker: null, symbols, types: ['tick', 'trade'] as const, access: NO_ACCESS };
    const { accepted, rejected } = await g.manager.route(request);
    expect(accepted).toMatchObject([{ symbol: 'BTCUSDT', broker: 'binance' }]);
    expect(rejected.map(({ symbol, error: { code } }) => [symbol, code])).toEqual([
      ['EUR_USD', 'UNSUPPORTED_TYPE'],
      ['GONE', 'BROKER_DISABLED'],
    ]);
    const { rejected: unknown } = await g.manager.route({ ...request, symbols: ['NOWHERE'] });
    expect(unknown.map(({ error: { code } }) => code)).toEqual(['UNKNOWN_SYMBOL']);
  });

  it('are refused with the missing type if the only broker that lists the symbol lacks one', async () => {
    const g = new Gateway();
    g.add('quotes', { supportedTypes: ['tick'] }).lists('BTCUSDT');
    const request = {
      broker: null,
      symbols: ['BTCUSDT'],
      types: ['trade' as const],
      options: DEFAULT_OPTIONS,
      resume: null,
    };
    const { rejected } = await g.subscriptions.resolve(request, NO_ACCESS);
    expect(rejected[0]?.error).toMatchObject({ code: 'UNSUPPORTED_TYPE', message: 'Broker quotes has no trade.' });
  });

  it.each([
    ['no symbols', { symbols: [] }],
    ['an empty symbol', { symbols: [''] }],
    ['no types', { types: [] }],
    ['a depth of 0', { options: { ...DEFAULT_OPTIONS, depth: 0 } }],
    ['a negative throttle', { options: { ...DEFAULT_OPTIONS, throttleMs: -1 } }],
  ])('are refused with BAD_REQUEST: %s', async (_name, fault) => {
    const { gateway: g } = gateway();
    const request = {
      broker: 'binance',
      symbols: ['BTCUSDT'],
      types: ['tick' as const],
      options: DEFAULT_OPTIONS,
      resume: null,
    };
    await expect(g.subscriptions.resolve({ ...request, ...fault }, NO_ACCESS)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
  });

  it('are refused with LIMIT_EXCEEDED if a subscription has too many symbols', async () => {
    const { gateway: g } = gateway();
    const request = {
      broker: 'binance',
      symbols: ['A', 'B', 'C', 'D'],
      types: ['tick' as const],
      options: DEFAULT_OPTIONS,
      resume: null,
    };
    await expect(g.subscriptions.resolve(request, NO_ACCESS)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('a venue that cannot be reached', () => {
  it('still accepts subscriptions, reports why nothing comes, and begins by itself', async () => {
    const g = new Gateway();
    const broker = g.add('binance').unreachable();
    broker.sink.onStatus({ kind: 'waiting', delayMs: 1_000, reason: 'The venue refused the connection.' });
    const { received } = await g.subscribe(['tick', 'status']);
    expect(received).toMatchObject([
      { type: 'status', state: 'recovering', reason: 'The venue refused the connection.' },
    ]);
    broker.lists('BTCUSDT');
    broker.sink.onStatus({ kind: 'connected' });
    broker.sink.onEvent(broker.feed('tick BTCUSDT'), TICK);
    expect(received.slice(1)).toMatchObject([{ type: 'status', state: 'live' }, { type: 'tick' }]);
  });

  it('is waited for only a moment, and leaves no timer', async () => {
    const g = new Gateway();
    g.add('binance');
    const subscribing = g.subscribe(['tick']);
    await g.clock.advance(3_000);
    await subscribing;
    await g.manager.close();
    expect(g.clock.pending).toBe(0);
  });
});

it('the manager notifies its watchers of changes of state only', () => {
  const { gateway: g, broker } = gateway();
  const seen: string[] = [];
  using _watching = g.manager.watch(NO_ACCESS, ({ id, state }) => seen.push(`${id} ${state}`));
  broker.sink.onStatus({ kind: 'connected' });
  broker.sink.onStatus({ kind: 'waiting', delayMs: 5, reason: 'lost' });
  broker.sink.onActivity();
  broker.sink.onStatus({ kind: 'connecting', attempt: 1 });
  expect(seen).toEqual(['binance disconnected', 'binance connecting']);
});

it('the manager notifies its watchers of a new reason, though the state stays', () => {
  const { gateway: g, broker } = gateway();
  const seen: (string | null)[] = [];
  using _watching = g.manager.watch(NO_ACCESS, ({ reason }) => seen.push(reason));
  for (const reason of ['No route.', 'No route.', 'The venue does not serve this location (HTTP 451).']) {
    broker.sink.onStatus({ kind: 'waiting', delayMs: 5, reason });
  }
  for (const reason of ['Nothing comes.', 'One of two connections is down.']) {
    broker.sink.onStatus({ kind: 'degraded', reason });
  }
  expect(seen).toEqual([
    'No route.',
    'The venue does not serve this location (HTTP 451).',
    'Nothing comes.',
    'One of two connections is down.',
  ]);
});

it('the manager leaves no timer behind when it is closed with open subscriptions', async () => {
  const { gateway: g } = gateway();
  await g.subscribe(['tick', 'orderbook']);
  await g.manager.close();
  expect(g.clock.pending).toBe(0);
});
