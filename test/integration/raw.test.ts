import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decimal } from '../../src/market/decimal.ts';
import type { CandleDraft } from '../../src/market/marketData.ts';
import { RAW_TYPES } from '../../src/raw/messages.ts';
import type { SubscriptionListing } from '../../src/raw/messages.ts';
import { book, tick, trade } from '../support/events.ts';
import { RawClient } from '../support/RawClient.ts';
import { RawGateway } from '../support/RawGateway.ts';
import { waitFor } from '../support/waitFor.ts';

const oandaTraits = { supportedTypes: ['tick', 'candle', 'orderbook'] } as const;

type Draft = CandleDraft | ReturnType<typeof tick | typeof trade | typeof book>;

/** Makes the venue send an event of a stream, named as in `tick BTCUSDT`. */
function emit(gateway: RawGateway, name: string, event: Draft): void {
  const broker = gateway.broker();
  broker.sink.onEvent(broker.feed(name), event);
}

async function subscribed(gateway: RawGateway): Promise<RawClient> {
  const client = await RawClient.connect(gateway.url);
  await client.subscribe('binance', ['BTCUSDT', 'ETHUSDT'], ['tick', 'trade']);
  await client.subscribe('oanda', ['EUR_USD', 'BTCUSDT'], ['tick']);
  return client;
}

async function listed(client: RawClient): Promise<readonly SubscriptionListing[]> {
  const { subscriptions } = await client.ask({ action: 'list' });
  return z
    .array(z.object({ broker: z.string(), type: z.enum(RAW_TYPES), symbols: z.array(z.string()), options: z.object() }))
    .parse(subscriptions);
}

const candle = (close: string): CandleDraft => {
  const { time, receivedAt } = tick(1);
  const price = decimal(close);
  const prices = { open: price, high: price, low: price, close: price, volume: decimal('1') };
  return {
    type: 'candle',
    time,
    receivedAt,
    interval: '1m',
    openTime: time,
    closeTime: time,
    ...prices,
    tradeCount: 1,
    closed: false,
    backfilled: false,
  };
};

describe('a new connection', () => {
  it('gets a greeting', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    expect(client.messages[0]).toMatchObject({ type: 'status', status: 'connected', message: expect.any(String) });
  });
});

