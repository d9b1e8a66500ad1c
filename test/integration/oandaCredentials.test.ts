import { describe, expect, it } from 'vitest';
import { feedOf } from '../support/BrokerRecord.ts';
import { ACCOUNT, OTHER_ACCOUNT, startOandaBroker } from '../support/startOandaBroker.ts';
import { RawClient } from '../support/RawClient.ts';
import { SkippableClock } from '../support/SkippableClock.ts';
import { startGateway } from '../support/startGateway.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const TICK = feedOf('EUR_USD', 'tick');
const BOOK = feedOf('EUR_USD', 'orderbook');
const MINUTE = feedOf('EUR_USD', 'candle', '1m');

describe('credentials', () => {
  const OF_ANOTHER = '/v3/of-another-client';
  const own = ({ requests }: StandInOanda) => requests.filter(({ path }) => path !== OF_ANOTHER);
  const stopped = async (gateway: Awaited<ReturnType<typeof startOandaBroker>>, word: string): Promise<void> => {
    await gateway.clock.hurryUntil(() => gateway.statuses.at(-1)?.kind === 'degraded', 'the refusal');
    expect(gateway.statuses.at(-1)).toMatchObject({ reason: expect.stringContaining(word) as string });
    expect(gateway.conditions(TICK).at(-1)).toMatchObject({
      kind: 'recovering',
      reason: expect.stringContaining(word) as string,
    });
    const asked = own(gateway.venue).length;
    const failure = { code: 'BROKER_AUTHENTICATION_FAILED' };
    await expect(gateway.broker.fetchTick('EUR_USD')).rejects.toMatchObject(failure);
    await expect(
      gateway.broker.fetchCandles({ symbol: 'EUR_USD', interval: '1m', fromMs: null, toMs: null, limit: 1 }),
    ).rejects.toMatchObject(failure);
    const late = feedOf('USD_JPY', 'tick');
    gateway.want(TICK, late);
    await gateway.waitForState('recovering', late);
    // Many times as long as the longest pause between two attempts. Whatever the broker asked for then has arrived when what
    // somebody else asked for afterwards has been answered.
    await gateway.clock.skip(20_000);
    for (let count = 0; count < 3; count += 1) await fetch(`${gateway.venue.restUrl}${OF_ANOTHER}`);
    expect(own(gateway.venue)).toHaveLength(asked);
    expect(gateway.venue.streams).toEqual([]);
  };

  it.each([
    ['a bad token', { ...ACCOUNT, token: 'f'.repeat(65) }, 'token'],
    ["another's account", { ...ACCOUNT, id: OTHER_ACCOUNT.id }, 'account'],
    ['an account that can be none', { ...ACCOUNT, id: '1234567' }, 'account'],
    ['a token that no header can hold', { ...ACCOUNT, token: 'to\r\nken' }, 'token'],
    ['an account that no path can hold', { ...ACCOUNT, id: '../accounts' }, 'accountId'],
  ])('of %s are refused for good, with no second request', async (_name, account, word) => {
    await using gateway = await startOandaBroker([TICK], { account });
    await stopped(gateway, word);
    expect(own(gateway.venue).length).toBeLessThanOrEqual(1);
    expect(gateway.broker.catalog).toBeNull();
    await gateway.broker.catalogTried;
  });

  it('that are revoked while a stream is open end it, and are then tried seldom', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, MINUTE]);
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    gateway.venue.revoke(ACCOUNT.token);
    const refused = (): number => gateway.venue.requests.filter(({ status }) => status === 401).length;
    await gateway.clock.hurryUntil(() => gateway.statuses.at(-1)?.kind === 'degraded', 'the refusal');
    expect(refused()).toBe(1);
    expect(gateway.conditions(TICK).at(-1)).toMatchObject({ reason: expect.stringContaining('token') as string });
    await expect(gateway.broker.fetchTick('EUR_USD')).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
    await gateway.clock.skip(60_000);
    expect(refused()).toBeLessThan(12);
    expect(gateway.venue.streams).toEqual([]);
    expect(gateway.log.filter((line) => line.includes('the venue refuses'))).toHaveLength(1);
  });

  it('that have worked are tried again after a refusal, and everything begins anew', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, MINUTE]);
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    gateway.venue.faults.rest.nextReply(401);
    await expect(gateway.broker.fetchTick('EUR_USD')).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
    await gateway.waitForState('recovering', TICK, BOOK, MINUTE);
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    expect(gateway.statuses.at(-1)).toEqual({ kind: 'connected' });
    expect(await gateway.clock.hurry(gateway.broker.fetchTick('EUR_USD'))).not.toBeNull();
  });

  it('that were revoked and are granted again serve the feeds again, streams too', async () => {
    await using gateway = await startOandaBroker([TICK, BOOK, MINUTE]);
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    gateway.venue.revoke(ACCOUNT.token);
    await gateway.waitForState('recovering', TICK, BOOK, MINUTE);
    await gateway.clock.skip(10_000);
    gateway.venue.grant(ACCOUNT.token, ACCOUNT.id);
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
  });

  it.each([
    [
      'the list of instruments',
      ({ faults }: StandInOanda) => {
        faults.rest.nextReply(401, { times: 2 });
      },
    ],
    [
      'the stream',
      ({ faults }: StandInOanda) => {
        faults.opening.nextReply(403, { times: 2 });
      },
    ],
  ])("that are the operator's own are tried again when %s is refused, even at the start", async (_name, before) => {
    await using gateway = await startOandaBroker([TICK], {
      before,
      broker: { isTrusted: true, requiresAuthentication: false },
    });
    await gateway.waitForState('recovering', TICK);
    await expect(gateway.broker.fetchTick('EUR_USD')).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await gateway.waitForState('live', TICK);
  });

  it.each([
    ["that are the operator's own", true],
    ['of a client that the venue has just accepted', false],
  ])('%s are not given up by the gateway though the venue then refuses them in its own words', async (_, isShared) => {
    await using stack = new AsyncDisposableStack();
    const clock = new SkippableClock();
    const venue = stack.use(await StandInOanda.start({ clock, heartbeatMs: 100 }));
    const path = `/v3/accounts/${ACCOUNT.id}/instruments`;
    venue.faults.rest.nextReply(401, { path, times: 2 });
    const { restUrl, streamUrl } = venue;
    const credentials = { token: ACCOUNT.token, accountId: ACCOUNT.id };
    const oanda = { kind: 'oanda', restUrl, streamUrl, ...(isShared ? credentials : {}) };
    const gateway = stack.use(await startGateway({ clock, config: { brokers: { oanda } } }));
    const client = stack.use(await RawClient.connect(gateway.urls.raw));
    if (!isShared) await clock.hurry(client.ask({ action: 'authenticate', broker: 'oanda', credentials }));
    await clock.hurry(client.subscribe('oanda', ['EUR_USD'], ['tick']));
    await clock.hurryUntil(() => client.data('tick', 'EUR_USD').length > 0, 'a tick');
    const asked = venue.requests.filter((request) => request.path === path);
    expect(asked.map(({ status }) => status)).toEqual([401, 401, 200]);
  });

  it('are not given up for a 401 that the venue has not said in its own words', async () => {
    await using gateway = await startOandaBroker([TICK], {
      before: ({ faults }) => {
        faults.rest.nextReply(401, { html: true });
      },
    });
    await gateway.waitForState('live', TICK);
  });

  it('are in no log line, no metric, no message and no URL, whatever goes wrong', async () => {
    const account = { id: '101-004-7777777-001', token: 'SENTINEL-5e4-token' };
    await using gateway = await startOandaBroker([TICK, BOOK, MINUTE], { account, venue: { accounts: [account] } });
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    const { faults } = gateway.venue;
    const failed = (): Promise<unknown> =>
      gateway.clock
        .hurry(gateway.broker.fetchTick('EUR_USD'))
        .catch((error: unknown) => gateway.log.push(String(error)));
    await faults.hangUp('reset');
    faults.malformed('oops\n');
    faults.rest.nextReset({ times: 5 });
    await failed();
    faults.rest.nextReply(502, { html: true, times: 5 });
    await failed();
    await gateway.waitForState('live', TICK, BOOK, MINUTE);
    gateway.venue.revoke(account.token);
    await gateway.clock.hurryUntil(() => gateway.statuses.at(-1)?.kind === 'degraded', 'the refusal');
    await gateway.broker.close();
    const written = JSON.stringify([gateway.log, gateway.reports, gateway.statuses]);
    expect(written).toContain('stream of the venue lost');
    const seen = [written, await gateway.metrics.registry.metrics(), ...gateway.venue.requests.map(({ url }) => url)];
    for (const text of seen) expect(text).not.toContain('SENTINEL');
    for (const text of seen.slice(0, 2)) expect(text).not.toContain('7777777');
    expect(gateway.venue.requests.every(({ headers }) => headers.authorization === `Bearer ${account.token}`)).toBe(
      true,
    );
  });
});
