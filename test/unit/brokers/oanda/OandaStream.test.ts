import { describe, expect, it } from 'vitest';
import { OandaBudgets } from '../../../../src/brokers/oanda/OandaBudgets.ts';
import { OandaStream } from '../../../../src/brokers/oanda/OandaStream.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { brokerContext } from '../../../support/ScriptedBroker.ts';
import { FakeLineFeeds } from './FakeLineFeeds.ts';

function start(...names: string[]) {
  const clock = new FakeClock();
  const feeds = new FakeLineFeeds();
  const metrics = new Metrics();
  const budget = new OandaBudgets({ clock }).use('token');
  const told: string[] = [];
  let activity = 0;
  const stream = new OandaStream(
    {
      broker: {
        ...brokerContext(
          'oanda',
          { onEvent() {}, onFeed() {}, onStatus() {}, onCatalog() {}, onActivity: () => void (activity += 1) },
          clock,
        ),
        random: () => 0.5,
        metrics,
      },
      budget,
      target: (wanted) => ({ url: `http://venue/?instruments=${[...wanted].join(',')}`, headers: {} }),
      open: feeds.open,
      listener: {
        onPrice: ({ instrument, time }) => void told.push(`${instrument} ${time.text.slice(17, -1)}`),
        onHeartbeat: () => void told.push('heartbeat'),
        onUnreadable: (instrument) => void told.push(`unreadable: ${instrument}`),
        onLost: (reason, isKept) => void told.push(`lost: ${reason}${isKept('A') ? ' but A' : ''}`),
        onRefused: (refusal, refused) => void told.push(`refused: ${refusal} of ${[...refused].join()}`),
        onChange: () => {},
      },
    },
    new Set(names),
  );
  return {
    clock,
    feeds,
    metrics,
    budget,
    stream,
    told,
    take: () => told.splice(0),
    activity: () => activity,
    want: async (...wanted: string[]) => {
      stream.want(new Set(wanted));
      await clock.advance(0);
    },
    goLive: async () => {
      stream.start();
      await clock.advance(0);
      feeds.last.snapshot();
      await clock.advance(2_000);
      told.length = 0;
      return feeds.last;
    },
    invalid: async () => (await metrics.invalidMessages.get()).values.map(({ value }) => value),
  };
}

const time = (second: string): string => `2026-01-02T03:04:${second}Z`;

