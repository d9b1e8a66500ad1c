import { expect } from 'vitest';
import { z } from 'zod';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';
import type { StandInOptions } from '../venues/oanda/StandInOanda.ts';
import type { GraphqlResponse } from './GraphqlGateway.ts';
import type { Interval } from './oandaSamples.ts';
import { RawClient } from './RawClient.ts';
import { startGateway } from './startGateway.ts';
import { TransportWsClient } from './TransportWsClient.ts';
import { waitFor } from './waitFor.ts';

/** An invented account. */
export const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };

export interface OandaSampleOptions {
  readonly venue?: Partial<StandInOptions>;
  /** If true, ACCOUNT serves every client; otherwise each client brings its own account. @default true */
  readonly shared?: boolean;
  /** Runs with the venue before the gateway starts. */
  readonly before?: (venue: StandInOanda) => void;
}

interface Wish {
  readonly symbols: readonly string[];
  readonly types: readonly EventType[];
  /** Null routes by symbol. @default "oanda" */
  readonly broker?: string | null;
  /** The interval of the candles. */
  readonly interval?: Interval;
}

type EventType = 'tick' | 'orderbook' | 'candle';

const FIELDS: Record<EventType, readonly string[]> = {
  tick: ['time', 'bid', 'bidSize', 'ask', 'askSize', 'last', 'mid', 'spread'],
  orderbook: ['time', 'kind', 'bids', 'asks'],
  candle: ['openTime', 'closeTime', 'open', 'high', 'low', 'close', 'volume', 'tradeCount', 'closed'],
};
export const SELECTIONS: Record<EventType, string> = {
  tick: FIELDS.tick.join(' '),
  orderbook: 'time kind bids { price size } asks { price size }',
  candle: FIELDS.candle.join(' '),
};
const SUBSCRIPTION = `subscription ($broker: ID, $symbols: [String!]!, $types: [MarketDataType!]!, $options: MarketDataOptions) {
  marketData(broker: $broker, symbols: $symbols, types: $types, options: $options) {
    broker symbol type ${Object.entries({ Tick: 'tick', OrderBook: 'orderbook', Candle: 'candle' } as const)
      .map(([name, type]) => `... on ${name} { ${SELECTIONS[type]} }`)
      .join(' ')} ... on FeedStatus { state reason }
  }
}`;

const Event = z.looseObject({ symbol: z.string(), type: z.string() });
const Side = z.array(z.object({ price: z.string(), size: z.string() }));

/** A stand-in for the venue that serves samples, the whole gateway in front of it, and a client of each protocol. */
export class OandaSampleGateway implements AsyncDisposable {
  readonly venue: StandInOanda;
  readonly raw: RawClient;
  readonly #gateway: MarketDataServer;
  readonly #graphql: TransportWsClient;
  /** The results of the subscription that have been parsed so far. */
  readonly #parsed: z.infer<typeof Event>[] = [];
  readonly #parts: AsyncDisposableStack;
  #nextId = 1;

  private constructor(
    parts: Pick<OandaSampleGateway, 'venue' | 'raw'> & { gateway: MarketDataServer; graphql: TransportWsClient },
    owned: AsyncDisposableStack,
  ) {
    this.venue = parts.venue;
    this.raw = parts.raw;
    this.#gateway = parts.gateway;
    this.#graphql = parts.graphql;
    this.#parts = owned;
  }

