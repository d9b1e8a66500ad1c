import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { waitFor } from '../support/waitFor.ts';
import type { Ending } from '../venues/oanda/StandInStream.ts';
import type { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const TICK = feedOf('EUR_USD', 'tick');
const BOOK = feedOf('EUR_USD', 'orderbook');
const MINUTE = feedOf('EUR_USD', 'candle', '1m');

/** For a clock that is faster than the venue's. */
const FAST = { heartbeatMs: 20, limits: { connectionsPerSecond: 1_000, requestsPerSecond: 10_000 } };

/** The ways in which a stream ends. */
const ENDS: readonly (readonly [string, (venue: StandInOanda) => Promise<void>])[] = [
  ...(['end', 'drop', 'reset'] as const satisfies readonly Ending[]).map(
    (how) => [`ends it (${how})`, (venue: StandInOanda) => venue.faults.hangUp(how)] as const,
  ),
  ['ends it in the middle of a line', (venue) => venue.faults.endInMidLine('reset')],
  ['ends it in the middle of a character', (venue) => venue.faults.endInMidCharacter()],
  ['ends it in the header of a chunk', (venue) => venue.faults.endInChunkHeader()],
];

describe('a stream of OANDA that is lost', () => {
  it.each(ENDS)('is opened anew, once, when the venue %s', async (_name, end) => {
    // The venue's limit on new connections is not the matter here: what was spread over a second may arrive within less.
    await using gateway = await startOandaBroker([TICK, BOOK], { venue: FAST });
    await gateway.waitForState('live', TICK, BOOK);
    await end(gateway.venue);
    await gateway.clock.hurryUntil(() => gateway.conditions(TICK).length >= 3, 'the loss and a new stream');
    await gateway.waitForState('live', TICK, BOOK);
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await waitFor(() => gateway.ticks(TICK).at(-1)?.bid === '1.08000');
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toEqual(['live', 'recovering', 'live']);
    expect(gateway.venue.streamAttempts()).toBe(2);
    expect((await gateway.metrics.reconnects.get()).values).toMatchObject([{ value: 1 }]);
    const told = gateway.ticks(TICK).map(({ time }) => time);
    expect(new Set(told).size).toBe(told.length);
  });

  it('is opened anew when it is open and dead (F3), and nobody has to end it', async () => {
    const clock = new FakeClock(Date.now());
    await using gateway = await startOandaBroker([TICK], { clock, venue: FAST });
    const pass = (fact: () => boolean, what: string): Promise<true> => clock.advanceUntil(100, () => fact(), what);
    await pass(() => gateway.state(TICK) === 'live', 'a live feed');
    gateway.venue.faults.silenceOpenStreams();
    const reason = 'Nothing came over the connection for too long.';
    await pass(
      () => gateway.conditions(TICK).some((condition) => 'reason' in condition && condition.reason === reason),
      'the loss',
    );
    await pass(() => gateway.state(TICK) === 'live', 'the new stream');
    await gateway.venue.waitForStreams(ACCOUNT.id, 1);
  });

  it.each([
    ['an outage', { status: 502, html: true }],
    ['a page with success', { status: 200, html: true }],
    ['a page of a firewall', { status: 403, html: true }],
    ['an order to wait', { status: 429 }],
    ['nothing', null],
  ])('is opened anew after %s', async (_name, reply) => {
    await using gateway = await startOandaBroker([TICK], {
      before: ({ faults }) => {
        if (reply === null) faults.opening.nextReset({ times: 2 });
        else faults.opening.nextReply(reply.status, { ...reply, times: 2 });
      },
    });
    await gateway.waitForState('live', TICK);
    expect(gateway.venue.streamAttempts()).toBe(3);
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toContain('recovering');
    expect(gateway.statuses.map(({ kind }) => kind)).toContain('waiting');
  });

  it('is not asked for before the venue wants to be asked (F13)', async () => {
    await using gateway = await startOandaBroker([TICK], {
      before: ({ faults }) => {
        faults.opening.nextReply(429, { retryAfterSeconds: 2 });
      },
    });
    await gateway.waitForState('live', TICK);
    const [first, second] = gateway.venue.requests.filter(({ host }) => host === 'stream');
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(1_990);
  });

  it('waits for a venue that is not there, says so, and begins by itself', async () => {
    await using gateway = await startOandaBroker([TICK, MINUTE], {
      before: ({ faults }) => {
        faults.refuseConnections = true;
      },
    });
    await gateway.waitForState('recovering', TICK, MINUTE);
    expect(gateway.statuses.at(-1)).toMatchObject({ kind: 'waiting', reason: "Broker oanda can't reach its venue." });
    const asked = gateway.clock.hurry(gateway.broker.fetchTick('EUR_USD'));
    await expect(asked).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    gateway.venue.faults.refuseConnections = false;
    await gateway.waitForState('live', TICK, MINUTE);
  });

  it('takes nothing that is malformed, counts it, and goes on', async () => {
    await using gateway = await startOandaBroker([TICK]);
    await gateway.waitForState('live', TICK);
    gateway.venue.faults.unknownType();
    gateway.venue.faults.malformed('oops\n');
    gateway.venue.faults.malformed(Buffer.from([0xff, 0xfe, 0x0a]));
    gateway.venue.faults.malformed('{"type":"PRICE","instrument":"EUR_USD","time":"soon"}\n');
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    await waitFor(() => gateway.ticks(TICK).at(-1)?.bid === '1.08000');
    expect((await gateway.metrics.invalidMessages.get()).values).toMatchObject([{ value: 3 }]);
    expect(gateway.venue.streamAttempts()).toBe(1);
  });

  it('tells no price again, and none that is older', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK]);
    await gateway.waitForState('live', TICK, BOOK);
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08000' });
    gateway.venue.faults.repeatPrice(ACCOUNT.id, 'EUR_USD');
    gateway.venue.faults.olderPrice(ACCOUNT.id, 'EUR_USD');
    gateway.venue.price(ACCOUNT.id, 'EUR_USD', { bid: '1.08001' });
    await waitFor(() => gateway.ticks(TICK).at(-1)?.bid === '1.08001');
    expect(gateway.ticks(TICK)).toHaveLength(3);
    expect(gateway.books(BOOK)).toHaveLength(3);
  });
});