describe('the stream of an account', () => {
  it('asks for all instruments at once, is open with the first message, and reports what comes', async () => {
    const { stream, feeds, clock, take, activity } = start('A', 'B');
    stream.start();
    await clock.advance(0);
    expect(stream.state).toEqual({ kind: 'connecting', attempt: 1 });
    feeds.last.heartbeat();
    expect(stream.state).toEqual({ kind: 'open' });
    feeds.last.price('A', time('05.25'));
    expect(feeds.last.line({ type: 'SOMETHING_NEW' })).toBe(true);
    expect(take()).toEqual(['heartbeat', 'A 05.25']);
    // A heartbeat is no market data.
    expect(activity()).toBe(1);
    expect(feeds.all.map(({ names }) => names)).toEqual([['A', 'B']]);
  });

  it('sets aside what is malformed, not asked for, or made in a far future, by the name of its instrument', async () => {
    const { goLive, take, invalid } = start('A');
    const feed = await goLive();
    expect(feed.price('X')).toBe(true);
    expect(feed.price('A', 'now')).toBe(true);
    expect(feed.price('A', '2026-01-09T00:00:00Z')).toBe(true);
    expect(take()).toEqual(['unreadable: X', 'unreadable: A', 'unreadable: A']);
    expect(feed.line({ type: 'HEARTBEAT', time: '2099-01-01T00:00:00Z' })).toBe(false);
    expect(feed.line({ type: 'PRICE', instrument: 'a name that\nis none', time: 'now' })).toBe(false);
    expect(take()).toEqual([]);
    expect(await invalid()).toEqual([5]);
  });

  it('begins anew after any end, with everything that is wanted by then', async () => {
    const { goLive, want, feeds, clock, take, stream } = start('A');
    const feed = await goLive();
    feed.drop('reset');
    await want('A', 'B');
    expect(take()).toEqual(['lost: reset']);
    expect(stream.state).toMatchObject({ kind: 'waiting', reason: 'reset' });
    await clock.advance(500);
    expect(feeds.alive.map(({ names }) => names)).toEqual([['A', 'B']]);
  });

  it('backs off further with each attempt that brings nothing, and from the start once something came', async () => {
    const { stream, feeds, clock } = start('A');
    stream.start();
    const delays: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      await clock.advance(0);
      feeds.last.drop();
      await clock.advance(0);
      const { state } = stream;
      delays.push(state.kind === 'waiting' ? state.delayMs : -1);
      await clock.advance(40_000);
    }
    expect(delays).toEqual([275, 550, 1_100, 2_200, 4_400, 8_800, 16_500, 16_500, 16_500]);
    feeds.last.heartbeat();
    feeds.last.drop();
    await clock.advance(0);
    expect(stream.state).toMatchObject({ kind: 'waiting', delayMs: 275 });
  });

  it.each([
    [429, 7_000, 7_000],
    [429, 0, 1_000],
    [503, 9_000, 9_000],
  ])('after HTTP %i, with a Retry-After of %i ms, waits at least %i ms', async (status, asked, least) => {
    const { stream, feeds, clock } = start('A');
    stream.start();
    await clock.advance(0);
    feeds.last.refuse(status, '', asked);
    await clock.advance(least - 1);
    expect(feeds.all).toHaveLength(1);
    await clock.advance(1);
    expect(feeds.all).toHaveLength(2);
  });

  it.each([
    [401, '', false, 'token'],
    [401, '<html>', true, 'token'],
    [401, '{"errorMessage":"The provided request was forbidden."}', false, 'account'],
    [403, '', false, 'account'],
    [400, `{"errorMessage":"Invalid value specified for 'accountID'"}`, false, 'account'],
    [400, '', false, 'instrument'],
    [400, `{"errorMessage":"Invalid value specified for 'instruments'"}`, false, 'instrument'],
    [404, '', false, 'other'],
  ])('reports HTTP %i with %j as a refusal', async (status, text, isPage, refusal) => {
    const { stream, feeds, clock, take } = start('A', 'B');
    stream.start();
    await clock.advance(0);
    feeds.last.refuse(status, text, 0, isPage);
    await clock.advance(0);
    expect(take()).toEqual([`refused: ${refusal} of A,B`, `lost: HTTP ${status}`]);
  });

  it.each([
    [403, true],
    [502, true],
    [503, false],
    [429, false],
    [302, false],
  ])('takes HTTP %i, a page: %s, for a passing trouble', async (status, isPage) => {
    const { stream, feeds, clock, take } = start('A');
    stream.start();
    await clock.advance(0);
    feeds.last.refuse(status, isPage ? '<html>' : '', 0, isPage);
    await clock.advance(2_000);
    expect(take()).toEqual([`lost: HTTP ${status}`]);
    expect(feeds.all).toHaveLength(2);
  });

  it('leaves nothing behind when it is closed, whatever it was doing', async () => {
    for (const doing of ['connecting', 'live', 'replacing', 'waiting'] as const) {
      const { stream, feeds, clock, goLive, want } = start('A');
      if (doing === 'connecting') stream.start();
      else await goLive();
      if (doing === 'replacing') await want('B');
      if (doing === 'waiting') feeds.last.drop();
      await clock.advance(0);
      await stream.close();
      expect(feeds.alive, doing).toEqual([]);
      expect(clock.pending, doing).toBe(0);
      expect(stream.openConnections, doing).toBe(0);
    }
  });
});

describe('a stream that does not deliver', () => {
  it('is replaced at once, and then ever more rarely, however many instruments ask for that', async () => {
    const { goLive, feeds, stream, clock } = start('A', 'B');
    const old = await goLive();
    const renewedAfter: number[] = [];
    for (let second = 0; second < 120; second += 1) {
      const before = feeds.all.length;
      stream.renew('A does not come.');
      stream.renew('B does not come.');
      await clock.advance(1_000);
      if (feeds.all.length === before) continue;
      renewedAfter.push(second);
      feeds.last.snapshot();
    }
    expect(old.alive).toBe(false);
    expect(feeds.alive).toEqual([feeds.last]);
    expect(renewedAfter).toEqual([0, 17, 50, 116]);
  });
});

