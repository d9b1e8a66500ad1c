import { describe, expect, it } from 'vitest';
import type { BrokerManager } from '../../../src/core/BrokerManager.ts';
import { NO_ACCESS } from '../../../src/core/subscription.ts';
import type { BrokerInfo } from '../../../src/core/brokerInfo.ts';
import { BrokerChanges } from '../../../src/graphql/BrokerChanges.ts';

/** A manager that tells its watchers what a test says. */
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
    tell: (id: string, state: string) => {
      for (const watcher of watchers) watcher({ id, state } as BrokerInfo);
    },
    next: async () => {
      const { value } = await iterator.next();
      return value === undefined ? null : `${value.id} ${value.state}`;
    },
  };
}

describe('BrokerChanges', () => {
  it('keeps of each broker only the newest for a client that lags', async () => {
    const { tell, next } = setUp(null);
    tell('a', 'connecting');
    tell('b', 'connecting');
    tell('a', 'connected');
    expect([await next(), await next()]).toEqual(['a connected', 'b connecting']);
  });

  it('tells a waiting client of the broker that it named, and of no other', async () => {
    const { tell, next } = setUp('b');
    const waiting = next();
    tell('a', 'connected');
    tell('b', 'degraded');
    expect(await waiting).toBe('b degraded');
  });

  it('watches nobody any more once it is left', async () => {
    const { iterator, watchers, closes, next } = setUp(null);
    const waiting = next();
    await iterator.return?.();
    expect(await waiting).toBeNull();
    expect([watchers.size, closes()]).toEqual([0, 1]);
  });
});