describe('subscribe', () => {
  it('answers once with the outcome for every symbol, with the id, before any data', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.subscribe('binance', ['BTCUSDT', 'BTCUSD', 'ETHUSDT'], ['tick', 'trade']);
    expect(answer).toMatchObject({
      type: 'status',
      id: 'ask-1',
      status: 'subscribed',
      broker: 'binance',
      symbols: ['BTCUSDT', 'ETHUSDT'],
      types: ['tick', 'trade'],
      rejected: [{ symbol: 'BTCUSD', code: 'UNKNOWN_SYMBOL', message: expect.stringContaining('BTCUSDT') }],
    });
    expect(answer['routes']).toBeUndefined();
    await gateway.wanted('tick BTCUSDT');
    emit(gateway, 'tick BTCUSDT', tick(1));
    emit(gateway, 'trade ETHUSDT', trade(1));
    await waitFor(() => client.data('trade', 'ETHUSDT').length === 1 && client.data('tick', 'BTCUSDT').length === 1);
    expect(client.messages.filter(({ id }) => id === 'ask-1')).toHaveLength(1);
  });

  it('is followed by the last known values, after the answer', async () => {
    await using gateway = await RawGateway.start();
    await using first = await RawClient.connect(gateway.url);
    await first.subscribe('binance', ['BTCUSDT']);
    await gateway.wanted('tick BTCUSDT');
    emit(gateway, 'tick BTCUSDT', tick(1, '99.1'));
    await waitFor(() => first.data('tick').length === 1);

    await using second = await RawClient.connect(gateway.url);
    await second.subscribe('binance', ['BTCUSDT']);
    await waitFor(() => second.data('tick')[0]?.['bid'] === '99.1');
    expect(second.messages.map(({ type }) => type)).toEqual(['status', 'status', 'data']);
    // Two events were sent, but only the live one counts: it alone shows how fast the gateway is.
    const { values } = await gateway.metrics.deliveryLatency.get();
    expect(values.find(({ metricName }) => metricName?.endsWith('_count'))?.value).toBe(1);
  });

  it('is not followed by the last known values if the client has turned that off', async () => {
    await using gateway = await RawGateway.start();
    await using first = await RawClient.connect(gateway.url);
    await first.subscribe('binance', ['BTCUSDT']);
    await gateway.wanted('tick BTCUSDT');
    emit(gateway, 'tick BTCUSDT', tick(1, '99.1'));
    await using second = await RawClient.connect(gateway.url);
    await second.subscribe('binance', ['BTCUSDT'], ['tick'], { snapshot: false });
    emit(gateway, 'tick BTCUSDT', tick(2, '99.2'));
    await waitFor(() => second.data('tick').length > 0);
    expect(second.data('tick').map(({ bid }) => bid)).toEqual(['99.2']);
  });

  it('gives an error if nothing was accepted', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    expect(await client.subscribe('binance', ['NOPE1', 'NOPE2'])).toMatchObject({
      type: 'error',
      broker: 'binance',
      code: 'UNKNOWN_SYMBOL',
      retryable: false,
      symbols: ['NOPE1', 'NOPE2'],
      rejected: [{ symbol: 'NOPE1' }, { symbol: 'NOPE2' }],
    });
    expect((await client.ask({ action: 'list' }))['subscriptions']).toEqual([]);
  });

  it('gives an error for an unknown broker, and for a type that the broker lacks', async () => {
    await using gateway = await RawGateway.start({ brokers: { oanda: { lists: ['EUR_USD'], traits: oandaTraits } } });
    await using client = await RawClient.connect(gateway.url);
    const unknown = await client.subscribe('binanc', ['BTCUSDT']);
    expect(unknown).toMatchObject({ type: 'error', code: 'UNKNOWN_BROKER', message: expect.stringContaining('oanda') });
    const unsupported = await client.subscribe('oanda', ['EUR_USD'], ['trade']);
    expect(unsupported).toMatchObject({ type: 'error', code: 'UNSUPPORTED_TYPE', broker: 'oanda', retryable: false });
  });

  it('gives an error for a broker that needs credentials', async () => {
    const traits = { requiresAuthentication: true };
    await using gateway = await RawGateway.start({ brokers: { oanda: { lists: ['EUR_USD'], traits } } });
    await using client = await RawClient.connect(gateway.url);
    expect(await client.subscribe('oanda', ['EUR_USD'])).toMatchObject({ code: 'BROKER_AUTHENTICATION_REQUIRED' });
  });
});

describe('subscribe without a broker', () => {
  const brokers = {
    binance: { lists: ['BTCUSDT', 'SHARED'] },
    oanda: { lists: ['EUR_USD', 'SHARED'], traits: oandaTraits },
  };

  it('names the broker if one serves all symbols', async () => {
    await using gateway = await RawGateway.start({ brokers });
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.subscribe(null, ['EUR_USD']);
    expect(answer).toMatchObject({ status: 'subscribed', broker: 'oanda', symbols: ['EUR_USD'] });
    expect(answer['routes']).toBeUndefined();
  });

  it('says which symbol is served by which broker if several do', async () => {
    await using gateway = await RawGateway.start({ brokers });
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.subscribe(null, ['BTCUSDT', 'EUR_USD', 'SHARED']);
    expect(answer).toMatchObject({
      status: 'subscribed',
      symbols: ['BTCUSDT', 'EUR_USD'],
      routes: [
        { symbol: 'BTCUSDT', broker: 'binance' },
        { symbol: 'EUR_USD', broker: 'oanda' },
      ],
      rejected: [{ symbol: 'SHARED', code: 'AMBIGUOUS_SYMBOL' }],
    });
    expect(answer['broker']).toBeUndefined();
  });
});

