import { describe, expect, it } from 'vitest';
import { tick } from '../support/events.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { MultipartClient } from '../support/MultipartClient.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { SseClient } from '../support/SseClient.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const synthetic = { synthetic: true };
/** The venue of `binance` can't be reached. */
const brokers = { binance: {}, 'mock-binance': { lists: ['BTCUSDT', 'MADE_UP'], traits: synthetic } };

describe('a client that names no broker', () => {
  it('is not given made-up prices while the real venue is away: it is told so, and gets the real ones later', async () => {
    await using gateway = await RawGateway.start({ brokers });
    gateway.broker().unreachable();
    gateway.broker().sink.onStatus({ kind: 'waiting', delayMs: 1_000, reason: 'The venue is away.' });
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.subscribe(null, ['BTCUSDT']);
    expect(answer).toMatchObject({ status: 'subscribed', broker: 'binance', synthetic: false });
    const status = await client.waitFor((message) => message['status'] === 'recovering');
    expect(status).toMatchObject({ broker: 'binance', message: 'The venue is away.' });
    await gateway.wanted('tick BTCUSDT');
    expect(gateway.broker('mock-binance').wantedNames).toEqual([]);
    const binance = gateway.broker().lists('BTCUSDT');
    binance.sink.onStatus({ kind: 'connected' });
    binance.sink.onEvent(binance.feed('tick BTCUSDT'), tick(1));
    await client.waitFor(({ type, broker }) => type === 'data' && broker === 'binance');
  });

  it('is not given what only a mock broker has, and is told who has it', async () => {
    const known = { ...brokers, binance: { lists: ['BTCUSDT'] } };
    await using raw = await RawGateway.start({ brokers: known });
    await using client = await RawClient.connect(raw.url);
    expect(await client.subscribe(null, ['MADE_UP'])).toMatchObject({
      code: 'UNKNOWN_SYMBOL',
      message: expect.stringContaining('mock-binance') as string,
    });
  });

  it('is given them where no real broker is enabled, and so is who names the mock broker: marked as synthetic', async () => {
    await using alone = await RawGateway.start({ brokers: { 'mock-binance': brokers['mock-binance'] } });
    await using first = await RawClient.connect(alone.url);
    const mocked = { status: 'subscribed', broker: 'mock-binance', synthetic: true };
    expect(await first.subscribe(null, ['BTCUSDT'])).toMatchObject(mocked);
    await using both = await RawGateway.start({ brokers });
    both.broker().unreachable();
    await using second = await RawClient.connect(both.url);
    expect(await second.subscribe('mock-binance', ['BTCUSDT'])).toMatchObject(mocked);
    both.manager.configured('binance').setEnabled(false);
    expect(await second.subscribe(null, ['MADE_UP'])).toMatchObject(mocked);
  });
});

/** A client of a subscription over GraphQL, and everything that it has received as text. */
interface Watcher extends AsyncDisposable {
  readonly text: () => string;
}
type Watch = (gateway: GraphqlGateway, query: string) => Promise<Watcher>;

const overSocket: Watch = async ({ wsUrl }, query) => {
  const client = await TransportWsClient.connect(wsUrl);
  client.subscribe('1', query);
  return { text: () => JSON.stringify(client.messages), [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
};
const overSse: Watch = async ({ url }, query) => {
  const client = await SseClient.subscribe(url, query);
  return {
    text: () => client.events.map(({ data }) => data).join('\n'),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
};
const overMultipart: Watch = async ({ url }, query) => {
  const client = await MultipartClient.subscribe(url, query);
  return { text: () => JSON.stringify(client.messages), [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
};

describe.each([
  ['a GraphQL socket', overSocket],
  ['server-sent events', overSse],
  ['multipart', overMultipart],
])('a client that names no broker over %s', (_name, watch) => {
  const TICKS =
    'subscription { marketData(symbols: ["BTCUSDT"], types: [TICK, STATUS]) { broker ... on FeedStatus { state } ... on Tick { bid } } }';

  it('is not given made-up prices while the real venue is away, and gets the real ones later', async () => {
    await using gateway = await GraphqlGateway.start({ brokers });
    gateway.broker().unreachable();
    gateway.broker().sink.onStatus({ kind: 'waiting', delayMs: 1_000, reason: 'The venue is away.' });
    await using client = await watch(gateway, TICKS);
    await waitFor(() => client.text().includes('"broker":"binance","state":"RECOVERING"'), 'the trouble to be told');
    expect(gateway.broker('mock-binance').wantedNames).toEqual([]);
    gateway.broker().lists('BTCUSDT');
    gateway.broker().sink.onStatus({ kind: 'connected' });
    gateway.tick('1.50');
    await waitFor(() => client.text().includes('"broker":"binance","bid":"1.50"'), 'the real price');
    expect(client.text()).not.toContain('mock-binance');
  });

  it('is not given what only a mock broker has', async () => {
    await using gateway = await GraphqlGateway.start({ brokers: { ...brokers, binance: { lists: ['BTCUSDT'] } } });
    await using client = await watch(gateway, TICKS.replace('BTCUSDT', 'MADE_UP'));
    await waitFor(() => client.text().includes('UNKNOWN_SYMBOL'), 'the refusal');
    expect(gateway.broker('mock-binance').wantedNames).toEqual([]);
  });
});
