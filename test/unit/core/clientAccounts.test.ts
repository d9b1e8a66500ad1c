import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrokerSink } from '../../../src/brokers/BaseBroker.ts';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { BrokerAuthenticator } from '../../../src/core/BrokerAuthenticator.ts';
import { BrokerManager } from '../../../src/core/BrokerManager.ts';
import type { BrokerInfo } from '../../../src/core/brokerInfo.ts';
import { CredentialVault } from '../../../src/core/CredentialVault.ts';
import { ANONYMOUS } from '../../../src/core/client.ts';
import { Queries } from '../../../src/core/Queries.ts';
import { Sessions } from '../../../src/core/Sessions.ts';
import type { SessionUse } from '../../../src/core/Sessions.ts';
import { DEFAULT_OPTIONS } from '../../../src/core/subscription.ts';
import { Subscriptions } from '../../../src/core/Subscriptions.ts';
import type { SharedUpdate } from '../../../src/fanout/frames/SharedEvent.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import type { BrokerCredentials, CredentialSource } from '../../../src/market/credentials.ts';
import { decimal } from '../../../src/market/decimal.ts';
import type { MarketData, TickDraft } from '../../../src/market/marketData.ts';
import { fromEpochMs } from '../../../src/market/timestamp.ts';
import { GatewayError } from '../../../src/shared/errors.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { ScriptedBroker, TRAITS, brokerContext } from '../../support/ScriptedBroker.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { ASKER } from '../../support/asker.ts';

const IDLE_MS = 60_000;
const LINGER_MS = 1_000;
const SYMBOL = 'EUR_USD';
const AT = fromEpochMs(0);

const credentialsOf = (token: string): BrokerCredentials => ({ token, accountId: 'a', apiKey: null, apiSecret: null });

/** The price that an account is quoted, different from any other account's. */
function tickOf(token: string): TickDraft {
  const bid = decimal(String(100 + Number(token.slice(1))));
  return {
    type: 'tick',
    time: AT,
    receivedAt: AT,
    bid,
    bidSize: null,
    ask: decimal('999'),
    askSize: null,
    last: null,
    mid: decimal('1'),
    spread: decimal('1'),
  };
}

/** One account at the venue, with its token and its own prices. */
class Account extends ScriptedBroker {
  readonly token: string;

  constructor(sink: BrokerSink, source: CredentialSource, clock: FakeClock) {
    super(brokerContext('oanda', sink, clock), { requiresAuthentication: true });
    this.token = source.use(({ token }) => token ?? '');
  }

  override start(): void {
    super.start();
    this.lists(SYMBOL);
    this.sink.onStatus({ kind: 'connected' });
  }

  override fetchTick(): Promise<TickDraft> {
    return Promise.resolve(tickOf(this.token));
  }

  tick(): void {
    for (const feed of this.wanted) this.sink.onEvent(feed, tickOf(this.token));
  }
}

class Venue {
  readonly clock = new FakeClock();
  readonly index = new SubscriptionIndex(dispatchAtOnce);
  readonly accounts: Account[] = [];
  readonly sources: CredentialSource[] = [];
  readonly manager = new BrokerManager({
    bus: new MemoryBus(),
    index: this.index,
    clock: this.clock,
    metrics: new Metrics(),
    staleAfterMs: 10_000,
    lingerMs: LINGER_MS,
  });
  readonly sessions = new Sessions({ clock: this.clock, idleTimeoutMs: IDLE_MS });
  readonly authenticator = new BrokerAuthenticator({
    manager: this.manager,
    sessions: this.sessions,
    vault: new CredentialVault(),
    clock: this.clock,
    logger: silentLogger(),
    allowInsecure: false,
  });
  readonly subscriptions = new Subscriptions({
    manager: this.manager,
    admission: { admitOperation: () => undefined },
    index: this.index,
    clock: this.clock,
    logger: silentLogger(),
    symbolsPerSubscription: 10,
  });
  readonly queries = new Queries(this.manager);

  constructor() {
    this.manager.addBroker({
      id: 'oanda',
      enabled: true,
      traits: { ...TRAITS, requiresAuthentication: true },
      shared: null,
      clients: {
        check: ({ token }) =>
          token === 'bad'
            ? Promise.reject(new GatewayError('BROKER_AUTHENTICATION_FAILED', 'The venue refused them.'))
            : Promise.resolve(),
        create: (sink, source) => {
          const account = new Account(sink, source, this.clock);
          this.accounts.push(account);
          this.sources.push(source);
          return account;
        },
      },
    });
  }

  get open(): Account[] {
    return this.accounts.filter(({ closed }) => !closed);
  }

  client(): Client {
    return new Client(this);
  }

  async close(): Promise<void> {
    this.sessions[Symbol.dispose]();
    this.authenticator[Symbol.dispose]();
    await this.manager.close();
  }
}

/** One client, with everything that it ever received. */
class Client {
  readonly #venue: Venue;
  #use: SessionUse;
  #subscription: Disposable | null = null;
  #watching: Disposable | null = null;
  readonly received: MarketData[] = [];
  readonly infos: BrokerInfo[] = [];
  token: string | null = null;