describe('subscribing again', () => {
  it('to the same changes nothing, and no event comes twice', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick', 'trade']);
    await gateway.wanted('tick BTCUSDT');
    emit(gateway, 'tick BTCUSDT', tick(1, '1'));
    await client.subscribe('binance', ['BTCUSDT', 'ETHUSDT'], ['tick']);
    emit(gateway, 'tick BTCUSDT', tick(2, '2'));
    emit(gateway, 'trade BTCUSDT', trade(1));
    await waitFor(() => client.data('trade').length === 1);
    expect(client.data('tick').map(({ bid }) => bid)).toEqual(['1', '2']);
    expect(gateway.broker().wantedNames.filter((name) => name === 'tick BTCUSDT')).toHaveLength(1);
  });

  it('replaces the options, such as the depth of a book, which begins with the current book', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['orderbook'], { depth: 2 });
    await gateway.wanted('orderbook BTCUSDT');
    const bids: [string, string][] = [
      ['3', '1'],
      ['2', '1'],
      ['1', '1'],
    ];
    emit(gateway, 'orderbook BTCUSDT', book(1, 'snapshot', { bids }));
    await waitFor(() => client.data('orderbook').length === 1);
    await client.subscribe('binance', ['BTCUSDT'], ['orderbook'], { depth: 1, book: 'delta' });
    emit(gateway, 'orderbook BTCUSDT', book(2, 'delta', { bids: [['3', '5']] }));
    await waitFor(() => client.data('orderbook').length === 3);
    const books = client.data('orderbook').map(({ kind, bids: levels }) => [kind, levels]);
    expect(books).toEqual([
      [
        'snapshot',
        [
          ['3', '1'],
          ['2', '1'],
        ],
      ],
      ['snapshot', [['3', '1']]],
      ['delta', [['3', '5']]],
    ]);
  });

  it('with another throttle neither repeats the last value nor loses the one that was held back', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick'], { throttleMs: 60_000 });
    await gateway.wanted('tick BTCUSDT');
    emit(gateway, 'tick BTCUSDT', tick(1, '1'));
    emit(gateway, 'tick BTCUSDT', tick(2, '2'));
    await waitFor(() => client.data('tick').length === 1);
    await client.subscribe('binance', ['BTCUSDT'], ['tick'], { throttleMs: 0 });
    await client.subscribe('binance', ['BTCUSDT'], ['tick'], { throttleMs: 1 });
    await client.subscribe('binance', ['BTCUSDT'], ['tick'], { throttleMs: 0 });
    emit(gateway, 'tick BTCUSDT', tick(3, '3'));
    await waitFor(() => client.data('tick').length >= 3);
    await client.ask({ action: 'ping' });
    expect(client.data('tick').map(({ bid }) => bid)).toEqual(['1', '2', '3']);
  });

  it('with another interval replaces the candles', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['candle'], { interval: '5m' });
    await client.subscribe('binance', ['BTCUSDT'], ['candle']);
    await waitFor(() => gateway.broker().wantedNames.join() === 'candle BTCUSDT 1m');
    emit(gateway, 'candle BTCUSDT', candle('1.50'));
    await waitFor(() => client.data('candle').length === 1);
    expect(client.data('candle')[0]).toMatchObject({ interval: '1m', close: '1.50' });
  });

  it('leaves a stream alone if the changed option does not apply to its type', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick']);
    await gateway.wanted('tick BTCUSDT');
    emit(gateway, 'tick BTCUSDT', tick(1, '1'));
    await client.subscribe('binance', ['BTCUSDT'], ['tick'], { depth: 5, interval: '1h' });
    emit(gateway, 'tick BTCUSDT', tick(2, '2'));
    await waitFor(() => client.data('tick').length >= 2);
    expect(client.data('tick').map(({ bid }) => bid)).toEqual(['1', '2']);
  });
});

