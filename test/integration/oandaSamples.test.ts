import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { RawClient } from '../support/RawClient.ts';
import { hasRecordings } from '../support/recordings.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { SamplePlayer } from '../venues/oanda/SamplePlayer.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
const SAMPLES = [
  'oanda/stream-2016-EUR_USD-EUR_JPY.ndjson',
  'oanda/stream-2017-EUR_USD-EUR_JPY-float-liquidity.ndjson',
  'oanda/stream-2019-two-lines-trailing-crlf.ndjson',
];

const Line = z.object({ type: z.string().optional(), bids: z.array(z.unknown()), asks: z.array(z.unknown()) });

/** The ladder of a recorded line as it must arrive: prices as sent, liquidity with the digits that it was written with. */
function ladders(line: string): { bids: string[][]; asks: string[][] } {
  Line.parse(JSON.parse(line));
  const side = (name: string): string[][] => {
    const [, levels = ''] = new RegExp(`"${name}":\\s*\\[(.*?)\\]`).exec(line) ?? [];
    return [...levels.matchAll(/\{[^}]*\}/g)].map(([level]) => {
      const [, price = ''] = /"price":\s*"([^"]+)"/.exec(level) ?? [];
      const [, size = ''] = /"liquidity":\s*"?([\d.]+)/.exec(level) ?? [];
      return [price, size];
    });
  };
  return { bids: side('bids'), asks: side('asks') };
}

describe.skipIf(!hasRecordings).each(SAMPLES)('%s', (sample) => {
  it('arrives at both protocols with the venue’s digits, each price once and in order', async () => {
    await using stack = new AsyncDisposableStack();
    const venue = stack.use(
      await StandInOanda.start({ accounts: [ACCOUNT], limits: { connectionsPerSecond: 100 }, heartbeatMs: 60_000 }),
    );
    const player = new SamplePlayer(venue, sample);
    const oanda = {
      kind: 'oanda',
      restUrl: venue.restUrl,
      streamUrl: venue.streamUrl,
      token: ACCOUNT.token,
      accountId: ACCOUNT.id,
    };
    const gateway = stack.use(await startGateway({ config: { brokers: { oanda } } }));
    const raw = stack.use(await RawClient.connect(gateway.urls.raw));
    await raw.subscribe('oanda', player.instruments, ['orderbook'], { depth: 100, snapshot: false });
    const client = createClient({
      url: gateway.urls.graphql.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    });
    stack.defer(async () => {
      await client.dispose();
    });
    const told: { symbol: string; bids: { price: string; size: string }[]; asks: { price: string; size: string }[] }[] =
      [];
    const query = `subscription ($symbols: [String!]!) { marketData(broker: "oanda", symbols: $symbols, types: [ORDERBOOK], options: { depth: 100, snapshot: false }) { symbol ... on OrderBook { bids { price size } asks { price size } } } }`;
    client.subscribe<{ marketData: (typeof told)[number] }>(
      { query, variables: { symbols: player.instruments } },
      {
        next: ({ data }) => {
          if (data) told.push(data.marketData);
        },
        error: (error) => {
          throw new Error(JSON.stringify(error));
        },
        complete: () => undefined,
      },
    );
    await venue.waitForStream(ACCOUNT.id, [...player.instruments]);
    await expect
      .poll(() => gateway.metrics.registry.getSingleMetricAsString('tickgraph_subscriptions'))
      .toContain('{protocol="graphql-ws"} 1');
    await player.play();

    for (const instrument of player.instruments) {
      const expected = player.pricesOf(instrument).map(ladders);
      const pairs = (levels: { price: string; size: string }[]): string[][] =>
        levels.map(({ price, size }) => [price, size]);
      const overGraphql = (): unknown[] =>
        told
          .filter(({ symbol }) => symbol === instrument)
          .map(({ bids, asks }) => ({ bids: pairs(bids), asks: pairs(asks) }));
      const overRaw = (): unknown[] => raw.data('orderbook', instrument).map(({ bids, asks }) => ({ bids, asks }));
      await waitFor(
        () => overGraphql().length >= expected.length && overRaw().length >= expected.length,
        `${expected.length} books of ${instrument}`,
      );
      expect(overRaw()).toEqual(expected);
      expect(overGraphql()).toEqual(expected);
    }
  });
});