  static async start({
    venue: options = {},
    shared = true,
    before,
  }: OandaSampleOptions = {}): Promise<OandaSampleGateway> {
    await using stack = new AsyncDisposableStack();
    const limits = { connectionsPerSecond: 100 };
    const venue = stack.use(
      await StandInOanda.start({ accounts: [ACCOUNT], limits, heartbeatMs: 60_000, windowMs: 0, ...options }),
    );
    before?.(venue);
    const { restUrl, streamUrl } = venue;
    const credentials = shared ? { token: ACCOUNT.token, accountId: ACCOUNT.id } : {};
    const oanda = { kind: 'oanda', restUrl, streamUrl, ...credentials };
    const gateway = stack.use(await startGateway({ config: { brokers: { oanda } } }));
    const raw = stack.use(await RawClient.connect(gateway.urls.raw));
    const graphql = stack.use(await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws')));
    return new OandaSampleGateway({ venue, raw, gateway, graphql }, stack.move());
  }

  /** Everything that was received over either protocol. */
  get frames(): readonly object[] {
    return [...this.raw.messages, ...this.#graphql.messages];
  }

  /** Sets the stand-in's next answers to requests of the account for this path. */
  answer(path: string, body: string, { status = 200, times = 1 } = {}): void {
    this.venue.faults.rest.nextReply(status, { path: `/v3/accounts/${ACCOUNT.id}/${path}`, body, times });
  }

  /** Returns the requests for this path of the account so far. */
  asked(path: string): Record<string, string>[] {
    const requests = this.venue.requests.filter((request) => request.path === `/v3/accounts/${ACCOUNT.id}/${path}`);
    return requests.map(({ query }) => Object.fromEntries(query));
  }

  /** Runs a GraphQL query or mutation over the socket of the subscription. */
  async ask(query: string, variables: Record<string, unknown> = {}): Promise<GraphqlResponse> {
    const id = `ask-${this.#nextId++}`;
    this.#graphql.subscribe(id, query, variables);
    const { payload } = await this.#graphql.message((message) => message.id === id);
    return payload as GraphqlResponse;
  }

  /** Subscribes both clients; resolves when both are subscribed, with the answer of the raw protocol. */
  async subscribe({ symbols, types, broker = 'oanda', interval }: Wish): Promise<unknown> {
    const options = { depth: 100, snapshot: true };
    const ofInterval = (name: string | undefined): object => (name === undefined ? {} : { interval: name });
    const answer = await this.raw.subscribe(broker, symbols, types, { ...options, ...ofInterval(interval?.raw) });
    this.#graphql.subscribe('live', SUBSCRIPTION, {
      broker,
      symbols,
      types: [...types.map((type) => type.toUpperCase()), 'STATUS'],
      options: { ...options, ...ofInterval(interval?.graphql) },
    });
    await expect
      .poll(() => this.#gateway.metrics.registry.getSingleMetricAsString('tickgraph_subscriptions'), {
        timeout: 10_000,
      })
      .toContain('{protocol="graphql-ws"} 1');
    return answer;
  }

  /** Returns the events of one type and one symbol that each protocol delivered, in order and in the same form. */
  received(
    type: EventType,
    symbol: string,
  ): { readonly raw: readonly Record<string, unknown>[]; readonly graphql: readonly Record<string, unknown>[] } {
    const raw = this.raw.data(type, symbol).map((data) => pick(data, FIELDS[type]));
    const graphql = this.#events(symbol)
      .filter((event) => event.type === type.toUpperCase())
      .map((event) => pick(asRaw(event), FIELDS[type]));
    return { raw, graphql };
  }

  /** Expects exactly these events over either protocol. */
  async expectReceived(type: EventType, symbol: string, expected: readonly object[]): Promise<void> {
    await waitFor(
      () => Object.values(this.received(type, symbol)).every(({ length }) => length >= expected.length),
      `${expected.length} times ${type} of ${symbol}`,
    );
    expect(this.received(type, symbol)).toEqual({ raw: expected, graphql: expected });
  }

  /** Returns the state of the symbol's feed and its reason, as each protocol reported them last. */
  standing(symbol: string): { readonly raw: unknown; readonly graphql: unknown } {
    const raw = this.raw.messages.findLast((message) => message.type === 'status' && message['symbol'] === symbol);
    const graphql = this.#events(symbol).findLast(({ type }) => type === 'STATUS');
    return {
      raw: { state: raw?.['status'], reason: raw?.['message'] },
      graphql: { state: String(graphql?.['state']).toLowerCase(), reason: graphql?.['reason'] },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  #events(symbol: string): readonly z.infer<typeof Event>[] {
    const frames = this.#graphql.of('live').filter(({ type }) => type === 'next');
    for (const { payload } of frames.slice(this.#parsed.length)) {
      this.#parsed.push(z.object({ data: z.object({ marketData: Event }) }).parse(payload).data.marketData);
    }
    return this.#parsed.filter((event) => event.symbol === symbol);
  }
}

/** Converts a GraphQL event to the form of the raw protocol: levels as pairs, and enum values in lower case. */
export function asRaw(event: Record<string, unknown>): Record<string, unknown> {
  if (!('bids' in event)) return event;
  const pairs = (side: unknown): string[][] => Side.parse(side).map(({ price, size }) => [price, size]);
  return {
    ...event,
    kind: String(event['kind']).toLowerCase(),
    bids: pairs(event['bids']),
    asks: pairs(event['asks']),
  };
}

function pick(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