describe('unsubscribe', () => {
  const brokers = { binance: { lists: ['BTCUSDT', 'ETHUSDT'] }, oanda: { lists: ['EUR_USD', 'BTCUSDT'] } };

  it.each<[string, object, string[], string[]]>([
    [
      'ends subscriptions by broker and symbol',
      { broker: 'binance', symbols: ['BTCUSDT'] },
      ['BTCUSDT'],
      ['binance trade ETHUSDT', 'binance tick ETHUSDT', 'oanda tick EUR_USD,BTCUSDT'],
    ],
    [
      'ends subscriptions by symbol, with every broker',
      { symbols: ['BTCUSDT'] },
      ['BTCUSDT'],
      ['binance trade ETHUSDT', 'binance tick ETHUSDT', 'oanda tick EUR_USD'],
    ],
    [
      'ends subscriptions by type',
      { broker: 'binance', symbols: ['BTCUSDT'], types: ['trade'] },
      ['BTCUSDT'],
      ['binance tick BTCUSDT,ETHUSDT', 'binance trade ETHUSDT', 'oanda tick EUR_USD,BTCUSDT'],
    ],
    [
      'ends subscriptions by type alone, with every broker',
      { types: ['tick'] },
      ['BTCUSDT', 'ETHUSDT', 'EUR_USD'],
      ['binance trade BTCUSDT,ETHUSDT'],
    ],
    [
      'ends all subscriptions with a broker',
      { broker: 'binance' },
      ['BTCUSDT', 'ETHUSDT'],
      ['oanda tick EUR_USD,BTCUSDT'],
    ],
    ['ends every subscription', {}, ['BTCUSDT', 'ETHUSDT', 'EUR_USD'], []],
    [
      'changes nothing if no subscription matches',
      { broker: 'nobody', symbols: ['X'] },
      [],
      ['binance tick BTCUSDT,ETHUSDT', 'binance trade BTCUSDT,ETHUSDT', 'oanda tick EUR_USD,BTCUSDT'],
    ],
  ])('%s', async (_name, selection, released, left) => {
    await using gateway = await RawGateway.start({ brokers });
    await using client = await subscribed(gateway);
    const answer = await client.ask({ action: 'unsubscribe', ...selection });
    expect(answer).toMatchObject({ type: 'status', status: 'unsubscribed', symbols: released });
    const names = (await listed(client)).map(({ broker, type, symbols }) => `${broker} ${type} ${symbols.join()}`);
    expect(names.toSorted()).toEqual(left.toSorted());
  });

  it('stops the data, and closes the streams at the venue that nobody wants any more', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT', 'ETHUSDT']);
    await gateway.wanted('tick ETHUSDT');
    await client.ask({ action: 'unsubscribe', symbols: ['BTCUSDT'] });
    await waitFor(() => gateway.broker().wantedNames.join() === 'tick ETHUSDT');
    expect(client.data('tick')).toEqual([]);
  });
});

describe('list, ping, authenticate', () => {
  it('list returns the subscriptions, with the options that apply', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT', 'ETHUSDT'], ['tick', 'orderbook'], { depth: 5, throttleMs: 100 });
    expect(await client.ask({ action: 'list' })).toMatchObject({
      type: 'status',
      status: 'subscriptions',
      subscriptions: [
        { broker: 'binance', type: 'tick', symbols: ['BTCUSDT', 'ETHUSDT'], options: { throttleMs: 100 } },
        { broker: 'binance', type: 'orderbook', options: { depth: 5, book: 'snapshot', throttleMs: 100 } },
      ],
    });
  });

  it('ping is answered with pong and its id', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    client.send({ action: 'ping', id: 42 });
    expect(await client.waitFor(({ id }) => id === 42)).toMatchObject({ type: 'status', status: 'pong' });
  });

  it.each(['authenticate', 'auth'])('%s with a broker that needs no credentials is refused', async (action) => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    const answer = await client.ask({ action, broker: 'binance', credentials: { token: 'canary' } });
    expect(answer).toMatchObject({ type: 'error', code: 'BAD_REQUEST', broker: 'binance', retryable: false });
    expect(answer['message']).toContain('takes no credentials');
    expect(JSON.stringify(answer)).not.toContain('canary');
  });
});

