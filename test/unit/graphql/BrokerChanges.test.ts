import { describe, expect, it } from 'vitest';
import type { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { NO_ACCESS } from '../../../src/core/subscription.ts';
import type { BrokerInfo } from '../../../src/core/brokerInfo.ts';
import { BrokerChanges } from '../../../src/graphql/BrokerChanges.ts';

/** A manager that notifies its watchers when the test says so. */
function setUp(broker: string | null) {
  const watchers = new Set<(info: BrokerInfo) => void>();
  const watch: BrokerManager['watch'] = (_access, watcher) => {
    watchers.add(watcher);
    return { [Symbol.dispose]: () => void watchers.delete(watcher) };
  };
  let closes = 0;
  const changes = new BrokerChanges({
    manager: { watch },
    access: NO_ACCESS,
    broker,
    onClose: () => (closes += 1),
  });
  const iterator = changes[Symbol.asyncIterator]();
  return {
    iterator,
    watchers,
    closes: () => closes,
    change: (id: string, state: string) => {
      for (const watcher of watchers) watcher({ id, state } as BrokerInfo);
    },
    next: async () => {
      const { value } = await iterator.next();
      return value === undefined ? null : `${value.id} ${value.state}`;
    },
  };
}

describe('BrokerChanges', () => {
  it('keeps only the newest change of each broker for a client that is behind', async () => {
    const { change, next } = setUp(null);
    change('a', 'connecting');
    change('b', 'connecting');
    change('a', 'connected');
    expect([await next(), await next()]).toEqual(['a connected', 'b connecting']);
  });

  it('notifies a waiting client of the broker that it named, and of no other', async () => {
    const { change, next } = setUp('b');
    const waiting = next();
    change('a', 'connected');
    change('b', 'degraded');
    expect(await waiting).toBe('b degraded');
  });

  it('watches no broker once its iterator has ended', async () => {
    const { iterator, watchers, closes, next } = setUp(null);
    const waiting = next();
    await iterator.return?.();
    expect(await waiting).toBeNull();
    expect([watchers.size, closes()]).toEqual([0, 1]);
  });
});
