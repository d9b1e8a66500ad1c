import { describe, expect, it } from 'vitest';
import type { RawClient } from '../support/RawClient.ts';
import { idsOf, lastCursors, outcomeOf, ResumeScene, span, story } from '../support/ResumeScene.ts';
import { waitFor } from '../support/waitFor.ts';

/** A client that has had some trades of a gateway that ends then. */
async function formerClient(scene: ResumeScene, meanwhile: () => void): Promise<RawClient> {
  const client = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(5);
  await waitFor(() => client.data('trade').length === 5, 'five trades');
  await scene.restart(meanwhile);
  return client;
}

describe.each([
  ['individual', 'btcusdt@trade'],
  ['aggregate', 'btcusdt@aggTrade'],
])('a client of a gateway that was restarted, %s trades', (trades, stream) => {
  it('gets every trade that was made meanwhile, once and in order, and then the live ones', async () => {
    await using scene = await ResumeScene.start({ broker: { trades } });
    const first = await scene.subscribe();
    await scene.venue.waitForSubscription(stream);
    scene.trade(5);
    await waitFor(() => first.data('trade').length === 5, 'five trades');
    await scene.restart(() => {
      scene.trade(400);
    });
    const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
    expect(await outcomeOf(second)).toEqual({ recovered: false, events: 400, complete: true });
    scene.trade(7);
    await waitFor(() => second.data('trade').length === 407, 'all trades');
    const ids = idsOf([...first.data('trade'), ...second.data('trade')]);
    expect(ids).toEqual(span(ids));
    const backfilled = second.data('trade').map((trade) => trade['backfilled']);
    expect(backfilled.slice(0, 400).every(Boolean)).toBe(true);
    expect(backfilled.slice(400).some(Boolean)).toBe(false);
    expect(story(second.messages)).not.toContain('gap');
  });
});

describe('where the venue does not have everything any more', () => {
  it('the gap is told before the first event, from the last one to that, and the rest follows', async () => {
    await using scene = await ResumeScene.start({ venue: { rest: { marketDataOnly: true } } });
    const first = await formerClient(scene, () => {
      scene.trade(1_500);
    });
    const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
    expect(await outcomeOf(second)).toEqual({ recovered: false, events: 1_000, complete: false });
    scene.trade(3);
    await waitFor(() => second.data('trade').length === 1_003, 'what the venue has');
    const told = story(second.messages);
    expect(told[0]).toBe('gap');
    expect(told.slice(1)).toEqual(span(idsOf(second.data('trade'))));
    const gap = second.messages.find(({ status }) => status === 'gap')?.['gap'];
    expect(gap).toMatchObject({ type: 'trade', to: second.data('trade')[0]?.['time'] });
    const from = Date.parse((gap as { from: string }).from);
    expect(from).toBe(Date.parse(String(first.data('trade').at(-1)?.['time'])));
    expect(scene.requestsTo('/api/v3/trades')).toBe(1);
  });

  it('trades that are numbered anew are no continuation: a gap is told', async () => {
    await using scene = await ResumeScene.start();
    const first = await formerClient(scene, () => undefined);
    const [cursor] = lastCursors(first, 'trade') as [string];
    const [, place] = /^(.*-)\d+$/.exec(cursor) ?? [];
    const second = await scene.subscribe({ resume: [`${place}999999999999`] });
    expect(await outcomeOf(second)).toMatchObject({ recovered: false, complete: false });
    scene.trade(3);
    await waitFor(() => second.data('trade').length === 3, 'the live trades');
    expect(story(second.messages)[0]).toBe('gap');
  });

  it('an id that means another trade now is no continuation either', async () => {
    await using scene = await ResumeScene.start();
    const first = await formerClient(scene, () => {
      scene.trade(4);
    });
    const [, prefix, time, id] = /^(.*)-(\d+)-(\d+)$/.exec(String(lastCursors(first, 'trade')[0])) ?? [];
    const second = await scene.subscribe({ resume: [`${prefix}-${Number(time) - 60_000}-${id}`] });
    expect(await outcomeOf(second)).toMatchObject({ recovered: false, complete: false });
    await waitFor(() => second.data('trade').length > 0, 'what the venue has since that time');
    expect(story(second.messages)[0]).toBe('gap');
  });
});

