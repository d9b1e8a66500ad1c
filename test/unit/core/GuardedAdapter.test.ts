import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/MemoryBus.ts';
import { BrokerAccount } from '../../../src/core/BrokerAccount.ts';
import type { MarketData } from '../../../src/market/marketData.ts';
import { SHARED } from '../../../src/market/marketData.ts';
import { faultOwner } from '../../../src/shared/faultScope.ts';
import { GatewayError } from '../../../src/shared/errors.ts';
import { createLogger } from '../../../src/shared/logger.ts';
import { Metrics } from '../../../src/shared/metrics.ts';
import { ASKER } from '../../support/asker.ts';
import { trade } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { logLines } from '../../support/logLines.ts';
import { brokerContext, ScriptedBroker } from '../../support/ScriptedBroker.ts';

const { broker: _broker, symbol: _symbol, sequence: _sequence, cursor: _cursor, ...DRAFT } = trade(1);
const WISH = { symbol: 'BTCUSDT', type: 'trade', interval: null } as const;
const OOPS = 'oops, https://user:canary@venue.example';

type Method = 'start' | 'reconcile' | 'resync' | 'close';

/** Throws from these methods, and notes who answers for what it does. */
class FaultyBroker extends ScriptedBroker {
  readonly faults: ReadonlySet<Method | 'fetch'>;
  owner = faultOwner();

  constructor(context: ConstructorParameters<typeof ScriptedBroker>[0], faults: ReadonlySet<Method | 'fetch'>) {
    super(context);
    this.faults = faults;
  }

  override start(): void {
    this.#fail('start');
    super.start();
    this.sink.onStatus({ kind: 'connected' });
  }

  protected override reconcile(): void {
    this.#fail('reconcile');
  }

  override resync(): void {
    this.#fail('resync');
  }

  override fetchTick(): Promise<null> {
    if (this.faults.has('fetch')) throw new Error(OOPS);
    return Promise.resolve(null);
  }

  override async close(): Promise<void> {
    await super.close();
    this.#fail('close');
  }

  #fail(method: Method): void {
    if (this.faults.has(method)) throw new Error(OOPS);
  }
}

/** An account whose adapters fail as these sets say, one after the other; later ones do not. */
function start(...faults: readonly (readonly (Method | 'create' | 'fetch')[])[]) {
  const clock = new FakeClock();
  const bus = new MemoryBus();
  const published: MarketData[] = [];
  const logged: string[] = [];
  bus.subscribe({
    known: () => [],
    receive: () => ({
      publish: (event) => published.push(event),
      reset: () => undefined,
      [Symbol.dispose]: () => undefined,
    }),
  });
  const made: FaultyBroker[] = [];
  let attempts = 0;
  const account = new BrokerAccount({
    id: 'venue',
    scope: SHARED,
    enabled: true,
    create: (sink) => {
      const now = new Set(faults[attempts]);
      attempts += 1;
      if (now.delete('create')) throw new Error(OOPS);
      const adapter = new FaultyBroker(brokerContext('venue', sink, clock), now as ReadonlySet<Method | 'fetch'>);
      made.push(adapter);
      return adapter;
    },
    bus,
    clock,
    metrics: new Metrics(),
    logger: createLogger({
      level: 'info',
      pretty: false,
      output: { isTTY: false, write: (line) => logged.push(line) > 0 },
    }),
    staleAfterMs: 10_000,
    lingerMs: 0,
    onChange: () => undefined,
    onWanted: () => undefined,
  });
  account.start();
  account.want(WISH, ASKER);
  return {
    clock,
    account,
    made,
    attempts: () => attempts,
    /** What a subscriber to trades and statuses was sent. */
    seen: () =>
      published.map((event) => (event.type === 'status' ? `${event.gap ? 'gap ' : ''}${event.state}` : event.type)),
    trade: (adapter: FaultyBroker | undefined) => {
      adapter?.sink.onEvent(adapter.feed('trade BTCUSDT'), DRAFT);
    },
    log: () => logLines(logged.join('')).map(({ msg, restartInMs }) => [msg, restartInMs]),
    text: () => logged.join(''),
  };
}

