import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { BrokerAuthenticator } from '../../../src/core/BrokerAuthenticator.ts';
import type { BrokerAuthenticated } from '../../../src/core/BrokerAuthenticator.ts';
import type { BrokerDefinition } from '../../../src/core/Broker.ts';
import { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { CredentialVault } from '../../../src/core/CredentialVault.ts';
import { ANONYMOUS } from '../../../src/core/client.ts';
import { Sessions } from '../../../src/core/Sessions.ts';
import { SubscriptionIndex } from '../../../src/fanout/routing/SubscriptionIndex.ts';
import { GatewayError } from '../../../src/shared/errors.ts';
import { createLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { brokerContext, ScriptedBroker, TRAITS } from '../../support/ScriptedBroker.ts';
import { dispatchAtOnce } from '../../support/dispatchAtOnce.ts';
import { logLines } from '../../support/logLines.ts';
import { waitFor } from '../../support/waitFor.ts';
import { ASKER } from '../../support/asker.ts';

/** A request to the venue that has not been answered yet. */
interface Question {
  readonly signal: AbortSignal;
  readonly accept: () => void;
  readonly refuse: (error: GatewayError) => void;
}

/** The gateway's side of a check by a venue that takes its time. */
class Gateway {
  readonly clock = new FakeClock();
  readonly opened: ScriptedBroker[] = [];
  readonly questions: Question[] = [];
  readonly manager = new BrokerManager({
    bus: new MemoryBus(),
    index: new SubscriptionIndex(dispatchAtOnce),
    clock: this.clock,
    metrics: new Metrics(),
    staleAfterMs: 10_000,
  });
  readonly sessions = new Sessions({ clock: this.clock, idleTimeoutMs: 60_000 });
  readonly client = this.sessions.begin(ANONYMOUS, ASKER);
  readonly log: string[] = [];
  readonly authenticator = new BrokerAuthenticator({
    manager: this.manager,
    sessions: this.sessions,
    vault: new CredentialVault(),
    clock: this.clock,
    logger: createLogger({
      level: 'info',
      pretty: false,
      output: { isTTY: false, write: (line) => this.log.push(line) > 0 },
    }),
    allowInsecure: false,
  });

  /** `heeds`: whether the check stops when its signal is aborted. */
  constructor({ heeds }: { readonly heeds: boolean }) {
    this.manager.addBroker(this.define(heeds));
  }

  define(heeds: boolean): BrokerDefinition {
    return {
      id: 'oanda',
      enabled: true,
      traits: { ...TRAITS, requiresAuthentication: true },
      shared: null,
      clients: {
        check: (_credentials, signal) => {
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          this.questions.push({ signal, accept: resolve, refuse: reject });
          if (heeds) signal.addEventListener('abort', reject);
          return promise;
        },
        create: (sink) => {
          const account = new ScriptedBroker(brokerContext('oanda', sink, this.clock), {
            requiresAuthentication: true,
          });
          this.opened.push(account);
          return account;
        },
      },
    };
  }

  authenticate(): Promise<BrokerAuthenticated> {
    return this.authenticator.authenticate({
      broker: 'oanda',
      credentials: { token: 'secret', accountId: 'a', apiKey: null, apiSecret: null },
      session: this.client.session,
      client: { address: '127.0.0.1', secure: true, local: true },
    });
  }

  /** Resolves when the venue is being asked. */
  async asks(): Promise<void> {
    await waitFor(() => this.questions.length > 0, 'the venue to be asked');
  }

  async close(): Promise<void> {
    this.authenticator[Symbol.dispose]();
    this.sessions[Symbol.dispose]();
    await this.manager.close();
  }

  accept(): void {
    for (const { accept } of this.questions) accept();
  }
}

const SHUTTING_DOWN = { code: 'BROKER_UNAVAILABLE', message: expect.stringContaining('shutting down') };

describe('an address whose credentials a venue keeps refusing', () => {
  it('has to wait after ten within a minute, and the log says so once, without them', async () => {
    const gateway = new Gateway({ heeds: false });
    const refused = new GatewayError('BROKER_AUTHENTICATION_FAILED', 'The venue refused them.');
    for (let time = 0; time < 12; time += 1) {
      const outcome = gateway.authenticate().catch((error: unknown) => error);
      await Promise.race([outcome, gateway.asks()]);
      for (const { refuse } of gateway.questions.splice(0)) refuse(refused);
      expect(await outcome).toMatchObject({ code: time < 10 ? 'BROKER_AUTHENTICATION_FAILED' : 'RATE_LIMITED' });
    }
    expect(logLines(gateway.log.join(''))).toMatchObject([{ level: 'warn', address: '127.0.0.1' }]);
    expect(gateway.log.join('')).not.toContain('secret');
    await gateway.close();
  });
});

describe('credentials that a venue is being asked about', () => {
  it.each(['redefined', 'removed'])('open nothing at a broker that is %s before it accepts them', async (change) => {
    const gateway = new Gateway({ heeds: false });
    const code = change === 'removed' ? 'UNKNOWN_BROKER' : 'BROKER_UNAVAILABLE';
    const refused = expect(gateway.authenticate()).rejects.toMatchObject({ code });
    await gateway.asks();
    if (change === 'removed') gateway.manager.removeBroker('oanda');
    else gateway.manager.configured('oanda').redefine(gateway.define(false));
    gateway.accept();
    await refused;
    expect([gateway.opened, gateway.client.session.holdsCredentials]).toEqual([[], false]);
    await gateway.close();
  });

  it('open nothing where it accepts them after the end of the gateway, and the client is told', async () => {
    const gateway = new Gateway({ heeds: false });
    const refused = expect(gateway.authenticate()).rejects.toMatchObject(SHUTTING_DOWN);
    await gateway.asks();
    await gateway.close();
    gateway.accept();
    await refused;
    expect(gateway.opened).toEqual([]);
    expect(gateway.client.session.holdsCredentials).toBe(false);
    expect([gateway.sessions.size, gateway.clock.pending]).toEqual([0, 0]);
  });

  it('open no account if the venue accepts them just as the gateway closes', async () => {
    const gateway = new Gateway({ heeds: false });
    const refused = expect(gateway.authenticate()).rejects.toMatchObject(SHUTTING_DOWN);
    await gateway.asks();
    gateway.accept();
    await gateway.close();
    await refused;
    expect(gateway.opened).toEqual([]);
  });

  it('are not checked any further once the gateway closes, and the client gets an error at once', async () => {
    const gateway = new Gateway({ heeds: true });
    const refused = expect(gateway.authenticate()).rejects.toMatchObject(SHUTTING_DOWN);
    await gateway.asks();
    await gateway.close();
    await refused;
    expect(gateway.questions.map(({ signal }) => signal.aborted)).toEqual([true]);
    expect(gateway.clock.pending).toBe(0);
  });

  it('are not sent to the venue once the gateway has closed, even if their check was already queued', async () => {
    const gateway = new Gateway({ heeds: true });
    const answers = Array.from({ length: 30 }, () => gateway.authenticate());
    const refused = Promise.all(answers.map((answer) => expect(answer).rejects.toMatchObject(SHUTTING_DOWN)));
    await gateway.asks();
    const asked = gateway.questions.length;
    expect(asked).toBeLessThan(30);
    await gateway.close();
    await refused;
    await expect(gateway.authenticate()).rejects.toMatchObject(SHUTTING_DOWN);
    expect(gateway.questions).toHaveLength(asked);
  });
});
