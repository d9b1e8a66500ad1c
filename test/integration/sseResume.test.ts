import { afterAll, expect, it } from 'vitest';
import { SseClient } from '../support/SseClient.ts';
import type { SseEvent } from '../support/SseClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const BROKER = 'mock-binance';
const owned = new AsyncDisposableStack();
afterAll(() => owned.disposeAsync());
const mock = { kind: BROKER, ticksPerSecond: 100, symbols: { BTCUSDT: 43250.1, ETHUSDT: 2280.55 } };
const gateway = owned.use(await startGateway({ config: { brokers: { [BROKER]: mock } } }));

interface Seen {
  readonly __typename: string;
  readonly symbol: string;
  readonly tradeId?: string;
  readonly replay?: { readonly recovered: boolean | null; readonly complete: boolean } | null;
}

const document = (symbols: readonly string[], types = 'TRADE'): string =>
  `subscription { marketData(broker: "${BROKER}", symbols: ${JSON.stringify(symbols)}, types: [${types}]) {
    __typename symbol ... on Trade { tradeId } ... on FeedStatus { replay { recovered complete } }
  } }`;

const seen = ({ data }: SseEvent): Seen =>
  (JSON.parse(data) as { readonly data: { readonly marketData: Seen } }).data.marketData;

const tradesOf = (events: readonly SseEvent[], symbol: string): number[] =>
  events
    .map(seen)
    .filter((each) => each.symbol === symbol && each.tradeId !== undefined)
    .map(({ tradeId }) => Number(tradeId));

function span(numbers: readonly number[]): number[] {
  const [first = 0] = numbers;
  return Array.from({ length: (numbers.at(-1) ?? first - 1) - first + 1 }, (_, at) => first + at);
}

/** Reads until there are some trades, and is cut off. */
async function read(query: string, lastId: string | null): Promise<readonly SseEvent[]> {
  const headers = lastId === null ? {} : { 'last-event-id': lastId };
  await using client = await SseClient.subscribe(gateway.urls.graphql, query, headers);
  await waitFor(() => client.events.length > 50);
  return [...client.events];
}

it.each([
  ['one stream', ['BTCUSDT']],
  ['several streams', ['BTCUSDT', 'ETHUSDT']],
])('server-sent events of %s go on behind the last one whose id the client has', async (_name, symbols) => {
  const all: SseEvent[] = [];
  let lastId: string | null = null;
  for (let cut = 0; cut < 5; cut += 1) {
    const events = await read(document(symbols), lastId);
    // The connection was cut at any place: what came behind it is not known to the client.
    const known = events.slice(0, 30 + 4 * cut);
    all.push(...known);
    lastId = known.findLast(({ id }) => id !== undefined)?.id ?? expect.fail('no id');
    if (cut > 0) expect(seen(known[0] ?? expect.fail()).replay).toEqual({ recovered: true, complete: true });
  }
  for (const symbol of symbols) {
    const trades = tradesOf(all, symbol);
    expect(trades.length).toBeGreaterThan(10);
    expect(trades).toEqual(span(trades));
  }
});

it('ticks have no ids, for the newest is enough', async () => {
  const events = await read(document(['BTCUSDT'], 'TICK'), null);
  expect(events.every(({ id }) => id === undefined)).toBe(true);
});

it('an id that is no list of cursors is refused with BAD_REQUEST', async () => {
  const url = `${gateway.urls.graphql}?query=${encodeURIComponent(document(['BTCUSDT']))}`;
  const headers = { accept: 'text/event-stream', 'last-event-id': 'x' };
  const answer = await fetch(url, { headers });
  expect(JSON.stringify(await answer.text())).toContain('BAD_REQUEST');
});
