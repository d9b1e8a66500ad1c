import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { BOOK, CANDLE, TICK, TRADE, startBinanceBroker } from '../support/startBinanceBroker.ts';
import { waitFor } from '../support/waitFor.ts';

function expectConsecutive(ids: readonly number[]): void {
  const [first = 0] = ids;
  expect(ids).toEqual(ids.map((_, index) => first + index));
}

describe('the Binance broker and its venue', () => {
  it('carries all four types of data, digit for digit', async () => {
    await using gateway = await startBinanceBroker([TICK, TRADE, BOOK, CANDLE]);
    await gateway.waitForState('live', TICK, TRADE, CANDLE);
    const market = gateway.venue.market('BTCUSDT');
    market.trade('43250.10000000', '0.00120000', { buyerIsMaker: true });
    market.tick({ bid: ['43250.00000000', '1.00000000'], ask: ['43250.20000000', '2.00000000'] });
    market.depth();
    market.kline('1m');
    await waitFor(() => [TICK, TRADE, CANDLE].every((feed) => gateway.events(feed).length > 0));
    await gateway.waitForState('live', BOOK);
    expect(gateway.events(TRADE)[0]).toMatchObject({
      type: 'trade',
      price: '43250.10000000',
      size: '0.00120000',
      side: 'sell',
    });
    expect(gateway.events(TICK).at(-1)).toMatchObject({
      bid: '43250.00000000',
      ask: '43250.20000000',
      mid: '43250.1',
      spread: '0.2',
    });
    await gateway.waitForOracle();
  });

  it('reconnects after the venue closed the connection, and misses no trade', async () => {
    await using gateway = await startBinanceBroker([TRADE, TICK]);
    await gateway.waitForState('live', TRADE);
    const market = gateway.venue.market('BTCUSDT');
    market.trade();
    await waitFor(() => gateway.tradeIds().length === 1);
    await gateway.venue.faults.hangUp();
    for (let count = 0; count < 5; count += 1) market.trade();
    await waitFor(() => gateway.tradeIds().length === 6);
    await gateway.waitForState('live', TRADE, TICK);
    market.trade();
    await waitFor(() => gateway.tradeIds().length === 7);
    expectConsecutive(gateway.tradeIds());
    expect(gateway.gaps(TRADE)).toEqual([]);
    expect(gateway.conditions(TRADE).map(({ kind }) => kind)).toContain('recovering');
  });

  it('discards half a frame together with the connection that it came over', async () => {
    await using gateway = await startBinanceBroker([TRADE, BOOK]);
    await gateway.waitForState('live', TRADE);
    const market = gateway.venue.market('BTCUSDT');
    market.trade();
    market.depth();
    await waitFor(() => gateway.tradeIds().length === 1);
    await gateway.venue.faults.resetInMidFrame();
    market.trade();
    market.depth();
    await gateway.clock.hurryUntil(() => gateway.tradeIds().length === 2, 'the trade of the next connection');
    await gateway.clock.hurryUntil(() => gateway.state(BOOK) === 'live', 'the book to be live');
    market.depth();
    await gateway.waitForOracle();
    expectConsecutive(gateway.tradeIds());
    const { values } = await gateway.metrics.invalidMessages.get();
    expect(values).toEqual([]);
  });

  it('reports which trades the venue no longer has', async () => {
    await using gateway = await startBinanceBroker([TRADE]);
    await gateway.waitForState('live', TRADE);
    const market = gateway.venue.market('BTCUSDT');
    market.trade();
    await waitFor(() => gateway.tradeIds().length === 1);
    await gateway.venue.faults.hangUp();
    market.trade('43250.1', '0.01', { fills: 1_500 });
    await waitFor(() => gateway.gaps(TRADE).length > 0);
    await waitFor(() => gateway.tradeIds().length === 1_001);
    const first = gateway.tradeIds()[0] ?? 0;
    const reason = `500 trades of BTCUSDT are missing: ids ${first + 1} to ${first + 500}.`;
    const [streamed, next] = gateway.events(TRADE);
    expect(gateway.gaps(TRADE)).toEqual([{ kind: 'gap', reason, to: next?.time }]);
    expect([streamed, next]).toMatchObject([{ backfilled: false }, { backfilled: true }]);
    expectConsecutive(gateway.tradeIds().slice(1));
  });

  it('notices a connection that is open and silent', async () => {
    await using gateway = await startBinanceBroker([TICK], { staleAfterMs: 600 });
    await gateway.waitForState('live', TICK);
    const running = gateway.venue.run({ everyMs: 20 });
    await waitFor(() => gateway.events(TICK).length > 20);
    gateway.venue.faults.silenceOpenSockets();
    await gateway.clock.hurryUntil(() => gateway.state(TICK) === 'stale', 'the feed to be stale');
    await gateway.venue.faults.hangUp();
    await gateway.waitForState('live', TICK);
    running[Symbol.dispose]();
  });

  it('changes connections without a gap and without a duplicate when a server goes down', async () => {
    await using gateway = await startBinanceBroker([TRADE, TICK, BOOK, CANDLE]);
    await gateway.waitForState('live', TRADE, TICK);
    const running = gateway.venue.run({ everyMs: 5 });
    await waitFor(() => gateway.tradeIds().length > 20);
    await gateway.waitForState('live', BOOK);
    const before = gateway.conditions(TRADE).length;
    const [old] = gateway.venue.sockets;
    gateway.venue.faults.serverShutdown();
    await waitFor(() => old?.open === false, 'the end of the old connection');
    const seen = gateway.tradeIds().length;
    await waitFor(() => gateway.tradeIds().length > seen + 20);
    running[Symbol.dispose]();
    gateway.venue.market('BTCUSDT').depth();
    await gateway.waitForOracle();
    expectConsecutive(gateway.tradeIds());
    expect(gateway.venue.handshakes).toBe(2);
    expect(gateway.conditions(TRADE)).toHaveLength(before);
    expect(gateway.events(BOOK).filter((event) => 'kind' in event && event.kind === 'snapshot')).toHaveLength(1);
  });

  it('changes connections by itself in time, again and again', async () => {
    await using gateway = await startBinanceBroker([TRADE], {
      broker: { connectionLifetimeMs: 1_000 },
      venue: { socket: { lifetimeMs: 10_000 } },
    });
    await gateway.waitForState('live', TRADE);
    const running = gateway.venue.run({ everyMs: 5 });
    await gateway.clock.hurryUntil(() => gateway.venue.handshakes >= 3, 'three connections');
    running[Symbol.dispose]();
    expectConsecutive(gateway.tradeIds());
    expect(gateway.conditions(TRADE).map(({ kind }) => kind)).toEqual(['recovering', 'live']);
  });

  it.each(['natural', 'exact', 'straddle'] as const)(
    'begins a book if the alignment of its snapshot and diffs is %s',
    async (alignment) => {
      await using gateway = await startBinanceBroker([BOOK]);
      gateway.venue.faults.snapshotAlignment('BTCUSDT', alignment);
      const running = gateway.venue.run({ everyMs: 10 });
      await gateway.waitForState('live', BOOK);
      running[Symbol.dispose]();
      gateway.venue.market('BTCUSDT').depth();
      await gateway.waitForOracle();
      expect(gateway.venue.requests.filter(({ path }) => path.includes('depth'))).toHaveLength(1);
    },
  );

  it('reports that a book is out of step, and rebuilds it', async () => {
    await using gateway = await startBinanceBroker([BOOK]);
    const market = gateway.venue.market('BTCUSDT');
    await gateway.venue.waitForSubscription('btcusdt@depth@100ms');
    market.depth();
    await gateway.waitForState('live', BOOK);
    gateway.venue.faults.skipDiff('BTCUSDT');
    market.depth();
    market.depth();
    await waitFor(() => gateway.conditions(BOOK).filter(({ kind }) => kind === 'live').length === 2);
    market.depth();
    await gateway.waitForOracle();
    expect(
      gateway
        .conditions(BOOK)
        .map(({ kind }) => kind)
        .slice(-3),
    ).toEqual(['live', 'recovering', 'live']);
  });

  it('never applies a snapshot that is older than its diffs', async () => {
    await using gateway = await startBinanceBroker([]);
    await waitFor(() => gateway.venue.sockets.length === 1);
    gateway.venue.faults.snapshotLag('BTCUSDT', 2);
    gateway.broker.setWanted(new Set([BOOK]));
    await gateway.venue.waitForSubscription('btcusdt@depth@100ms');
    const market = gateway.venue.market('BTCUSDT');
    market.depth();
    await gateway.waitForState('live', BOOK);
    market.depth();
    await gateway.waitForOracle();
    expect(gateway.venue.requests.filter(({ path }) => path.includes('depth'))).toHaveLength(3);
  });

  it('ends with the right book if diffs come twice, overlap or change places', async () => {
    await using gateway = await startBinanceBroker([BOOK]);
    const market = gateway.venue.market('BTCUSDT');
    await gateway.venue.waitForSubscription('btcusdt@depth@100ms');
    market.depth();
    await gateway.waitForState('live', BOOK);
    const { faults } = gateway.venue;
    faults.duplicateDiff('BTCUSDT');
    market.depth();
    faults.overlapDiff('BTCUSDT');
    market.depth();
    await gateway.waitForOracle();
    expect(gateway.state(BOOK)).toBe('live');
    faults.swapDiffs('BTCUSDT');
    market.depth();
    market.depth();
    market.depth();
    await gateway.waitForOracle();
    await gateway.waitForState('live', BOOK);
  });

  it('drops malformed frames, counts them, and keeps the connection', async () => {
    await using gateway = await startBinanceBroker([TRADE, TICK]);
    await gateway.waitForState('live', TRADE, TICK);
    const { faults } = gateway.venue;
    const base = { e: 'trade', E: 1, s: 'BTCUSDT', t: 1, p: '1', q: '1', T: 1, m: true };
    const payloads = [
      { ...base, p: 'NaN' },
      { ...base, p: '-1' },
      { ...base, p: '1e308' },
      { ...base, q: `1.${'0'.repeat(60)}` },
      {},
    ];
    for (const payload of payloads) faults.malformedPayload('btcusdt@trade', JSON.stringify(payload));
    for (const frame of ['{', 'null', '[1]', '{"stream":"x","data":{}}', '\u0000', Buffer.from([1, 2])])
      faults.malformed(frame);
    gateway.venue.market('BTCUSDT').trade();
    await waitFor(() => gateway.tradeIds().length === 1);
    const { values } = await gateway.metrics.invalidMessages.get();
    expect(values).toMatchObject([{ labels: { source: 'binance' }, value: 11 }]);
    expect(gateway.venue.handshakes).toBe(1);
  });

  it('closes a connection on which a frame is too large, and reconnects', async () => {
    await using gateway = await startBinanceBroker([TRADE]);
    await gateway.waitForState('live', TRADE);
    gateway.venue.faults.malformed('x'.repeat(5 * 1024 * 1024));
    await waitFor(() => gateway.venue.handshakes === 2);
    await gateway.waitForState('live', TRADE);
  });

  it('waits out refusals of every kind, and then begins by itself', async () => {
    await using gateway = await startBinanceBroker([TRADE]);
    await gateway.waitForState('live', TRADE);
    const { faults } = gateway.venue;
    faults.refuseConnections = true;
    await faults.hangUp();
    await waitFor(() => gateway.statuses.filter(({ kind }) => kind === 'waiting').length >= 2);
    faults.refuseConnections = false;
    faults.handshakeStatus = 503;
    const before = gateway.venue.handshakes;
    await waitFor(() => gateway.venue.handshakes > before);
    faults.handshakeStatus = null;
    await gateway.waitForState('live', TRADE);
    expect(gateway.statuses.at(-1)?.kind).toBe('connected');
  });

  it('begins a book after the end of a ban, without a request in between', async () => {
    await using gateway = await startBinanceBroker([]);
    await gateway.broker.catalogTried;
    gateway.venue.faults.rest.nextStatus(418, { retryAfterSeconds: 1 });
    gateway.broker.setWanted(new Set([BOOK]));
    await gateway.venue.waitForSubscription('btcusdt@depth@100ms');
    const market = gateway.venue.market('BTCUSDT');
    market.depth();
    await gateway.clock.hurryUntil(() => gateway.state(BOOK) === 'live', 'the book to be live');
    const asked = gateway.venue.requests.filter(({ path }) => path.includes('depth'));
    expect(asked).toHaveLength(2);
    market.depth();
    await gateway.waitForOracle();
  });

  it('subscribes 1500 streams over two sockets within the limit of control frames', async () => {
    const wanted = Array.from({ length: 1_500 }, (_, index) => feedOf(`GEN${index + 1}USDT`, 'tick'));
    await using gateway = await startBinanceBroker(wanted, { venue: { generatedSymbols: 1_500 } });
    await gateway.waitForState('live', ...wanted);
    expect(gateway.venue.sockets.map(({ streams }) => streams.size).toSorted((a, b) => a - b)).toEqual([700, 800]);
    expect(gateway.venue.handshakes).toBe(2);
    for (const { id } of gateway.venue.sockets) {
      const times = gateway.venue.controlFrames.filter(({ socket }) => socket === id).map(({ atMs }) => atMs);
      for (const at of times)
        expect(times.filter((other) => other >= at && other < at + 1_000).length).toBeLessThanOrEqual(5);
    }
  });

  it('is not confused by data before the reply to a subscription, or after its end', async () => {
    await using gateway = await startBinanceBroker([]);
    gateway.venue.faults.dataBeforeAck = true;
    gateway.venue.faults.dataAfterUnsubscribe = true;
    gateway.broker.setWanted(new Set([TRADE, TICK, BOOK]));
    await gateway.waitForState('live', TRADE, TICK, BOOK);
    gateway.broker.setWanted(new Set());
    await gateway.venue.waitForUnsubscription('btcusdt@trade');
    gateway.broker.setWanted(new Set([TRADE]));
    await gateway.venue.waitForSubscription('btcusdt@trade');
    const seen = gateway.tradeIds().length;
    gateway.venue.market('BTCUSDT').trade();
    await waitFor(() => gateway.tradeIds().length > seen);
    const { values } = await gateway.metrics.invalidMessages.get();
    expect(values).toEqual([]);
  });

  it('leaves no socket behind when it is closed', async () => {
    await using gateway = await startBinanceBroker([TRADE, BOOK, CANDLE]);
    await gateway.waitForState('live', TRADE);
    await gateway.broker.close();
    await waitFor(() => gateway.venue.sockets.length === 0);
    expect(gateway.statuses.at(-1)).toEqual({ kind: 'closed' });
  });
});