describe('a change of instruments', () => {
  it('opens the new stream, hears both, and ends the old one when the new one has sent all its prices', async () => {
    const { goLive, want, feeds, take, stream } = start('A', 'B');
    const old = await goLive();
    await want('A', 'C');
    const next = feeds.last;
    expect(next.names).toEqual(['A', 'C']);
    old.price('A', time('06'));
    next.price('A', time('06'));
    next.heartbeat();
    expect(old.alive).toBe(true);
    expect(stream.openConnections).toBe(2);
    next.price('C', time('04'));
    expect(old.alive).toBe(false);
    expect(take()).toEqual(['A 06', 'A 06', 'heartbeat', 'C 04']);
    expect(stream.state).toEqual({ kind: 'open' });
    expect(feeds.all).toHaveLength(2);
  });

  it('does not wait for ever for a price that the venue does not have', async () => {
    const { goLive, want, feeds, clock } = start('A');
    const old = await goLive();
    await want('A', 'B');
    feeds.last.price('A');
    await clock.advance(5_999);
    expect(old.alive).toBe(true);
    await clock.advance(1);
    expect(feeds.alive).toEqual([feeds.last]);
  });

  it('waits for the one before it, and then takes all changes since', async () => {
    const { goLive, want, feeds, clock } = start('A');
    await goLive();
    await want('A', 'B');
    await want('A', 'B', 'C');
    await want('B', 'C', 'D');
    expect(feeds.all).toHaveLength(2);
    feeds.last.snapshot();
    await clock.advance(2_000);
    expect(feeds.all.map(({ names }) => names.join(''))).toEqual(['A', 'AB', 'BCD']);
  });

  it('before the first message waits for that', async () => {
    const { stream, want, feeds, clock } = start('A');
    stream.start();
    await clock.advance(0);
    await want('A', 'B');
    await clock.advance(2_000);
    expect(feeds.all).toHaveLength(1);
    feeds.last.heartbeat();
    await clock.advance(0);
    expect(feeds.all.map(({ names }) => names.join(''))).toEqual(['A', 'AB']);
  });

  it('is not hurried by those that are wanted no more, and not made when they are wanted again', async () => {
    const { goLive, want, feeds, clock } = start('A', 'B');
    await goLive();
    await want('A');
    await clock.advance(20_000);
    await want('A', 'B');
    await clock.advance(60_000);
    expect(feeds.all).toHaveLength(1);
    await want('A');
    await clock.advance(30_000);
    expect(feeds.last.names).toEqual(['A']);
  });

  it('opens no more than two streams in a second', async () => {
    const { goLive, want, feeds, clock } = start('A');
    await goLive();
    const opened: number[] = [];
    for (let change = 0; change < 10; change += 1) {
      await want('A', `B${change}`);
      while (feeds.all.length < change + 2) await clock.advance(10);
      opened.push(clock.monotonic());
      feeds.last.snapshot();
    }
    opened.forEach((at, index) => {
      expect(at - (opened[index - 2] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThan(1_000);
    });
  });

  it('is tried again, ever later, while the old stream goes on', async () => {
    const { goLive, want, feeds, clock, take } = start('A');
    const old = await goLive();
    await want('A', 'B');
    for (let attempt = 0; attempt < 4; attempt += 1) {
      feeds.last.refuse(503);
      await clock.advance(0);
      await want('A', 'B', 'C');
      const before = feeds.all.length;
      await clock.advance(275 * 2 ** attempt - 1);
      expect(feeds.all).toHaveLength(before);
      await clock.advance(1_500);
      expect(feeds.all).toHaveLength(before + 1);
    }
    expect(old.alive).toBe(true);
    expect(take()).toEqual([]);
  });

  it('reports a refusal of the new stream, and keeps the old one', async () => {
    const { goLive, want, feeds, clock, take } = start('A');
    const old = await goLive();
    await want('A', 'X');
    feeds.last.refuse(400);
    await clock.advance(0);
    expect(take()).toEqual(['refused: instrument of A,X']);
    expect(old.alive).toBe(true);
  });

  it('goes on if the old stream ends before the new one has taken over, and loses only what that has not sent', async () => {
    const { goLive, want, feeds, clock, take, stream } = start('A', 'B');
    const old = await goLive();
    await want('A', 'B', 'C');
    feeds.last.price('A', time('07'));
    old.drop('reset');
    await clock.advance(0);
    expect(stream.state).toEqual({ kind: 'open' });
    expect(take()).toEqual(['A 07', 'lost: reset but A']);
    expect(feeds.all).toHaveLength(2);
  });

  it('ends the old stream first if the venue allows no second one', async () => {
    const { goLive, want, feeds, clock, take, budget } = start('A');
    const old = await goLive();
    const places = Array.from({ length: 19 }, () => budget.takeStream());
    expect(places).not.toContain(null);
    await want('A', 'B');
    expect(old.alive).toBe(false);
    await clock.advance(1_000);
    expect(feeds.alive.map(({ names }) => names.join(''))).toEqual(['AB']);
    expect(take()).toEqual(['lost: The stream begins anew, with other instruments.']);
  });

  it('waits, and says why, if the venue allows no stream at all', async () => {
    const { stream, feeds, clock, take, budget } = start('A');
    const places = Array.from({ length: 20 }, () => budget.takeStream());
    stream.start();
    await clock.advance(5_000);
    expect(feeds.all).toEqual([]);
    expect(stream.state).toMatchObject({ kind: 'waiting', reason: expect.stringContaining('in use') as string });
    expect(take()[0]).toContain('in use');
    for (const place of places) place?.[Symbol.dispose]();
    await clock.advance(30_000);
    expect(feeds.alive).toHaveLength(1);
  });
});