describe('trouble with a feed', () => {
  it('is reported whatever types were subscribed to, once for each change, and then live', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['tick', 'trade', 'candle']);
    await gateway.wanted('candle BTCUSDT');
    const broker = gateway.broker();
    for (const type of ['tick', 'trade', 'candle'])
      broker.sink.onFeed(broker.feed(`${type} BTCUSDT`), { kind: 'live' });
    broker.sink.onFeed(broker.feed('tick BTCUSDT'), { kind: 'stale', reason: 'Silence.' });
    broker.sink.onFeed(broker.feed('tick BTCUSDT'), { kind: 'live' });
    await client.waitFor(({ status }) => status === 'live');
    const messages = client.messages.filter(({ symbol }) => symbol === 'BTCUSDT');
    expect(messages).toEqual([
      { type: 'status', status: 'stale', broker: 'binance', symbol: 'BTCUSDT', message: 'Silence.' },
      { type: 'status', status: 'live', broker: 'binance', symbol: 'BTCUSDT', message: expect.any(String) },
    ]);
  });

  it('is reported as gap besides the state if events are missing, but not to later subscribers', async () => {
    await using gateway = await RawGateway.start();
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT'], ['trade']);
    await gateway.wanted('trade BTCUSDT');
    const broker = gateway.broker();
    broker.sink.onFeed(broker.feed('trade BTCUSDT'), { kind: 'recovering', reason: 'Lost.' });
    broker.sink.onFeed(broker.feed('trade BTCUSDT'), { kind: 'gap', reason: 'Trades 5 to 9 are lost.', to: null });
    await client.waitFor(({ status }) => status === 'gap');
    const statuses = client.messages.filter(({ symbol }) => symbol === 'BTCUSDT').map(({ status }) => status);
    expect(statuses).toEqual(['recovering', 'gap']);

    await using later = await RawClient.connect(gateway.url);
    await later.subscribe('binance', ['BTCUSDT'], ['trade']);
    await later.ask({ action: 'ping' });
    expect(later.messages.filter(({ symbol }) => symbol === 'BTCUSDT').map(({ status }) => status)).toEqual([
      'recovering',
    ]);
  });

  it('is reported at once if it exists at the time of subscribing', async () => {
    await using gateway = await RawGateway.start();
    gateway.broker().sink.onStatus({ kind: 'waiting', delayMs: 1_000, reason: 'The venue is away.' });
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT']);
    const status = await client.waitFor(({ symbol }) => symbol === 'BTCUSDT');
    expect(status).toMatchObject({ status: 'recovering', message: 'The venue is away.' });
  });

  it('is reported from live again to a client that subscribes anew', async () => {
    await using gateway = await RawGateway.start();
    await using other = await RawClient.connect(gateway.url);
    await other.subscribe('binance', ['BTCUSDT']);
    await using client = await RawClient.connect(gateway.url);
    await client.subscribe('binance', ['BTCUSDT']);
    await gateway.wanted('tick BTCUSDT');
    const broker = gateway.broker();
    broker.sink.onFeed(broker.feed('tick BTCUSDT'), { kind: 'stale', reason: 'Silence.' });
    await client.waitFor(({ status }) => status === 'stale');
    await client.ask({ action: 'unsubscribe' });
    await client.subscribe('binance', ['BTCUSDT']);
    await waitFor(() => client.messages.filter(({ status }) => status === 'stale').length === 2);
  });
});
