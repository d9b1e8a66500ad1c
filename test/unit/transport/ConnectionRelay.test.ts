import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/shared/logger.ts';
import { ConnectionRelay } from '../../../src/transport/ConnectionRelay.ts';
import type { RelayConnection } from '../../../src/transport/ConnectionRelay.ts';
import type { SessionEnd } from '../../../src/transport/SessionLoop.ts';
import { SlidingWindow } from '../../../src/transport/SlidingWindow.ts';
import { FakeClock } from '../../support/FakeClock.ts';

class FakeConnection implements RelayConnection<SessionEnd> {
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly ended = this.#ended.promise;
  readonly gone: Promise<void> = this.ended.then(() => undefined);
  isOpen = false;
  alive = true;

  end(reason: string, retryAfterMs = 0): void {
    this.alive = false;
    this.isOpen = false;
    this.#ended.resolve({ reason, retryAfterMs });
  }
}

interface Setting {
  /** Whether a connection may be opened. */
  readonly allows?: (opened: number) => boolean;
  readonly attempts?: number;
  readonly isReplacementNeeded?: () => boolean;
}

function start({ allows = () => true, attempts = 100, isReplacementNeeded }: Setting = {}) {
  const clock = new FakeClock();
  const all: FakeConnection[] = [];
  const reported: string[] = [];
  const nameOf = (connection: FakeConnection | null): string =>
    String(connection === null ? null : all.indexOf(connection));
  const relay = new ConnectionRelay<FakeConnection, SessionEnd>({
    clock,
    random: () => 0.5,
    logger: silentLogger(),
    reconnect: { baseMs: 1_000, maxMs: 8_000 },
    attempts: new SlidingWindow({ limit: attempts, windowMs: 60_000, clock }),
    connect: () => {
      if (!allows(all.length)) return null;
      const connection = new FakeConnection();
      all.push(connection);
      return connection;
    },
    noConnection: { reason: 'full', retryAfterMs: 3_000 },
    ...(isReplacementNeeded === undefined ? {} : { isReplacementNeeded }),
    listener: {
      onCurrentOpen: (connection) => void reported.push(`open ${nameOf(connection)}`),
      onCurrentEnded: (connection, { reason }, successor) =>
        void reported.push(`ended ${nameOf(connection)}: ${reason}, next ${nameOf(successor)}`),
      onSuccessorEnded: (successor, { reason }) => {
        reported.push(`successor ended ${nameOf(successor)}: ${reason}`);
        relay.replaceAfter(0);
      },
      onNoConnection: (current) => void reported.push(`no connection beside ${nameOf(current)}`),
      onChange: () => {},
    },
  });
  const connectionAt = (index: number): FakeConnection => {
    const connection = all[index];
    if (connection === undefined) throw new Error(`connection ${index} was not opened`);
    return connection;
  };
  const open = (index: number): void => {
    connectionAt(index).isOpen = true;
    relay.opened(connectionAt(index));
  };
  return {
    clock,
    relay,
    all,
    open,
    connectionAt,
    alive: () => all.flatMap(({ alive }, index) => (alive ? [index] : [])),
    take: () => reported.splice(0),
    goLive: async () => {
      relay.start();
      await clock.advance(0);
      open(0);
      reported.length = 0;
    },
  };
}

describe('the current connection', () => {
  it('is connecting, then open', async () => {
    const { relay, clock, open, take } = start();
    relay.start();
    await clock.advance(0);
    expect(relay.state).toEqual({ kind: 'connecting', attempt: 1 });
    expect(relay.openConnections).toBe(0);
    open(0);
    expect(relay.state).toEqual({ kind: 'open' });
    expect(relay.openConnections).toBe(1);
    expect(take()).toEqual(['open 0']);
  });

  it('is opened again after it has ended, with the shortest delay if data has flowed', async () => {
    const { relay, clock, connectionAt, goLive, take, all } = start();
    await goLive();
    connectionAt(0).end('reset');
    await clock.advance(0);
    expect(relay.state).toEqual({ kind: 'waiting', delayMs: 550, reason: 'reset' });
    expect(take()).toEqual(['ended 0: reset, next null']);
    await clock.advance(550);
    relay.flowing();
    connectionAt(1).end('reset');
    await clock.advance(0);
    expect(relay.state).toMatchObject({ kind: 'waiting', delayMs: 550 });
    await clock.advance(550);
    connectionAt(2).end('reset');
    await clock.advance(0);
    expect(relay.state).toMatchObject({ kind: 'waiting', delayMs: 1_100 });
    expect(all).toHaveLength(3);
  });

  it('is waited for if none may be opened', async () => {
    const { relay, clock, all, take } = start({ allows: () => false });
    relay.start();
    await clock.advance(0);
    expect(all).toEqual([]);
    expect(take()).toEqual(['no connection beside null']);
    expect(relay.state).toEqual({ kind: 'waiting', delayMs: 3_000, reason: 'full' });
  });
});

