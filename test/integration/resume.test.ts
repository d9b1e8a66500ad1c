import { afterAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const FAST = { kind: 'mock-binance', ticksPerSecond: 200, symbols: { BTCUSDT: 43250.1, ETHUSDT: 2280.55 } };
const BROKER = 'mock-binance';

const owned = new AsyncDisposableStack();
afterAll(() => owned.disposeAsync());
const gateway = owned.use(await startGateway({ config: { brokers: { [BROKER]: FAST } } }));

type Data = Readonly<Record<string, unknown>>;
const ids = (trades: readonly Data[]): number[] => trades.map(({ tradeId }) => Number(tradeId));

/** The numbers between the first and the last, both included. */
function span(numbers: readonly number[]): number[] {
  const [first = 0] = numbers;
  return Array.from({ length: (numbers.at(-1) ?? first - 1) - first + 1 }, (_, at) => first + at);
}

describe('a client that comes back with its last cursors, over the raw protocol', () => {
  it('is sent every trade since, once and in order, behind the outcome', async () => {
    await using stays = await RawClient.connect(gateway.urls.raw);
    await stays.subscribe(BROKER, ['BTCUSDT'], ['trade']);
    const first = await RawClient.connect(gateway.urls.raw);
    await first.subscribe(BROKER, ['BTCUSDT'], ['trade']);
    await waitFor(() => first.data('trade').length > 5);
    await first.close();
    const before = first.data('trade');
    await waitFor(() => Number(stays.data('trade').at(-1)?.['tradeId']) > Number(before.at(-1)?.['tradeId']) + 20);
    await using second = await RawClient.connect(gateway.urls.raw);
    const resume = [before.at(-1)?.['cursor']];
    await second.ask({ action: 'subscribe', broker: BROKER, symbols: ['BTCUSDT'], types: ['trade'], resume });
    await waitFor(() => second.data('trade').length > 60);
    const all = ids([...before, ...second.data('trade')]);
    expect(all).toEqual(span(all));
    const [, subscribed, replay] = second.messages;
    expect(subscribed).toMatchObject({ status: 'subscribed' });
    expect(replay).toMatchObject({ type: 'status', status: 'replay', broker: BROKER, symbol: 'BTCUSDT' });
    expect(replay?.['replay']).toEqual({ recovered: true, events: expect.any(Number), complete: true });
    expect(second.data('trade').every(({ backfilled }) => backfilled === false)).toBe(true);
  });

  it('is sent what came while nobody was subscribed', async () => {
    const first = await RawClient.connect(gateway.urls.raw);
    await first.subscribe(BROKER, ['ETHUSDT'], ['trade']);
    await waitFor(() => first.data('trade').length > 5);
    await first.close();
    await waitFor(() => gateway.manager.openStreams === 0);
    const before = first.data('trade');
    await using second = await RawClient.connect(gateway.urls.raw);
    const resume = [before.at(-1)?.['cursor']];
    await second.ask({ action: 'subscribe', broker: BROKER, symbols: ['ETHUSDT'], types: ['trade'], resume });
    await waitFor(() => second.data('trade').length > 20);
    const all = ids([...before, ...second.data('trade')]);
    expect(all).toEqual(span(all));
    const sequences = [...before, ...second.data('trade')].map(({ sequence }) => Number(sequence));
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(second.messages[2]?.['replay']).toMatchObject({ recovered: true, complete: true });
  });

  it('of another gateway, which was restarted, is told so, and what is lost', async () => {
    await using former = await startGateway({ config: { brokers: { [BROKER]: { ...FAST, seed: 9 } } } });
    const first = await RawClient.connect(former.urls.raw);
    await first.subscribe(BROKER, ['BTCUSDT'], ['trade']);
    await waitFor(() => first.data('trade').length > 50);
    await first.close();
    await using second = await RawClient.connect(gateway.urls.raw);
    const last = first.data('trade').at(-1);
    await second.ask({
      action: 'subscribe',
      broker: BROKER,
      symbols: ['BTCUSDT'],
      types: ['trade', 'tick'],
      resume: [last?.['cursor']],
    });
    await waitFor(() => second.data('trade').length > 20);
    expect(second.messages[2]?.['replay']).toMatchObject({ recovered: false });
  });
});

describe('history', () => {
  it('of trades and candles is joined with what comes live, without a hole or a double', async () => {
    await using client = await RawClient.connect(gateway.urls.raw);
    await client.subscribe(BROKER, ['BTCUSDT'], ['trade', 'candle'], { history: 50, interval: '1s' });
    await waitFor(() => client.data('trade').length > 200);
    await waitFor(() => client.data('candle').filter(({ closed }) => closed).length > 52);
    const all = ids(client.data('trade'));
    expect(all).toEqual(span(all));
    expect(client.messages[2]?.['replay']).toEqual({ recovered: null, events: 100, complete: true });
    const candles = client.data('candle');
    const closed = candles
      .filter((candle) => candle['closed'])
      .map(({ openTime }) => Date.parse(String(openTime)) / 1_000);
    expect(closed).toEqual(span(closed));
    const opens = candles.map(({ openTime }) => String(openTime));
    expect(opens).toEqual(opens.toSorted());
    const backfilled = client.data('trade').map((trade) => trade['backfilled']);
    expect(backfilled.lastIndexOf(true)).toBeLessThan(50);
  });
});

describe('a client that comes back with its last cursors, over GraphQL', () => {
  const DOCUMENT = `subscription ($resume: [String!]) {
    marketData(broker: "mock-binance", symbols: ["BTCUSDT"], types: [TRADE], resume: $resume) {
      __typename cursor
      ... on Trade { tradeId backfilled }
      ... on FeedStatus { replay { recovered events complete } gap { type from to } }
    }
  }`;

  const tradesOf = (client: TransportWsClient): readonly Data[] =>
    client.of('a').flatMap(({ payload }) => {
      const { data } = (payload ?? {}) as { readonly data?: { readonly marketData: Data } };
      return data === undefined ? [] : [data.marketData];
    });

  it('is sent the outcome although it asked for no status, and then every trade since', async () => {
    const first = await TransportWsClient.connect(gateway.urls.graphql);
    first.subscribe('a', DOCUMENT);
    await waitFor(() => tradesOf(first).length > 5);
    first.socket.terminate();
    const before = tradesOf(first);
    expect(before[0]).toMatchObject({ __typename: 'Trade' });
    const second = await TransportWsClient.connect(gateway.urls.graphql);
    second.subscribe('a', DOCUMENT, { resume: [before.at(-1)?.['cursor']] });
    await waitFor(() => tradesOf(second).length > 40);
    second.socket.terminate();
    const [outcome, ...after] = tradesOf(second);
    expect(outcome).toMatchObject({
      __typename: 'FeedStatus',
      replay: { recovered: true, events: expect.any(Number), complete: true },
      gap: null,
    });
    const all = ids([...before, ...after]);
    expect(all).toEqual(span(all));
  });

  it.each([
    ['a text that is no cursor', ['x']],
    ['an empty text', ['']],
    ['a cursor with something behind it', ['1abcdefghABCDEFGHIJKL7-1000-42-1']],
    ['a number that is too large', [`1abcdefghABCDEFGHIJKL${'9'.repeat(16)}`]],
  ])('is refused with BAD_REQUEST for %s', async (_name, resume) => {
    const client = await TransportWsClient.connect(gateway.urls.graphql);
    client.subscribe('a', DOCUMENT, { resume });
    const { payload } = await client.typed('error', 'a');
    client.socket.terminate();
    expect(payload).toMatchObject([
      { extensions: { code: 'BAD_REQUEST' }, message: expect.stringContaining('resume') },
    ]);
  });
});
