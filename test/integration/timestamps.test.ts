import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { CandleQuery } from '../../src/brokers/BaseBroker.ts';
import { closedCandles } from '../support/candles.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponse } from '../support/GraphqlGateway.ts';
import { ask } from '../support/graphqlLogins.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';

const gateway = await GraphqlGateway.start();
afterAll(() => gateway[Symbol.asyncDispose]());

/** What the venue was asked for. */
const asked: CandleQuery[] = [];
gateway.broker().fetchCandles = (query?: CandleQuery) => {
  if (query !== undefined) asked.push(query);
  return Promise.resolve(closedCandles(1));
};
beforeEach(() => {
  asked.length = 0;
});

const candles = (from: string, to: string): string =>
  `candles(broker: "binance", symbol: "BTCUSDT", from: ${from}, to: ${to}) { time openTime closeTime }`;
const WITH_VARIABLES = `query ($from: Timestamp, $to: Timestamp) { ${candles('$from', '$to')} }`;

type Range = Readonly<Record<'from' | 'to', string>>;
type Ask = (range: Range) => Promise<GraphqlResponse>;
const literal = ({ from, to }: Range): string => `{ ${candles(JSON.stringify(from), JSON.stringify(to))} }`;

async function get(query: Record<string, string>): Promise<GraphqlResponse> {
  const response = await fetch(`${gateway.url}?${new URLSearchParams(query).toString()}`);
  return (await response.json()) as GraphqlResponse;
}

async function overSocket(query: string, variables?: Range): Promise<GraphqlResponse> {
  await using client = await TransportWsClient.connect(gateway.wsUrl);
  return await ask(client, query, variables);
}

describe.each<[string, Ask]>([
  ['as a literal by POST', async (range) => (await gateway.post(literal(range))).body],
  ['as a variable by POST', async (range) => (await gateway.post(WITH_VARIABLES, { variables: range })).body],
  ['as a literal by GET', (range) => get({ query: literal(range) })],
  ['as a variable by GET', (range) => get({ query: WITH_VARIABLES, variables: JSON.stringify(range) })],
  ['as a literal over WebSocket', (range) => overSocket(literal(range))],
  ['as a variable over WebSocket', (range) => overSocket(WITH_VARIABLES, range)],
])('an instant %s', (_name, send) => {
  it.each([
    ['with the offset of UTC', '2026-11-30T00:00:00+00:00', '2026-11-30T01:00:00.250-00:00'],
    ['with lower-case letters', '2026-11-30t00:00:00z', '2026-11-30t01:00:00.250z'],
    ['with both', '2026-11-30t00:00:00+00:00', '2026-11-30t01:00:00.250-00:00'],
  ])('is UTC however RFC 3339 lets it be written, and is sent with T and Z: %s', async (_spelling, from, to) => {
    expect(await send({ from, to })).toEqual({
      data: {
        candles: [
          {
            time: '2026-01-02T03:00:00.000Z',
            openTime: '2026-01-02T03:00:00.000Z',
            closeTime: '2026-01-02T03:01:00.000Z',
          },
        ],
      },
    });
    expect(asked).toMatchObject([{ fromMs: Date.UTC(2026, 10, 30), toMs: Date.UTC(2026, 10, 30, 1, 0, 0, 250) }]);
  });
});