describe('a successor', () => {
  it('takes over when it is reported to, and then the connection before it ends', async () => {
    const { relay, clock, goLive, open, alive, take, connectionAt } = start();
    await goLive();
    relay.replaceNow();
    open(1);
    expect([relay.current, relay.successor]).toEqual([connectionAt(0), connectionAt(1)]);
    expect(relay.openConnections).toBe(2);
    relay.takeOver();
    await clock.advance(0);
    expect(alive()).toEqual([1]);
    expect([relay.current, relay.successor]).toEqual([connectionAt(1), null]);
    expect(relay.state).toEqual({ kind: 'open' });
    expect(take()).toEqual(['open 1']);
  });

  it('takes over after a delay, unless it has done so before', async () => {
    const { relay, clock, goLive, open, alive } = start();
    await goLive();
    relay.replaceNow();
    open(1);
    relay.takeOverAfter(5_000);
    await clock.advance(4_999);
    expect(alive()).toEqual([0, 1]);
    await clock.advance(1);
    expect(alive()).toEqual([1]);
    relay.replaceNow();
    relay.takeOverAfter(5_000);
    relay.takeOver();
    expect(clock.pending).toBe(0);
  });

  it('takes over at once when the current connection ends, whether it is open or not', async () => {
    const { relay, clock, goLive, open, take, connectionAt } = start();
    await goLive();
    relay.replaceNow();
    open(1);
    connectionAt(0).end('reset');
    await clock.advance(0);
    expect(take()).toEqual(['ended 0: reset, next 1', 'open 1']);
    relay.replaceNow();
    connectionAt(1).end('reset');
    await clock.advance(0);
    expect(take()).toEqual(['ended 1: reset, next 2']);
    expect(relay.state).toEqual({ kind: 'connecting', attempt: 1 });
    open(2);
    expect(relay.state).toEqual({ kind: 'open' });
  });

  it('is opened only once at a time', async () => {
    const { relay, clock, goLive, all } = start();
    await goLive();
    relay.replaceNow();
    relay.replaceNow();
    relay.replaceAfter(0);
    await clock.advance(1_000);
    expect(all).toHaveLength(2);
  });

  it('that fails leaves nothing behind, and is tried again with growing delays', async () => {
    const { relay, clock, goLive, connectionAt, take, alive } = start();
    await goLive();
    relay.replaceNow();
    relay.takeOverAfter(60_000);
    for (const [attempt, delayMs] of [550, 1_100, 2_200].entries()) {
      connectionAt(attempt + 1).end('refused');
      await clock.advance(0);
      expect(take()).toEqual([`successor ended ${attempt + 1}: refused`]);
      expect(relay.successor).toBeNull();
      expect(clock.pending).toBe(1);
      await clock.advance(delayMs - 1);
      expect(alive()).toEqual([0]);
      await clock.advance(1);
      expect(alive()).toEqual([0, attempt + 2]);
    }
  });

  it('that failed does not take over when the current connection ends later', async () => {
    const { relay, clock, goLive, connectionAt, take } = start();
    await goLive();
    relay.replaceNow();
    connectionAt(1).end('refused');
    await clock.advance(0);
    connectionAt(0).end('reset');
    await clock.advance(0);
    expect(take().at(-1)).toBe('ended 0: reset, next null');
    expect(relay.state).toMatchObject({ kind: 'waiting', reason: 'reset' });
  });
});

describe('a replacement', () => {
  it('comes at the earliest time that was set, unless it is cancelled', async () => {
    const { relay, clock, goLive, all } = start();
    await goLive();
    relay.replaceAfter(5_000);
    relay.replaceAfter(9_000);
    relay.cancelReplacement();
    await clock.advance(9_000);
    expect(all).toHaveLength(1);
    relay.replaceAfter(9_000);
    relay.replaceAfter(5_000);
    await clock.advance(5_000);
    expect(all).toHaveLength(2);
  });

  it('waits until another connection may be opened', async () => {
    const { relay, clock, goLive, all } = start({ attempts: 1 });
    await goLive();
    relay.replaceNow();
    await clock.advance(59_999);
    expect(all).toHaveLength(1);
    await clock.advance(1);
    expect(all).toHaveLength(2);
  });

  it('is not made if it is no longer needed', async () => {
    let isNeeded = true;
    const { relay, clock, goLive, all } = start({ isReplacementNeeded: () => isNeeded });
    await goLive();
    relay.replaceAfter(1_000);
    isNeeded = false;
    await clock.advance(1_000);
    expect(all).toHaveLength(1);
  });

  it('is reported if the venue allows no second connection', async () => {
    const { relay, goLive, take } = start({ allows: (opened) => opened === 0 });
    await goLive();
    relay.replaceNow();
    expect(relay.successor).toBeNull();
    expect(take()).toEqual(['no connection beside 0']);
  });
});

it('leaves neither connection nor timer behind when it is closed, whatever it was doing', async () => {
  for (const doing of ['connecting', 'open', 'replacing', 'taking over', 'waiting', 'replacing later'] as const) {
    const { relay, clock, goLive, connectionAt, alive, open } = start();
    if (doing === 'connecting') relay.start();
    else await goLive();
    if (doing === 'replacing' || doing === 'taking over') relay.replaceNow();
    if (doing === 'taking over') {
      open(1);
      relay.takeOverAfter(5_000);
    }
    if (doing === 'waiting') connectionAt(0).end('reset');
    if (doing === 'replacing later') relay.replaceAfter(5_000);
    await clock.advance(0);
    await relay.close();
    expect(alive(), doing).toEqual([]);
    expect(clock.pending, doing).toBe(0);
    expect([relay.current, relay.successor], doing).toEqual([null, null]);
    expect(relay.openConnections, doing).toBe(0);
  }
});
