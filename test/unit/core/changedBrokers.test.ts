import { describe, expect, it } from 'vitest';
import type { BrokerSink, BrokerTraits } from '../../../src/brokers/BaseBroker.ts';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import type { BrokerDefinition } from '../../../src/core/Broker.ts';
import { hasPast, PAST_ROOM } from '../../../src/core/NumberedStream.ts';
import { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { CredentialVault } from '../../../src/core/CredentialVault.ts';
import { DEFAULT_OPTIONS, NO_ACCESS } from '../../../src/core/subscription.ts';
import type { BrokerAccess } from '../../../src/core/subscription.ts';
import { Subscriptions } from '../../../src/core/Subscriptions.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { decimal } from '../../../src/market/decimal.ts';
import type { FeedType, MarketData, Scope } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { ASKER } from '../../support/asker.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { ScriptedBroker, TRAITS, brokerContext } from '../../support/ScriptedBroker.ts';

const AT = fromEpochMs(0);
const TRADE = {
  type: 'trade',
  time: AT,
  receivedAt: AT,
  price: decimal('1'),
  size: decimal('1'),
  side: 'buy',
  backfilled: false,
} as const;
const CREDENTIALS = { token: 't', accountId: 'a', apiKey: null, apiSecret: null };
const LINGER_MS = 5_000;

interface Described {
  readonly traits?: Partial<BrokerTraits>;
  readonly enabled?: boolean;
  /** Which accounts there are. @default only one for everybody */
  readonly accounts?: 'shared' | 'own';
}

/** A manager whose brokers are scripted, and clients of it. */
class Gateway implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly metrics = new Metrics();
  /** All adapters that were made, in order. */
  readonly made: ScriptedBroker[] = [];
  readonly #index = new SubscriptionIndex(dispatchAtOnce);
  readonly manager = new BrokerManager({
    bus: new MemoryBus(),
    index: this.#index,
    clock: this.clock,
    metrics: this.metrics,
    staleAfterMs: 10_000,
    lingerMs: LINGER_MS,
  });
  readonly subscriptions = new Subscriptions({
    manager: this.manager,
    admission: { admitOperation: () => undefined },
    index: this.#index,
    clock: this.clock,
    logger: silentLogger(),
    symbolsPerSubscription: 10,
  });

  define(id: string, { traits = {}, enabled = true, accounts = 'shared' }: Described = {}): BrokerDefinition {
    const create = (sink: BrokerSink): ScriptedBroker => {
      const adapter = new ScriptedBroker(brokerContext(id, sink, this.clock), traits).lists('BTCUSDT');
      this.made.push(adapter);
      return adapter;
    };
    const isOwn = accounts === 'own';
    const clients = { check: () => Promise.resolve(), create: isOwn ? create : null };
    return { id, enabled, traits: { ...TRAITS, ...traits }, shared: isOwn ? null : create, clients };
  }

  /** A client that gets these types and the status of BTCUSDT. */
  subscribe(id: string, types: readonly FeedType[] = ['trade'], access = NO_ACCESS): Client {
    const events: MarketData[] = [];
    const { scope = 'shared' } = this.manager.serving(id, access) ?? {};
    const subscription = this.subscriptions.open({
      routes: [{ broker: id, symbol: 'BTCUSDT', scope }],
      request: {
        broker: id,
        symbols: ['BTCUSDT'],
        types: [...types, 'status'],
        options: DEFAULT_OPTIONS,
        resume: null,
      },
      access,
      asker: ASKER,
      subscriber: { deliver: (update) => events.push(...update.events.map(({ event }) => event)) },
    });
    return { events, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
  }

  /** The newest adapter, connected and with a live feed of each type. */
  async live(...types: FeedType[]): Promise<ScriptedBroker> {
    await this.clock.advance(0);
    const adapter = this.last;
    adapter.sink.onStatus({ kind: 'connected' });
    for (const type of types) adapter.sink.onFeed(adapter.feed(`${type} BTCUSDT`), { kind: 'live' });
    return adapter;
  }

  get last(): ScriptedBroker {
    const adapter = this.made.at(-1);
    if (adapter === undefined) throw new Error('no adapter was made');
    return adapter;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
    expect(this.clock.pending).toBe(0);
  }
}

interface Client extends Disposable {
  readonly events: MarketData[];
}

/** What a client saw since it was asked last: the sequence of data, and the states. */
function seen({ events }: Client): (string | number)[] {
  return events.splice(0).map((event) => {
    if (event.type !== 'status') return event.sequence - (hasPast(event.type) ? PAST_ROOM : 0);
    return event.gap ? `gap ${event.state}` : event.state;
  });
}

const reasons = ({ events }: Client): unknown[] => events.map((event) => (event.type === 'status' ? event.reason : ''));

function trade(adapter: ScriptedBroker, id: string): void {
  adapter.sink.onEvent(adapter.feed('trade BTCUSDT'), { ...TRADE, tradeId: id });
}

describe('a broker whose settings change', () => {
  it('is opened anew for the same subscriptions: RECOVERING, the gap in its trades, LIVE, and their numbers go on', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using client = gateway.subscribe('b');
    const former = await gateway.live('trade');
    trade(former, '1');
    expect(seen(client)).toEqual(['recovering', 'live', 1]);
    gateway.manager.configured('b').redefine(gateway.define('b'));
    expect([gateway.made.length, former.closed]).toEqual([2, true]);
    await gateway.clock.advance(0);
    expect(reasons(client)).toEqual([
      expect.stringContaining('opened anew'),
      expect.stringContaining("can't be fetched"),
    ]);
    expect(seen(client)).toEqual(['recovering', 'gap recovering']);
    trade(former, 'late');
    former.sink.onStatus({ kind: 'closed' });
    expect(seen(client)).toEqual([]);
    const next = await gateway.live('trade');
    expect(next.wantedNames).toEqual(['trade BTCUSDT']);
    trade(next, '2');
    expect(seen(client).filter((each) => typeof each === 'number' || each === 'live')).toEqual(['live', 2]);
  });

  it('shows nobody the values of the former settings', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using _first = gateway.subscribe('b', ['tick']);
    const former = await gateway.live('tick');
    const [bid, ask] = [decimal('1'), decimal('2')];
    const rest = { bidSize: null, askSize: null, last: null, mid: bid, spread: bid };
    former.sink.onEvent(former.feed('tick BTCUSDT'), { type: 'tick', time: AT, receivedAt: AT, bid, ask, ...rest });
    using before = gateway.subscribe('b', ['tick']);
    expect(seen(before)).toEqual([1, 'live']);
    gateway.manager.configured('b').redefine(gateway.define('b'));
    using after = gateway.subscribe('b', ['tick']);
    expect(seen(after)).toEqual(['recovering']);
  });

  it('tells of no gap in trades that did not flow', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using client = gateway.subscribe('b');
    await gateway.clock.advance(0);
    gateway.manager.configured('b').redefine(gateway.define('b'));
    expect(seen(client)).not.toContain('gap recovering');
  });

  it('that is out of service opens nothing before it is enabled', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b', { enabled: false }));
    const broker = gateway.manager.configured('b');
    broker.redefine(gateway.define('b', { enabled: true }));
    expect([gateway.made.length, broker.enabled]).toEqual([0, false]);
    broker.setEnabled(true);
    expect(gateway.made).toHaveLength(1);
  });

  it('into one of another kind serves the types that this one has, and ends the others', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using trades = gateway.subscribe('b', ['trade']);
    using ticks = gateway.subscribe('b', ['tick']);
    await gateway.live('trade', 'tick');
    for (const client of [trades, ticks]) seen(client);
    const traits = { kind: 'other', supportedTypes: ['tick'] } as const;
    gateway.manager.configured('b').redefine(gateway.define('b', { traits }));
    await gateway.live('tick');
    expect(gateway.last.wantedNames).toEqual(['tick BTCUSDT']);
    expect(reasons(trades)).toContain('Broker b has no trade.');
    expect(seen(trades).at(-1)).toBe('closed');
    expect(seen(ticks).at(-1)).toBe('live');
  });

  it('measures silence by the new figure', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using client = gateway.subscribe('b');
    const adapter = await gateway.live('trade');
    for (let each = 1; each <= 5; each += 1) {
      await gateway.clock.advance(10);
      trade(adapter, String(each));
    }
    seen(client);
    gateway.manager.staleAfterMs = 1_000;
    await gateway.clock.advance(1_300);
    expect(seen(client)).toEqual(['stale']);
  });
});

