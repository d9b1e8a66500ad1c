import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { createGraphql } from '../../src/graphql/createGraphql.ts';
import type { Graphql, GraphqlOptions } from '../../src/graphql/createGraphql.ts';
import { decimal } from '../../src/market/decimal.ts';
import type { OrderBookDraft, TickDraft, TradeDraft } from '../../src/market/marketData.ts';
import { fromEpochMs } from '../../src/market/timestamp.ts';
import { ScriptedGateway } from './ScriptedGateway.ts';
import type { ScriptedGatewayOptions } from './ScriptedGateway.ts';
import { waitFor } from './waitFor.ts';

export interface GraphqlGatewayOptions extends ScriptedGatewayOptions {
  readonly graphql?: Partial<GraphqlOptions['graphql']>;
  readonly options?: Partial<Pick<GraphqlOptions, 'heartbeatMs' | 'initTimeoutMs' | 'maxPayloadBytes' | 'compression'>>;
}

/** The real core and GraphQL layer on a free port of a plain HTTP server, fed by scripted brokers. */
export class GraphqlGateway extends ScriptedGateway implements AsyncDisposable {
  readonly graphql: Graphql;
  /** The lines of the log, each a JSON object. */
  readonly logged: string[];
  readonly #server: Server;

  private constructor(options: GraphqlGatewayOptions) {
    const logged: string[] = [];
    super({ ...options, logger: pino({ level: 'info' }, { write: (line: string) => logged.push(line) }) });
    this.logged = logged;
    this.graphql = createGraphql({
      services: options.wrap?.(this.services) ?? this.services,
      graphql: { introspection: true, graphiql: true, ...options.graphql },
      heartbeatMs: 12_000,
      maxPayloadBytes: 65_536,
      compression: { enabled: false, thresholdBytes: 1_024 },
      ...options.options,
    });
    this.#server = createServer((request, response) => {
      this.graphql.handle(request, response);
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.graphql.upgrade(request, socket, head);
    });
  }

  static async start(options: GraphqlGatewayOptions = {}): Promise<GraphqlGateway> {
    const gateway = new GraphqlGateway(options);
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/graphql`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/graphql`;
  }

  tick(bid: string, symbol = 'BTCUSDT', id = 'binance'): void {
    this.broker(id).sink.onEvent(this.broker(id).feed(`tick ${symbol}`), tickDraft(bid));
  }

  trade(id: number, symbol = 'BTCUSDT'): void {
    this.broker().sink.onEvent(this.broker().feed(`trade ${symbol}`), tradeDraft(id));
  }

  book(draft: OrderBookDraft, symbol = 'BTCUSDT'): void {
    this.broker().sink.onEvent(this.broker().feed(`orderbook ${symbol}`), draft);
  }

  /** POSTs a document and returns the response with its parsed body. */
  async post(
    query: string,
    { variables, headers }: { variables?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; headers: Headers; body: GraphqlResponse }> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as GraphqlResponse };
  }

  /** Resolves when no stream has a subscriber any more. */
  async isIdle(): Promise<void> {
    await waitFor(() => this.index.size === 0, 'every interest to be released');
    await waitFor(() => this.manager.openStreams === 0, 'every stream to be closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.graphql.close(1001);
    await this.closeCore();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export interface GraphqlResponse {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphqlResponseError[];
}

export interface GraphqlResponseError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: Record<string, unknown>;
}

const AT = fromEpochMs(Date.UTC(2026, 0, 2, 3, 4, 5));

export function tickDraft(bid: string): TickDraft {
  return {
    type: 'tick',
    time: AT,
    receivedAt: fromEpochMs(Date.now()),
    bid: decimal(bid),
    bidSize: decimal('1'),
    ask: decimal('200000.50'),
    askSize: null,
    last: null,
    mid: decimal('100.15'),
    spread: decimal('0.10'),
  };
}

export function tradeDraft(id: number): TradeDraft {
  return {
    type: 'trade',
    time: AT,
    receivedAt: fromEpochMs(Date.now()),
    tradeId: String(id),
    price: decimal('100.15'),
    size: decimal('0.50000'),
    side: 'sell',
    backfilled: false,
  };
}
