import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { resumable, subscribeMarketData } from '../../client/index.ts';
import type { ResumableOptions } from '../../client/index.ts';
import { seededRandom } from '../../src/shared/random.ts';
import { closedCandles } from '../support/candles.ts';
import { CuttingProxy } from '../support/CuttingProxy.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { SUBSCRIBERS } from '../support/subscribers.ts';
import type { StreamEvent } from '../support/subscribers.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] as const;
const TYPES = ['TRADE', 'CANDLE'] as const;
const STREAMS = SYMBOLS.flatMap((symbol) => TYPES.map((type) => ({ symbol, type, name: `${symbol} ${type}` })));
type Stream = (typeof STREAMS)[number];
const EVENTS = 100;
const CANDLES = closedCandles(2 * EVENTS);

/** The numbers of the events that a subscription has received, by stream. */
class Received {
  readonly streams = new Map<string, number[]>();

  readonly take = ({ symbol, type, sequence }: StreamEvent): void => {
    const numbers = this.streams.get(`${symbol} ${type}`) ?? [];
    numbers.push(sequence);
    this.streams.set(`${symbol} ${type}`, numbers);
  };

  last({ name }: Stream): number | undefined {
    return this.streams.get(name)?.at(-1);
  }
}

/** The real gateway with events in all streams, behind a network that can be cut. */
class Market implements AsyncDisposable {
  readonly network: CuttingProxy;
  readonly #gateway: GraphqlGateway;
  /** A client that is never cut. It keeps the streams open while the clients of the test are away. */
  readonly #witness: TransportWsClient;
  readonly #published = new Map<Stream, number>();

  private constructor(gateway: GraphqlGateway, network: CuttingProxy, witness: TransportWsClient) {
    this.#gateway = gateway;
    this.network = network;
    this.#witness = witness;
  }

  static async open(): Promise<Market> {
    const gateway = await GraphqlGateway.start();
    const witness = await TransportWsClient.connect(gateway.wsUrl);
    const args = `symbols: ${JSON.stringify(SYMBOLS)}, types: [${TYPES.join()}]`;
    witness.subscribe('all', `subscription { marketData(${args}) { symbol type sequence } }`);
    for (const { symbol, type } of STREAMS) await gateway.wanted(`${type.toLowerCase()} ${symbol}`);
    return new Market(gateway, await CuttingProxy.to(gateway.port), witness);
  }

  /** The numbers of everything that was published, by stream; null while the witness does not have all of it. */
  get published(): Received | null {
    const received = new Received();
    for (const { payload } of this.#witness.messages as readonly {
      payload?: { data: { marketData: StreamEvent } };
    }[]) {
      if (payload?.data !== undefined) received.take(payload.data.marketData);
    }
    const isBehind = ([{ name }, count]: [Stream, number]): boolean => received.streams.get(name)?.length !== count;
    return [...this.#published].some(isBehind) ? null : received;
  }

  connect(options: ResumableOptions = {}): Client {
    return createClient({
      url: `ws://127.0.0.1:${this.network.port}/graphql`,
      webSocketImpl: WebSocket,
      ...resumable({ retryWait: () => new Promise(setImmediate), ...options }),
    });
  }