describe('a broker that is removed', () => {
  it('tells its subscriptions CLOSED and why, and everybody else that there is no such broker', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    gateway.manager.addBroker(gateway.define('other'));
    const changes: unknown[] = [];
    using _watch = gateway.manager.watch(NO_ACCESS, ({ id, enabled, state, reason }) =>
      changes.push([id, enabled, state, reason]),
    );
    using client = gateway.subscribe('b');
    using neighbour = gateway.subscribe('other');
    await gateway.clock.advance(0);
    for (const each of [client, neighbour]) seen(each);
    changes.splice(0);
    gateway.manager.removeBroker('b');
    const reason = 'The broker was removed from the configuration.';
    expect(reasons(client)).toEqual([reason]);
    expect(seen(client)).toEqual(['closed']);
    expect(changes).toEqual([['b', false, 'disabled', reason]]);
    expect(gateway.manager.brokers(NO_ACCESS).map(({ id }) => id)).toEqual(['other']);
    expect(() => gateway.manager.configured('b')).toThrow('there are: other.');
    const request = { symbols: ['BTCUSDT'], types: ['trade'], access: NO_ACCESS } as const;
    await expect(gateway.manager.route({ broker: 'b', ...request })).rejects.toThrow('There is no broker "b"');
    expect((await gateway.manager.route({ broker: null, ...request })).accepted).toMatchObject([{ broker: 'other' }]);
    expect(gateway.made.map(({ closed }) => closed)).toEqual([true, false]);
    expect(seen(neighbour)).toEqual([]);
  });

  it('has no metric any more, whatever its subscribers do', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    const client = gateway.subscribe('b');
    await gateway.clock.advance(0);
    gateway.manager.removeBroker('b');
    client[Symbol.dispose]();
    await gateway.clock.advance(LINGER_MS);
    const { brokerState, upstreamStreams } = gateway.metrics;
    expect([(await brokerState.get()).values, (await upstreamStreams.get()).values]).toEqual([[], []]);
  });

  it('serves the subscriptions that are still there when it is added again', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using client = gateway.subscribe('b');
    trade(await gateway.live('trade'), '1');
    gateway.manager.removeBroker('b');
    expect(seen(client)).toEqual(['recovering', 'live', 1, 'closed']);
    gateway.manager.addBroker(gateway.define('b'));
    trade(await gateway.live('trade'), '2');
    expect(seen(client)).toEqual(['recovering', 'gap recovering', 'live', 2]);
    expect(gateway.manager.broker('b', NO_ACCESS)).toMatchObject({ enabled: true, state: 'connected' });
  });

  it('may come back out of service, which is another reason', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using client = gateway.subscribe('b');
    await gateway.clock.advance(0);
    gateway.manager.removeBroker('b');
    seen(client);
    gateway.manager.addBroker(gateway.define('b', { enabled: false }));
    expect(reasons(client)).toEqual(['The broker is out of service.']);
    expect(gateway.made).toHaveLength(1);
  });

  it('is reported when it is added, also if it is out of service', async () => {
    await using gateway = new Gateway();
    const changes: unknown[] = [];
    using _watch = gateway.manager.watch(NO_ACCESS, ({ id, state }) => changes.push([id, state]));
    gateway.manager.addBroker(gateway.define('b', { enabled: false }));
    expect(changes).toEqual([['b', 'disabled']]);
  });

  it('is remembered, whatever other brokers are removed, as long as somebody waits for it', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    gateway.manager.addBroker(gateway.define('c'));
    using client = gateway.subscribe('b');
    gateway.manager.removeBroker('b');
    gateway.manager.removeBroker('c');
    gateway.manager.addBroker(gateway.define('b'));
    trade(await gateway.live('trade'), '1');
    expect(seen(client).slice(-2)).toEqual(['live', 1]);
  });

  it('is forgotten once nobody waits for it', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    gateway.manager.addBroker(gateway.define('c'));
    const client = gateway.subscribe('b');
    gateway.manager.removeBroker('b');
    client[Symbol.dispose]();
    await gateway.clock.advance(LINGER_MS);
    gateway.manager.removeBroker('c');
    expect(gateway.manager.ids).toEqual(['c']);
  });
});