describe('where the venue is not as it should be', () => {
  it('its history may be behind its stream: it is asked again', async () => {
    await using scene = await ResumeScene.start();
    const first = await formerClient(scene, () => {
      scene.trade(50);
    });
    scene.lagBy(60);
    await using _other = await scene.subscribe();
    await scene.venue.waitForSubscription('btcusdt@trade');
    const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
    scene.trade(5);
    await waitFor(() => scene.requestsTo('/api/v3/trades') === 1, 'the first question');
    scene.lagBy(7);
    await waitFor(() => scene.requestsTo('/api/v3/trades') === 2, 'the second question');
    scene.lagBy(0);
    expect(await outcomeOf(second)).toMatchObject({ recovered: false, complete: true });
    scene.trade(2);
    await waitFor(() => second.data('trade').length === 57, 'all trades');
    const ids = idsOf([...first.data('trade'), ...second.data('trade')]);
    expect(ids).toEqual(span(ids));
    expect(story(second.messages)).not.toContain('gap');
  });

  it('a failure that passes costs nothing', async () => {
    await using scene = await ResumeScene.start();
    const first = await formerClient(scene, () => {
      scene.trade(50);
    });
    scene.venue.faults.rest.nextStatus(503, { path: '/api/v3/trades', times: 2 });
    const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
    expect(await outcomeOf(second)).toEqual({ recovered: false, events: 50, complete: true });
  });

  it('while it bans the gateway nobody waits: the gap is told, and live events follow', async () => {
    await using scene = await ResumeScene.start();
    const first = await formerClient(scene, () => {
      scene.trade(50);
    });
    await waitFor(() => scene.requestsTo('/api/v3/exchangeInfo') > 1, 'the catalog');
    scene.venue.faults.rest.nextStatus(418, { retryAfterSeconds: 60, times: 100 });
    const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
    expect(await outcomeOf(second)).toMatchObject({ recovered: false, complete: false });
    scene.trade(3);
    await waitFor(() => second.data('trade').length === 3, 'the live trades');
    const told = story(second.messages);
    expect(told[0]).toBe('gap');
    expect(second.messages.filter(({ status }) => status === 'gap')).toHaveLength(1);
  });

  it('a stream that loses its first trades after the hand-over is repaired', async () => {
    await using scene = await ResumeScene.start();
    const first = await formerClient(scene, () => {
      scene.trade(5);
    });
    const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
    expect(await outcomeOf(second)).toMatchObject({ events: 5, complete: true });
    scene.venue.faults.ackButSilent('btcusdt@trade');
    scene.trade(4);
    scene.venue.faults.ackButSilent(null);
    scene.trade(1);
    await waitFor(() => second.data('trade').length === 10, 'all trades');
    const ids = idsOf([...first.data('trade'), ...second.data('trade')]);
    expect(ids).toEqual(span(ids));
  });
});

it('what the stream delivers a moment after history has it is sent once, and to those without history, too', async () => {
  await using scene = await ResumeScene.start();
  const first = await formerClient(scene, () => {
    scene.trade(5);
  });
  await using plain = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.venue.faults.delayOpenSockets(600);
  scene.trade(3);
  const second = await scene.subscribe({ resume: lastCursors(first, 'trade') });
  expect(await outcomeOf(second)).toMatchObject({ events: 8, complete: true });
  scene.trade(1);
  await waitFor(() => plain.data('trade').length === 4 && second.data('trade').length === 9, 'all trades');
  const ids = idsOf([...first.data('trade'), ...second.data('trade')]);
  expect(ids).toEqual(span(ids));
  expect(idsOf(plain.data('trade'))).toEqual(ids.slice(-4));
});
