import { expect, it } from 'vitest';
import { idsOf, lastCursors, outcomeOf, ResumeScene, span, story } from '../support/ResumeScene.ts';
import type { Data } from '../support/ResumeScene.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const TRADES = `subscription ($types: [MarketDataType!]!, $resume: [String!], $options: MarketDataOptions) {
  marketData(broker: "binance", symbols: ["BTCUSDT"], types: $types, resume: $resume, options: $options) {
    __typename cursor
    ... on Trade { tradeId backfilled }
    ... on Candle { openTime closed }
    ... on FeedStatus { state replay { recovered events complete } gap { type from to } }
  }
}`;
const BATCHES = TRADES.replace('marketData(', 'marketDataBatch(everyMs: 20, ');

function eventsOf(client: TransportWsClient): readonly Data[] {
  return client.of('a').flatMap(({ payload }) => {
    const { marketData, marketDataBatch } = (payload as { data: Record<string, Data & readonly Data[]> }).data;
    return marketData ?? marketDataBatch ?? [];
  });
}

const tradesOf = (client: TransportWsClient): readonly Data[] =>
  eventsOf(client).filter(({ __typename }) => __typename === 'Trade');

async function graphql(
  scene: ResumeScene,
  variables: Record<string, unknown>,
  query = TRADES,
): Promise<TransportWsClient> {
  const client = await TransportWsClient.connect(scene.gateway.urls.graphql);
  client.subscribe('a', query, { types: ['TRADE'], ...variables });
  return client;
}

it('clients with different cursors who come back together share one request', async () => {
  await using scene = await ResumeScene.start();
  const first = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(30);
  await waitFor(() => first.data('trade').length === 30, 'the trades');
  const all = first.data('trade');
  await scene.restart(() => {
    scene.trade(20);
  });
  const back = await Promise.all(all.slice(0, 10).map((trade) => scene.subscribe({ resume: [trade['cursor']] })));
  await waitFor(() => back.every((client, at) => client.data('trade').length === 49 - at), 'all trades');
  expect(scene.requestsTo('/api/v3/trades')).toBe(1);
  for (const client of back) {
    const ids = idsOf(client.data('trade'));
    expect(ids).toEqual(span(ids));
    expect(story(client.messages)).not.toContain('gap');
  }
  // Who comes later needs no request at all.
  const last = await scene.subscribe({ resume: [all[5]?.['cursor']] });
  expect(await outcomeOf(last)).toMatchObject({ events: 44, complete: true });
  expect(scene.requestsTo('/api/v3/trades')).toBe(1);
});

it('cursors of other streams do no harm, however many', async () => {
  await using scene = await ResumeScene.start();
  const first = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(3);
  await waitFor(() => first.data('trade').length === 3, 'the trades');
  const others = Array.from({ length: 1_000 }, (_, at) => `1${String(at).padStart(8, 'x')}abcdefghijkl7-1000-42`);
  const second = await scene.subscribe({ resume: [...others, first.data('trade')[0]?.['cursor']] });
  expect(await outcomeOf(second)).toEqual({ recovered: true, events: 2, complete: true });
  const third = await scene.subscribe({ resume: others });
  expect(await outcomeOf(third)).toEqual({ recovered: null, events: 0, complete: true });
});

it('of a stream that is resumed no history is sent; of others it is, under one outcome', async () => {
  await using scene = await ResumeScene.start();
  const first = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(30);
  await waitFor(() => first.data('trade').length === 30, 'the trades');
  const resume = [first.data('trade')[27]?.['cursor']];
  const second = await scene.subscribe({
    types: ['trade', 'candle'],
    resume,
    options: { history: 10, interval: '1m' },
  });
  expect(await outcomeOf(second)).toEqual({ recovered: true, events: 12, complete: true });
  await waitFor(() => second.data('candle').filter(({ closed }) => closed).length === 10, 'the candles');
  expect(idsOf(second.data('trade'))).toEqual(idsOf(first.data('trade').slice(28)));
  const opens = second.data('candle').map(({ openTime }) => Date.parse(String(openTime)));
  expect(opens.slice(0, 10)).toEqual(span(opens.slice(0, 10), 60_000));
  const client = await graphql(scene, { types: ['TRADE', 'CANDLE', 'TICK'], resume, options: { history: 10 } });
  await waitFor(() => eventsOf(client).length >= 13, 'the past');
  const replays = eventsOf(client).map(({ replay }) => replay);
  expect(replays.filter(Boolean)).toHaveLength(1);
  expect(replays[0]).toEqual({ recovered: true, events: 12, complete: true });
  client.socket.terminate();
});

it.each([
  ['one by one', TRADES],
  ['in lists', BATCHES],
])('a throttled GraphQL subscription gets everything that it missed, %s', async (_name, query) => {
  await using scene = await ResumeScene.start();
  const first = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(300);
  await waitFor(() => first.data('trade').length === 300, 'the trades');
  const resume = [first.data('trade')[0]?.['cursor']];
  const client = await graphql(scene, { resume, options: { throttleMs: 500 } }, query);
  await waitFor(() => tradesOf(client).length === 299, 'what was missed');
  scene.trade(5);
  await waitFor(() => tradesOf(client).length === 304, 'the live trades');
  const ids = idsOf(tradesOf(client));
  expect(ids).toEqual(span(ids));
  expect(eventsOf(client)[0]).toMatchObject({ __typename: 'FeedStatus', replay: { recovered: true, events: 299 } });
  client.socket.terminate();
});

/** Loses trades for good: the stream is cut, and the venue's history reaches back to less than that. */
async function lose(scene: ResumeScene): Promise<void> {
  scene.venue.faults.ackButSilent('btcusdt@trade');
  scene.trade(1_200);
  scene.venue.faults.ackButSilent(null);
  scene.trade(1);
  await scene.venue.faults.hangUp();
}

it.each([
  ['a client with STATUS', ['TRADE', 'STATUS']],
  ['a client without', ['TRADE']],
])('a gap that was told while it was away is told once to %s, at its place', async (_name, types) => {
  await using scene = await ResumeScene.start({ venue: { rest: { marketDataOnly: true } } });
  await using stays = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  const former = await graphql(scene, { types });
  scene.trade(3);
  await waitFor(() => tradesOf(former).length === 3, 'the trades');
  former.socket.terminate();
  await lose(scene);
  await waitFor(() => story(stays.messages).includes('gap'), 'the gap');
  await waitFor(() => stays.data('trade').length > 900, 'what the venue has');
  const cursors = new Map(eventsOf(former).map(({ __typename, cursor }) => [__typename, cursor]));
  const back = await graphql(scene, { types, resume: [...cursors.values()] });
  await waitFor(() => tradesOf(back).length >= stays.data('trade').length - 3, 'what it missed');
  scene.trade(1);
  await waitFor(() => tradesOf(back).at(-1)?.['tradeId'] === stays.data('trade').at(-1)?.['tradeId'], 'the live trade');
  const gaps = eventsOf(back).filter(({ gap }) => Boolean(gap));
  expect(gaps).toHaveLength(1);
  const [gap = {}] = gaps;
  expect(eventsOf(back).indexOf(gap)).toBeLessThan(eventsOf(back).indexOf(tradesOf(back)[0] ?? {}));
  expect(eventsOf(back)[0]).toMatchObject({ replay: { recovered: true, complete: true } });
  back.socket.terminate();
});

it('a gap that comes while a client is being sent what it missed is told once, at its place', async () => {
  await using scene = await ResumeScene.start({ venue: { rest: { marketDataOnly: true } } });
  const first = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(900);
  await waitFor(() => first.data('trade').length === 900, 'the trades');
  const resume = [first.data('trade')[0]?.['cursor']];
  const second = await scene.connect();
  second.socket.pause();
  second.send({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'], types: ['trade'], resume });
  await lose(scene);
  await waitFor(() => story(first.messages).includes('gap'), 'the gap');
  second.socket.resume();
  await waitFor(() => second.data('trade').at(-1)?.['tradeId'] === first.data('trade').at(-1)?.['tradeId'], 'all');
  expect(story(second.messages)).toEqual(story(first.messages).slice(1));
});

it('nothing is left of a client that leaves while the venue is asked', async () => {
  await using scene = await ResumeScene.start();
  const first = await scene.subscribe();
  await scene.venue.waitForSubscription('btcusdt@trade');
  scene.trade(3);
  await waitFor(() => first.data('trade').length === 3, 'the trades');
  await scene.restart();
  scene.venue.faults.rest.delayMs = 300;
  const second = await scene.connect();
  const resume = lastCursors(first, 'trade');
  second.send({ action: 'subscribe', broker: 'binance', symbols: ['BTCUSDT'], types: ['trade'], resume });
  await waitFor(() => scene.requestsTo('/api/v3/trades') === 1, 'the question');
  second.socket.terminate();
  await waitFor(() => scene.gateway.manager.openStreams === 0, 'the stream to be closed');
  await scene.venue.waitForUnsubscription('btcusdt@trade');
  scene.venue.faults.rest.delayMs = 0;
  const third = await scene.subscribe({ resume });
  scene.trade(2);
  expect(await outcomeOf(third)).toMatchObject({ complete: true });
  await waitFor(() => third.data('trade').length === 2, 'the live trades');
  expect(idsOf(third.data('trade'))).toEqual(
    span(idsOf(first.data('trade')).slice(-1))
      .map((id) => id + 1)
      .flatMap((id) => [id, id + 1]),
  );
});
