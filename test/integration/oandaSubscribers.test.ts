import { describe, expect, it } from 'vitest';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { FeedAuditor } from '../support/FeedAuditor.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
const FEED = { broker: 'oanda', symbol: 'EUR_USD', types: ['tick', 'orderbook'] } as const;

/** An account that serves everybody, a busy market, and an auditor over each protocol. */
async function start(stack: AsyncDisposableStack) {
  const venue = stack.use(
    await StandInOanda.start({
      accounts: [ACCOUNT],
      windowMs: 0,
      heartbeatMs: 50,
      limits: { connectionsPerSecond: 1_000, requestsPerSecond: 10_000 },
    }),
  );
  const { id: accountId, token } = ACCOUNT;
  const oanda = { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl, token, accountId };
  const feeds = { reconnect: { baseMs: 20, maxMs: 100 } };
  const gateway: MarketDataServer = stack.use(await startGateway({ config: { brokers: { oanda }, feeds } }));
  const auditors = [
    stack.use(await FeedAuditor.raw(gateway, FEED)),
    stack.use(await FeedAuditor.graphql(gateway, FEED)),
  ];
  await venue.waitForStream(ACCOUNT.id, ['EUR_USD']);
  const tick = async (count: number): Promise<void> => {
    for (let made = 0; made < count; made += 1) {
      venue.market('EUR_USD').tick();
      if (made % 5 === 0) await new Promise(setImmediate);
    }
  };
  const untilNewest = (): Promise<unknown> =>
    waitFor(() => {
      const bid = venue.lastPrice(ACCOUNT.id, 'EUR_USD')?.bids?.[0]?.price;
      return auditors.every((auditor) => auditor.of('tick').at(-1)?.bid === bid);
    }, 'the newest price');
  await tick(20);
  await untilNewest();
  return { venue, gateway, auditors, tick, untilNewest };
}

describe('subscribers of both protocols', () => {
  it('notice nothing when others want more instruments: the next stream is there before the one before it ends', async () => {
    await using stack = new AsyncDisposableStack();
    const { venue, gateway, auditors, tick, untilNewest } = await start(stack);
    const states = auditors.map((auditor) => auditor.of('status').length);
    const ticks = auditors.map((auditor) => auditor.of('tick').length);
    let made = 0;
    for (const symbol of ['USD_JPY', 'GBP_USD']) {
      const other = stack.use(await RawClient.connect(gateway.urls.raw));
      await other.subscribe('oanda', [symbol], ['tick']);
      await waitFor(async () => {
        await tick(1);
        made += 1;
        const [only, ...more] = venue.streamsOf(ACCOUNT.id);
        return more.length === 0 && only?.has(symbol) === true;
      }, 'one stream with all instruments');
    }
    await untilNewest();
    for (const [at, auditor] of auditors.entries()) {
      auditor.check();
      expect(auditor.of('tick').length - (ticks[at] ?? 0)).toBe(made);
      expect(auditor.of('status').length).toBe(states[at]);
    }
    expect(venue.mostStreams(ACCOUNT.id)).toBe(2);
  });

  it.each(['end', 'drop', 'reset'] as const)(
    'are told when the stream is lost (%s), and have the newest price after it',
    async (how) => {
      await using stack = new AsyncDisposableStack();
      const { venue, auditors, tick, untilNewest } = await start(stack);
      await venue.faults.hangUp(how);
      await waitFor(() => auditors.every(({ states }) => states.includes('recovering')), 'the loss');
      await waitFor(() => auditors.every(({ state }) => state === 'live'), 'the next stream');
      await tick(20);
      await untilNewest();
      for (const auditor of auditors) {
        auditor.check();
        expect(auditor.states.slice(-2)).toEqual(['recovering', 'live']);
      }
    },
  );
});