describe('a closed market', () => {
  it('is told as closed, needs no reconnect, and is live again when it opens', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, MINUTE], { venue: { heartbeatMs: 50 } });
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    gateway.venue.closeMarkets();
    await gateway.waitForState('closed', TICK, BOOK, MINUTE);
    const [stream] = gateway.venue.streams;
    const before = stream?.heartbeatsSent ?? 0;
    await gateway.clock.hurryUntil(() => (stream?.heartbeatsSent ?? 0) > before + 20, 'twenty heartbeats');
    expect(gateway.venue.streamAttempts()).toBe(1);
    gateway.venue.openMarkets();
    await gateway.waitForState('live', TICK, BOOK);
    expect(gateway.conditions(TICK).map(({ kind }) => kind)).toEqual(['live', 'closed', 'live']);
  });

  it('shows its last price, however old, to those who come', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK], {
      before: (venue) => {
        venue.closeMarkets({ atMs: Date.now() - 3 * 86_400_000 });
      },
    });
    await gateway.waitForState('closed', TICK, BOOK);
    expect(gateway.ticks(TICK)).toHaveLength(1);
    expect(gateway.statuses.at(-1)).toEqual({ kind: 'connected' });
  });
});

describe('instruments', () => {
  it('that the account is not offered are told so, never asked for, and harm no other', async () => {
    const unknown = feedOf('NO_SUCH', 'tick');
    await using gateway = await startOandaBroker([TICK, unknown, feedOf('EUR_USD', 'trade')]);
    await gateway.waitForState('live', TICK);
    expect(gateway.conditions(unknown)).toMatchObject([{ kind: 'closed' }]);
    expect(gateway.venue.requests.some(({ url }) => url.includes('NO_SUCH'))).toBe(false);
  });

  it('that the venue lists and refuses all the same are found, and left out', async () => {
    const gone = feedOf('XAG_JPY', 'tick');
    await using gateway = await startOandaBroker([TICK]);
    await gateway.waitForState('live', TICK);
    gateway.venue.unlist('XAG_JPY');
    const gold = feedOf('XAU_USD', 'tick');
    gateway.want(TICK, gone, gold);
    await gateway.waitForState('closed', gone);
    await gateway.waitForState('live', TICK, gold);
    expect(gateway.conditions(TICK)).toEqual([{ kind: 'live' }]);
  });
});

describe('the end of an OANDA broker', () => {
  it('leaves no stream, no connection and no budget behind, whatever it was doing', async () => {
    const clock = new FakeClock(Date.now());
    await using gateway = await startOandaBroker([TICK, BOOK, MINUTE], { clock, venue: FAST });
    await waitFor(() => {
      void clock.advance(20);
      return gateway.state(MINUTE) === 'live';
    });
    gateway.want(TICK, feedOf('USD_JPY', 'candle', '5s'));
    gateway.venue.faults.rest.hold = true;
    const asked = gateway.broker.fetchTick('EUR_USD');
    const refused = expect(asked).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await clock.advance(100);
    await Promise.all([gateway.broker.close(), gateway.broker.close()]);
    await refused;
    await gateway.venue.waitForStreams(ACCOUNT.id, 0);
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
    expect(gateway.budgets.size).toBe(0);
    expect(gateway.statuses.at(-1)).toEqual({ kind: 'closed' });
    const told = gateway.told.length;
    gateway.want(TICK);
    await clock.advance(1_000);
    expect(gateway.told).toHaveLength(told);
    expect((await gateway.metrics.upstreamConnections.get()).values).toMatchObject([{ value: 0 }]);
  });

  it('before it was started is the end all the same', async () => {
    const clock = new FakeClock();
    await using gateway = await startOandaBroker([], { clock });
    await gateway.broker.close();
    await gateway.broker.catalogTried;
    expect(clock.pending).toBe(0);
  });
});
