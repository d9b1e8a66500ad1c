import { expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { span } from '../support/ResumeScene.ts';
import type { Data } from '../support/ResumeScene.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const BROKER = 'mock-binance';
const SYMBOLS = Array.from({ length: 40 }, (_, at) => `S${at}USDT`);
const HISTORY = 600;

/** The budget of a connection is far less than what a page of many symbols begins with. */
async function start() {
  const symbols = Object.fromEntries(SYMBOLS.map((symbol) => [symbol, 100]));
  return startGateway({
    config: {
      brokers: { [BROKER]: { kind: BROKER, ticksPerSecond: 2, symbols } },
      limits: { queueBytesPerConnection: 262_144 },
    },
  });
}

const QUERY = `subscription ($symbols: [String!]!) {
  marketData(broker: "${BROKER}", symbols: $symbols, types: [TRADE, CANDLE], options: { history: ${HISTORY} }) {
    __typename symbol cursor time receivedAt sequence ... on Trade { tradeId price size side } ... on Candle { openTime closed }
  }
}`;

function seenBy(client: TransportWsClient): readonly Data[] {
  return client.of('a').flatMap(({ payload }): readonly Data[] => {
    const event = (payload as { data?: { marketData: Data } } | undefined)?.data?.marketData;
    return event === undefined ? [] : [event];
  });
}

it('a client is sent far more of the past than may wait for it, as fast as it reads; others notice nothing', async () => {
  await using gateway = await start();
  await using other = await RawClient.connect(gateway.urls.raw);
  await other.subscribe(BROKER, ['S0USDT'], ['tick']);
  await waitFor(() => other.data('tick').length > 0, 'the first tick');
  const client = await TransportWsClient.connect(gateway.urls.graphql);
  client.subscribe('a', QUERY, { symbols: SYMBOLS });
  client.socket.pause();
  const before = other.data('tick').length;
  await waitFor(() => other.data('tick').length > before + 3, 'ticks while the client does not read');
  client.socket.resume();
  const trades = (symbol: string): readonly Data[] =>
    seenBy(client).filter((event) => event['symbol'] === symbol && event['__typename'] === 'Trade');
  await waitFor(() => seenBy(client).length > SYMBOLS.length * HISTORY * 2, 'the past of all symbols');
  await waitFor(() => SYMBOLS.every((symbol) => trades(symbol).length > HISTORY), 'live trades of all symbols');
  for (const symbol of SYMBOLS) {
    const ids = trades(symbol).map(({ tradeId }) => Number(tradeId));
    expect(ids).toEqual(span(ids));
    const closed = seenBy(client).filter(
      (event) => event['symbol'] === symbol && event['__typename'] === 'Candle' && event['closed'] === true,
    );
    const opens = closed.map(({ openTime }) => Date.parse(String(openTime)));
    expect(opens.length).toBeGreaterThanOrEqual(HISTORY);
    expect(opens).toEqual(span(opens, 60_000));
  }
  expect(client.closed).toBeNull();
  client.socket.terminate();
});

it('the same over the raw protocol, with a resumption of all of it', async () => {
  await using gateway = await start();
  await using first = await RawClient.connect(gateway.urls.raw);
  await first.subscribe(BROKER, SYMBOLS, ['trade'], { history: HISTORY });
  await waitFor(() => first.data('trade').length >= SYMBOLS.length * HISTORY, 'the past of all symbols');
  const trades = first.data('trade');
  const resume = SYMBOLS.map(
    (symbol) => first.messages.find((message) => message.type === 'data' && message['symbol'] === symbol)?.['data'],
  ).map((data) => (data as Data)['cursor']);
  const second = await RawClient.connect(gateway.urls.raw);
  second.send({ action: 'subscribe', broker: BROKER, symbols: SYMBOLS, types: ['trade'], resume });
  second.socket.pause();
  const count = trades.length;
  await waitFor(() => first.data('trade').length > count + 100, 'trades while the client does not read');
  second.socket.resume();
  const ofSymbol = (client: RawClient, symbol: string): number[] =>
    client.data('trade', symbol).map(({ tradeId }) => Number(tradeId));
  await waitFor(
    () => SYMBOLS.every((symbol) => ofSymbol(second, symbol).at(-1) === ofSymbol(first, symbol).at(-1)),
    'everything that the first client has',
  );
  for (const symbol of SYMBOLS) {
    const ids = ofSymbol(second, symbol);
    expect(ids).toEqual(span(ids));
    expect(ids[0]).toBe((ofSymbol(first, symbol)[0] ?? 0) + 1);
  }
  expect(second.messages.filter(({ status }) => status === 'replay')).toHaveLength(SYMBOLS.length);
  expect(second.closed).toBeNull();
  await second.close();
});