  constructor(venue: Venue) {
    this.#venue = venue;
    this.#use = venue.sessions.begin(ANONYMOUS, ASKER);
  }

  async authenticate(token: string): Promise<string> {
    const { session } = await this.#venue.authenticator.authenticate({
      broker: 'oanda',
      credentials: credentialsOf(token),
      session: this.#use.session,
      client: { address: '127.0.0.1', secure: true, local: true },
    });
    this.token = token;
    return session;
  }

  deauthenticate(): boolean {
    this.token = null;
    return this.#venue.authenticator.deauthenticate('oanda', this.#use.session);
  }

  async subscribe(throttleMs = 0): Promise<void> {
    if (this.#subscription !== null) return;
    const options = { ...DEFAULT_OPTIONS, throttleMs };
    const request = { broker: 'oanda', symbols: [SYMBOL], types: ['tick', 'status'] as const, options, resume: null };
    const access = this.#use.session;
    const { accepted } = await this.#venue.subscriptions.resolve(request, access);
    const subscriber = {
      deliver: ({ events }: SharedUpdate) => this.received.push(...events.map(({ event }) => event)),
    };
    this.#subscription = this.#venue.subscriptions.open({
      routes: accepted,
      request,
      access,
      asker: ASKER,
      subscriber,
    });
    this.#watching = this.#venue.manager.watch(access, (info) => this.infos.push(info));
    await this.#venue.clock.advance(0);
  }

  unsubscribe(): void {
    this.#subscription?.[Symbol.dispose]();
    this.#watching?.[Symbol.dispose]();
    this.#subscription = null;
  }

  query(): Promise<MarketData | null> {
    return this.#venue.queries.tick({ broker: 'oanda', symbol: SYMBOL, access: this.#use.session, asker: ASKER });
  }

  get bids(): string[] {
    return this.received.flatMap((event) => (event.type === 'tick' ? [event.bid] : []));
  }

  get states(): string[] {
    return this.received.flatMap((event) => (event.type === 'status' ? [event.state] : []));
  }

  /** Closes the connection; the session can be resumed by its token until it has been idle too long. */
  leave(): void {
    this.unsubscribe();
    this.#use[Symbol.dispose]();
  }

  resume(token: string): void {
    this.#use = this.#venue.sessions.resume(token, ANONYMOUS);
  }
}

