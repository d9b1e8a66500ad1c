import { describe, expect, it } from 'vitest';
import { FAULT_LENGTHS_MS } from '../../../../src/market/mockFault.ts';
import type { FaultKind, ProvokedFault } from '../../../../src/market/mockFault.ts';
import { fault, story, watchful } from './faulty.ts';
import { BINANCE, feed, OANDA, Recorder } from './recorder.ts';

const KINDS = Object.keys(FAULT_LENGTHS_MS) as FaultKind[];
const FEEDS = [
  feed('BTCUSDT', 'tick'),
  feed('BTCUSDT', 'trade'),
  feed('BTCUSDT', 'orderbook'),
  feed('BTCUSDT', 'candle', '1s'),
  feed('ETHUSDT', 'trade'),
];
const BEGIN_MS = 5_050;

function provoked(kind: FaultKind, overrides: Partial<ProvokedFault> = {}): ProvokedFault {
  return { kind, forMs: FAULT_LENGTHS_MS[kind], symbols: null, ...overrides };
}

describe('a fault that is provoked', () => {
  it.each(KINDS.flatMap((kind) => [[kind, null] as const, [kind, ['BTCUSDT']] as const]))(
    'is, event by event, the one that is planned for that time: %s of %j',
    async (kind, symbols) => {
      const forMs = 12_000;
      const planned = { ...BINANCE, faults: [fault(kind, { afterMs: BEGIN_MS, forMs, symbols })] };
      await using calm = watchful(BINANCE, ...FEEDS);
      await using expected = watchful(planned, ...FEEDS);
      await using mock = watchful(BINANCE, ...FEEDS);
      await mock.clock.advance(BEGIN_MS);
      await mock.broker.provoke(provoked(kind, { forMs, symbols }));
      await mock.clock.advance(20_000);
      await expected.clock.advance(BEGIN_MS + 20_000);
      await calm.clock.advance(BEGIN_MS + 20_000);
      expect(mock.timeline).toEqual(expected.timeline);
      expect(mock.catalogs).toEqual(expected.catalogs);
      if (kind !== 'duplicate' && kind !== 'outOfOrder') expect(mock.timeline).not.toEqual(calm.timeline);
    },
  );

  it('begins although the schedule has just been obeyed, and comes on top of the planned ones', async () => {
    const planned = fault('disconnect', { afterMs: 5_000, forMs: 2_000, symbols: ['ETHUSDT'] });
    await using mock = watchful({ ...BINANCE, faults: [planned] }, ...FEEDS);
    await mock.clock.advance(5_000);
    await mock.broker.provoke(provoked('disconnect', { forMs: 1_000 }));
    expect(mock.statuses.map(({ kind }) => kind)).toEqual(['connected', 'degraded', 'waiting']);
    await mock.clock.advance(1_000);
    expect(mock.statuses.at(-1)).toMatchObject({ kind: 'degraded' });
    await mock.clock.advance(1_000);
    expect(mock.statuses.at(-1)).toEqual({ kind: 'connected' });
  });

  it('and is over before the next message happens to that one, in a slow market too', async () => {
    const trade = feed('BTCUSDT', 'trade');
    await using mock = watchful({ ...BINANCE, ticksPerSecond: 0.1 }, trade);
    await mock.clock.advance(30_500);
    await mock.broker.provoke(provoked('gap', { forMs: 1 }));
    await mock.clock.advance(2_000);
    await mock.broker.provoke(provoked('duplicate', { forMs: 1 }));
    await mock.clock.advance(30_000);
    expect(story(mock, trade)).toEqual(['live', 'events', 'gap', 'events']);
  });

  it('may be one of 32 at a time; the next one is refused, and told when to come again', async () => {
    await using mock = watchful(BINANCE, ...FEEDS);
    await mock.clock.advance(1_000);
    await mock.broker.provoke(provoked('duplicate', { forMs: 700 }));
    for (let n = 1; n < 32; n += 1) await mock.broker.provoke(provoked('duplicate', { forMs: 60_000 }));
    await mock.clock.advance(200);
    await expect(mock.broker.provoke(provoked('halt'))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { retryAfterMs: 500 },
    });
    await mock.clock.advance(500);
    await mock.broker.provoke(provoked('halt'));
    expect(story(mock, FEEDS[0] ?? feed('', 'tick')).at(-1)).toBe('closed');
  });

  it('leaves nothing behind, however many there were', async () => {
    await using mock = watchful(BINANCE, ...FEEDS);
    for (let n = 0; n < 500; n += 1) {
      await mock.broker.provoke(provoked('halt', { forMs: 10 }));
      await mock.clock.advance(20);
    }
    const before = mock.conditions.length;
    await mock.clock.advance(5_000);
    expect(mock.conditions).toHaveLength(before);
    expect(mock.conditions.at(-1)).toMatchObject({ condition: { kind: 'live' } });
  });

  it('of a symbol that is not listed is none at all', async () => {
    await using mock = Recorder.started(OANDA, feed('EUR_USD', 'tick'));
    await mock.clock.advance(1_000);
    const symbols = ['EUR_USD', 'XRPUSDT'];
    await expect(mock.broker.provoke(provoked('halt', { symbols }))).rejects.toMatchObject({
      code: 'UNKNOWN_SYMBOL',
      details: { symbols: ['XRPUSDT'] },
    });
    await mock.clock.advance(1_000);
    expect(mock.conditions.map(({ condition }) => condition.kind)).toEqual(['live']);
  });

  it('comes neither before the start nor after the end', async () => {
    const mock = new Recorder(BINANCE);
    await expect(mock.broker.provoke(provoked('halt'))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    mock.broker.start();
    await mock.broker.close();
    await expect(mock.broker.provoke(provoked('halt'))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });
});