const FAILED = 'The adapter failed for a fault of ours; it is started again in 1 s.';

describe('an adapter that fails', () => {
  it.each(['create', 'start', 'reconcile'] as const)(
    'in %s is reported as disconnected, and another one serves a second later',
    async (method) => {
      const { clock, account, made, seen, trade: sends } = start([method]);
      await clock.advance(0);
      expect(account.standing).toMatchObject({ state: 'disconnected', reason: FAILED });
      await clock.advance(999);
      expect(made.filter(({ closed }) => !closed)).toEqual([]);
      await clock.advance(1);
      expect(account.standing).toMatchObject({ state: 'connected', reason: null });
      expect(made.at(-1)?.wantedNames).toEqual(['trade BTCUSDT']);
      sends(made.at(-1));
      // Nothing had come before, so nothing can have been lost.
      expect(seen().filter((event) => event !== 'recovering')).toEqual(['live', 'trade']);
      await account.close();
      expect(clock.pending).toBe(0);
    },
  );

  it('later on tells subscribers that its feeds recover, and of a gap, before anything else comes', async () => {
    const { clock, account, made, seen, trade: sends, log, text } = start(['resync']);
    await clock.advance(0);
    const [first] = made;
    sends(first);
    account.resync(account.keyOf(WISH), 'A test.');
    sends(first);
    expect(seen()).toEqual(['live', 'trade', 'recovering', 'recovering']);
    await clock.advance(1_000);
    sends(made[1]);
    expect(seen().slice(4)).toEqual(['gap recovering', 'live', 'trade']);
    expect(log().filter(([message]) => message === 'the adapter failed')).toEqual([['the adapter failed', 1_000]]);
    expect(text()).toContain('oops');
    expect(text()).not.toContain('canary');
    await account.close();
  });

  it('again and again is made anew ever more rarely, a minute apart at most, until it has run for long', async () => {
    const eight = Array.from({ length: 8 }, () => ['reconcile'] as const);
    const { clock, account, made, log } = start(...eight);
    await clock.advance(1_000 * (1 + 2 + 4 + 8 + 16 + 32 + 60 + 60));
    const delays = log().flatMap(([message, delay]) => (message === 'the adapter failed' ? [delay] : []));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(account.standing.state).toBe('connected');
    await clock.advance(300_000);
    made.at(-1)?.owner?.(new Error('much later'));
    expect(account.standing.reason).toBe(FAILED);
    await account.close();
  });

  it('answers for what it does by itself, and not for what another one did that has ended', async () => {
    const { clock, account, made } = start();
    await clock.advance(0);
    const [first] = made;
    first?.owner?.(new Error('thrown by a timer'));
    expect([first?.closed, account.standing.state]).toEqual([true, 'disconnected']);
    await clock.advance(1_000);
    first?.owner?.(new Error('thrown by a timer that it has left'));
    expect([made.length, account.standing.state]).toEqual([2, 'connected']);
    await account.close();
    made[1]?.owner?.(new Error('thrown after the end'));
    expect([made.length, clock.pending]).toEqual([2, 0]);
  });

  it('while it is closed does not keep the account from closing', async () => {
    const { clock, account } = start(['close']);
    await clock.advance(0);
    await account.close();
    expect(clock.pending).toBe(0);
  });
});

it('a request that fails concerns its asker alone: INTERNAL with an id, and the broker stays connected', async () => {
  const { clock, account, attempts } = start(['fetch']);
  await clock.advance(0);
  const failed = await account.adapter?.fetchTick('BTCUSDT').catch((error: unknown) => GatewayError.from(error));
  expect(failed).toMatchObject({ code: 'INTERNAL', message: expect.stringMatching(/logged as [\w-]{12}\.$/) });
  expect([account.standing.state, attempts()]).toEqual(['connected', 1]);
  await account.close();
});

it('a request during the pause is refused with BROKER_UNAVAILABLE, which may be tried again', async () => {
  const { clock, account } = start(['start']);
  await clock.advance(0);
  await expect(account.adapter?.fetchTick('BTCUSDT')).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  await account.close();
  expect(clock.pending).toBe(0);
});