describe('a broker that needs the client’s own credentials', () => {
  it('gives each client the prices of its own account, and a client without credentials nothing', async () => {
    const venue = new Venue();
    const [one, two, nobody] = [venue.client(), venue.client(), venue.client()];
    await one.authenticate('t1');
    await two.authenticate('t2');
    await one.subscribe();
    await two.subscribe();
    await expect(nobody.subscribe()).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_REQUIRED' });
    await expect(nobody.query()).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_REQUIRED' });
    for (const account of venue.open) account.tick();
    expect(one.bids).toEqual(['101']);
    expect(two.bids).toEqual(['102']);
    expect(nobody.received).toEqual([]);
    await venue.close();
  });

  it('is connected once for any number of clients with the same credentials, and closed with the last', async () => {
    const venue = new Venue();
    const [one, two] = [venue.client(), venue.client()];
    await one.authenticate('t1');
    await two.authenticate('t1');
    expect(venue.accounts).toHaveLength(1);
    one.deauthenticate();
    expect(venue.open).toHaveLength(1);
    two.deauthenticate();
    await venue.clock.advance(0);
    expect(venue.open).toHaveLength(0);
    await venue.close();
  });

  it('swaps the account under a running subscription when other credentials are given, and reports it', async () => {
    const venue = new Venue();
    const client = venue.client();
    await client.authenticate('t1');
    await client.subscribe();
    for (const account of venue.open) account.tick();
    await client.authenticate('t2');
    await venue.clock.advance(0);
    for (const account of venue.accounts) account.tick();
    expect(client.bids).toEqual(['101', '102']);
    expect(client.states).toEqual(['live', 'recovering', 'live']);
    expect(venue.open.map(({ token }) => token)).toEqual(['t2']);
    await venue.close();
  });

  it('never sends a price of the old account after one of the new, however long the client’s throttle', async () => {
    const venue = new Venue();
    const client = venue.client();
    await client.authenticate('t1');
    await client.subscribe(300);
    for (let count = 0; count < 3; count += 1) for (const account of venue.open) account.tick();
    await client.authenticate('t2');
    await venue.clock.advance(0);
    for (const account of venue.open) account.tick();
    await venue.clock.advance(1_000);
    expect(client.bids).toEqual(['101', '102']);
    await venue.close();
  });

  it('reports to a subscription that its credentials were withdrawn, and goes on with new ones', async () => {
    const venue = new Venue();
    const client = venue.client();
    await client.authenticate('t1');
    await client.subscribe();
    expect(client.deauthenticate()).toBe(true);
    expect(client.deauthenticate()).toBe(false);
    expect(client.states.at(-1)).toBe('closed');
    await client.authenticate('t3');
    await venue.clock.advance(0);
    for (const account of venue.open) account.tick();
    expect(client.bids).toEqual(['103']);
    await venue.close();
  });

  it('keeps the old credentials when the venue refuses new ones', async () => {
    const venue = new Venue();
    const client = venue.client();
    await client.authenticate('t1');
    await client.subscribe();
    await expect(client.authenticate('bad')).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
    for (const account of venue.open) account.tick();
    expect(client.bids).toEqual(['101']);
    await venue.close();
  });

  it('keeps the credentials for the session’s token until the session was idle too long, and then wipes everything', async () => {
    const venue = new Venue();
    const client = venue.client();
    const token = await client.authenticate('t1');
    client.leave();
    await venue.clock.advance(IDLE_MS - 1);
    client.resume(token);
    await venue.clock.advance(10 * IDLE_MS);
    expect(venue.open).toHaveLength(1);
    client.leave();
    await venue.clock.advance(IDLE_MS + 1);
    expect(venue.open).toHaveLength(0);
    expect(venue.sessions.size).toBe(0);
    expect(() => venue.sources[0]?.use(({ token: kept }) => kept)).toThrow('wiped');
    expect(() => {
      client.resume(token);
    }).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
    await venue.close();
    expect(venue.clock.pending).toBe(0);
  });

  it('reports to a client the state of its own account only', async () => {
    const venue = new Venue();
    const [one, two] = [venue.client(), venue.client()];
    await one.authenticate('t1');
    await two.authenticate('t2');
    await one.subscribe();
    await two.subscribe();
    venue.open[0]?.sink.onStatus({ kind: 'waiting', delayMs: 1, reason: 'lost' });
    expect(one.infos.map(({ state }) => state)).toEqual(['disconnected']);
    expect(two.infos).toEqual([]);
    await venue.close();
  });

  it('takes no credentials over plain text from another machine', async () => {
    const venue = new Venue();
    using use = venue.sessions.begin(ANONYMOUS, ASKER);
    const client = { address: '203.0.113.9', secure: false, local: false };
    const request = { broker: 'oanda', credentials: credentialsOf('t1'), session: use.session, client };
    await expect(venue.authenticator.authenticate(request)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(venue.accounts).toEqual([]);
    await venue.close();
  });
});

const step = fc.oneof(
  fc.record({ kind: fc.constant('authenticate' as const), client: fc.nat(3), token: fc.nat(2) }),
  fc.record({
    kind: fc.constantFrom('deauthenticate', 'subscribe', 'unsubscribe', 'query', 'leave'),
    client: fc.nat(3),
  }),
  fc.record({
    kind: fc.constantFrom('tick', 'lose', 'connect', 'off', 'on', 'wait', 'expire'),
    client: fc.constant(0),
  }),
);

it('no client ever sees another account’s price, in whatever order things happen', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const venue = new Venue();
      const clients = [venue.client(), venue.client(), venue.client(), venue.client()];
      for (const taken of steps) {
        const client = clients[taken.client];
        if (client === undefined) continue;
        const before = client.bids.length;
        switch (taken.kind) {
          case 'authenticate':
            if ('token' in taken) await client.authenticate(`t${taken.token}`).catch(() => undefined);
            break;
          case 'deauthenticate':
            client.deauthenticate();
            break;
          case 'subscribe':
            await client.subscribe().catch(() => undefined);
            break;
          case 'unsubscribe':
            client.unsubscribe();
            break;
          case 'leave':
            client.leave();
            clients[taken.client] = venue.client();
            break;
          case 'query': {
            const found = await client.query().catch(() => null);
            if (found?.type === 'tick') expect(found.bid).toBe(String(100 + Number(client.token?.slice(1))));
            break;
          }
          case 'tick': {
            const seen = clients.map(({ bids }) => bids.length);
            for (const account of venue.accounts) account.tick();
            for (const [index, each] of clients.entries()) {
              for (const bid of each.bids.slice(seen[index]))
                expect(bid).toBe(String(100 + Number(each.token?.slice(1))));
            }
            break;
          }
          case 'lose':
            for (const { sink } of venue.open) sink.onStatus({ kind: 'waiting', delayMs: 1, reason: 'lost' });
            break;
          case 'connect':
            for (const { sink } of venue.open) sink.onStatus({ kind: 'connected' });
            break;
          case 'off':
            venue.manager.configured('oanda').setEnabled(false);
            break;
          case 'on':
            venue.manager.configured('oanda').setEnabled(true);
            break;
          case 'expire':
            await venue.clock.advance(IDLE_MS + 1);
            break;
          case 'wait':
            await venue.clock.advance(LINGER_MS + 1);
            break;
        }
        for (const bid of client.bids.slice(before)) expect(bid).toBe(String(100 + Number(client.token?.slice(1))));
      }
      for (const client of clients) client.leave();
      await venue.clock.advance(2 * IDLE_MS);
      expect(venue.index.size).toBe(0);
      expect(venue.manager.state.size).toBe(0);
      expect(venue.open).toEqual([]);
      await venue.close();
      expect(venue.clock.pending).toBe(0);
    }),
    { numRuns: 150 },
  );
});