describe('the accounts of clients', () => {
  /** A client that holds credentials, until the broker has no use for them. */
  function holder(gateway: Gateway, scope: Scope): BrokerAccess & Disposable {
    const listeners = new Set<(broker: string, scope: Scope | null) => void>();
    let current: Scope | null = scope;
    const giveUp = (): void => {
      current = null;
      for (const listener of listeners) listener('b', null);
      hold[Symbol.dispose]();
    };
    const broker = gateway.manager.configured('b');
    const hold = broker.holdAccount(scope, new CredentialVault().seal(CREDENTIALS, scope), giveUp);
    return {
      scopeOf: () => current,
      watch: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
      [Symbol.dispose]: () => hold[Symbol.dispose](),
    };
  }

  it('are opened anew with the same credentials when settings change, also after the broker was removed', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b', { accounts: 'own' }));
    using access = holder(gateway, 'mine');
    using client = gateway.subscribe('b', ['trade'], access);
    trade(await gateway.live('trade'), '1');
    gateway.manager.configured('b').redefine(gateway.define('b', { accounts: 'own' }));
    trade(await gateway.live('trade'), '2');
    gateway.manager.removeBroker('b');
    gateway.manager.addBroker(gateway.define('b', { accounts: 'own' }));
    trade(await gateway.live('trade'), '3');
    expect(gateway.made.map(({ closed }) => closed)).toEqual([true, true, false]);
    expect(seen(client).filter((each) => typeof each === 'number')).toEqual([1, 2, 3]);
  });

  it('end with the credentials if the broker has no use for them now, and the shared one takes over', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b', { accounts: 'own' }));
    using access = holder(gateway, 'mine');
    using client = gateway.subscribe('b', ['trade'], access);
    const own = await gateway.live('trade');
    seen(client);
    gateway.manager.configured('b').redefine(gateway.define('b'));
    expect([access.scopeOf('b'), own.closed]).toEqual([null, true]);
    expect(reasons(client)[0]).toBe('The streams begin anew under other credentials.');
    trade(await gateway.live('trade'), '1');
    expect(seen(client).slice(-2)).toEqual(['live', 1]);
  });

  it('end even if the other kind would take credentials of the same form', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b', { accounts: 'own' }));
    using access = holder(gateway, 'mine');
    gateway.manager.configured('b').redefine(gateway.define('b', { accounts: 'own', traits: { kind: 'other' } }));
    expect(access.scopeOf('b')).toBeNull();
    expect(gateway.made.every(({ closed }) => closed)).toBe(true);
  });

  it('are asked for when there is no shared one any more, which may come back', async () => {
    await using gateway = new Gateway();
    gateway.manager.addBroker(gateway.define('b'));
    using client = gateway.subscribe('b');
    await gateway.live('trade');
    seen(client);
    const broker = gateway.manager.configured('b');
    broker.redefine(gateway.define('b', { accounts: 'own' }));
    expect(reasons(client).at(-1)).toContain('needs your own credentials');
    expect(seen(client).at(-1)).toBe('closed');
    expect(() => broker.require(null)).toThrow('needs your own credentials');
    expect(gateway.manager.broker('b', NO_ACCESS)).toMatchObject({ reason: 'Connects when a client authenticates.' });
    using access = holder(gateway, 'mine');
    using own = gateway.subscribe('b', ['trade'], access);
    await gateway.live('trade');
    seen(own);
    broker.redefine(gateway.define('b'));
    trade(await gateway.live('trade'), '1');
    expect(seen(client)).toEqual(['recovering', 'live', 1]);
    expect(seen(own)).not.toContain('closed');
  });
});