  /** Publishes the next event of a stream. */
  publish(stream: Stream): void {
    const number = (this.#published.get(stream) ?? 0) + 1;
    this.#published.set(stream, number);
    const { symbol, type } = stream;
    const broker = this.#gateway.broker();
    const candle = CANDLES[number];
    if (type === 'TRADE') this.#gateway.trade(number, symbol);
    else if (candle !== undefined) broker.sink.onEvent(broker.feed(`candle ${symbol}`), candle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#witness[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
    await this.#gateway[Symbol.asyncDispose]();
  }
}

describe.each(SUBSCRIBERS)('%s with resumable()', (_name, subscribe) => {
  it.each([1, 2])('gets every event of every stream exactly once, however it is cut (seed %i)', async (seed) => {
    await using market = await Market.open();
    const socket = market.connect();
    // Two subscriptions on one socket, each with two streams of each of its symbols.
    const subscriptions = [SYMBOLS.slice(0, 2), SYMBOLS.slice(2)].map((symbols) => {
      const received = new Received();
      const stop = subscribe(socket, { symbols, types: [...TYPES] }, received.take);
      return { symbols, received, stop };
    });
    const lastOf = (stream: Stream): number | undefined =>
      subscriptions.find(({ symbols }) => symbols.includes(stream.symbol))?.received.last(stream);
    const haveAll = (): boolean => {
      const { published } = market;
      return published !== null && STREAMS.every((stream) => lastOf(stream) === published.last(stream));
    };
    await waitFor(() => {
      const silent = STREAMS.filter((stream) => lastOf(stream) === undefined);
      for (const stream of silent) market.publish(stream);
      return silent.length === 0;
    }, 'a first event of each stream');

    const random = seededRandom(seed);
    for (let event = 0; event < EVENTS; event += 1) {
      const stream = STREAMS[Math.floor(random() * STREAMS.length)];
      if (stream !== undefined) market.publish(stream);
      const step = random();
      if (step < 0.1) market.network.cut();
      else if (step < 0.2) market.network.cut(Math.floor(random() * 3_000));
      else if (step < 0.3) await waitFor(haveAll, 'all that was published');
      else if (step < 0.7) await new Promise(setImmediate);
    }
    await waitFor(haveAll, 'the last events');

    expect(market.network.cuts).toBeGreaterThan(5);
    const published = market.published ?? expect.fail('The witness has not everything.');
    for (const { symbols, received, stop } of subscriptions) {
      stop();
      const own = STREAMS.filter(({ symbol }) => symbols.includes(symbol)).map(({ name }) => name);
      expect([...received.streams.keys()].toSorted()).toEqual(own.toSorted());
      for (const [name, numbers] of received.streams) {
        expect(numbers).toEqual(published.streams.get(name)?.filter((number) => number >= (numbers[0] ?? 0)));
      }
    }
    await socket.dispose();
  });
});

describe('A client with resumable()', () => {
  const subscribe = SUBSCRIBERS[0]?.[1] ?? expect.fail('There is no client.');

  it('does not renew a subscription that it has ended, and begins a new one without cursors', async () => {
    await using market = await Market.open();
    const sent: Record<string, unknown>[] = [];
    const socket = market.connect({
      jsonMessageReplacer: (key, value) => {
        const message = value as { type: string; payload: { variables: Record<string, unknown> } };
        if (key === '' && message.type === 'subscribe') sent.push(message.payload.variables);
        return value;
      },
    });
    const [btc, eth] = STREAMS.filter(({ type }) => type === 'TRADE');
    if (btc === undefined || eth === undefined) throw new Error('There are no streams of trades.');
    const [first, kept] = [new Received(), new Received()];
    const stop = subscribe(socket, { symbols: [btc.symbol], types: ['TRADE'] }, first.take);
    subscribe(socket, { symbols: [eth.symbol], types: ['TRADE'] }, kept.take);
    await waitFor(() => {
      for (const stream of [btc, eth]) market.publish(stream);
      return first.last(btc) !== undefined && kept.last(eth) !== undefined;
    }, 'both subscriptions');
    stop();
    market.network.cut();
    await waitFor(() => sent.length === 3, 'the reconnect');
    subscribe(socket, { symbols: [btc.symbol], types: ['TRADE'] }, first.take);
    await waitFor(() => sent.length === 4, 'the new subscription');
    expect(sent[2]).toMatchObject({ symbols: [eth.symbol], tickgraph_resume: [expect.any(String)] });
    expect(sent[3]).toEqual({ symbols: [btc.symbol], types: ['TRADE'] });
    await socket.dispose();
  });

  it('waits for a gateway that is away', async () => {
    let attempts = 0;
    await using market = await Market.open();
    const socket = market.connect({ retryWait: async () => void (attempts += 1) });
    await market.network[Symbol.asyncDispose]();
    const ends: unknown[] = [];
    const stop = subscribeMarketData(
      socket,
      { symbols: ['BTCUSDT'] },
      { next: () => undefined, error: (problem) => ends.push(problem), complete: () => ends.push('complete') },
    );
    await waitFor(() => attempts > 10, 'more attempts than a client makes by default');
    stop();
    await waitFor(() => ends.length > 0, 'the end');
    expect(ends).toEqual(['complete']);
  });

  it('reports an error that its sink throws', async () => {
    await using market = await Market.open();
    const socket = market.connect();
    const bug = new Error('A bug of the application.');
    const errors: unknown[] = [];
    subscribeMarketData(
      socket,
      { symbols: ['BTCUSDT'], types: ['TRADE'] },
      {
        next: () => {
          throw bug;
        },
        error: (problem) => errors.push(problem),
        complete: () => undefined,
      },
    );
    const [trades] = STREAMS;
    await waitFor(() => {
      if (trades !== undefined) market.publish(trades);
      return errors.length > 0;
    }, 'the error');
    expect(errors).toEqual([bug]);
    await socket.dispose();
  });
});
