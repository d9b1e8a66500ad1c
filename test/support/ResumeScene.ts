import { systemClock } from '../../src/shared/clock.ts';
import type { Clock } from '../../src/shared/clock.ts';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { DEFAULT_LISTINGS } from '../venues/binance/instruments.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';
import type { SymbolSource } from '../venues/binance/SymbolSource.ts';
import { RawClient } from './RawClient.ts';
import type { RawMessage } from './RawClient.ts';
import { startGateway, standInBroker } from './startGateway.ts';
import { waitFor } from './waitFor.ts';

export type Data = Readonly<Record<string, unknown>>;

export interface SceneOptions {
  readonly venue?: Partial<StandInOptions>;
  readonly broker?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
}

/** A venue's history of one symbol, which may be a moment behind its stream. */
class LaggingHistory implements SymbolSource {
  /** So many of the newest trades are not in it yet. */
  lag = 0;
  readonly #market: () => SymbolSource;

  constructor(market: () => SymbolSource) {
    this.#market = market;
  }

  depthReply(limit: number): string | Promise<string> {
    return this.#market().depthReply(limit);
  }

  trades(query: Parameters<SymbolSource['trades']>[0]): ReturnType<SymbolSource['trades']> {
    const found = this.#market().trades({ ...query, limit: query.limit + this.lag });
    return found.slice(0, Math.max(0, found.length - this.lag));
  }

  aggTrades(query: Parameters<SymbolSource['aggTrades']>[0]): ReturnType<SymbolSource['aggTrades']> {
    const found = this.#market().aggTrades(query);
    return found.slice(0, Math.max(0, found.length - this.lag));
  }

  bars(query: Parameters<SymbolSource['bars']>[0]): ReturnType<SymbolSource['bars']> {
    return this.#market().bars(query);
  }

  best(): ReturnType<SymbolSource['best']> {
    return this.#market().best();
  }

  lastPrice(): string {
    return this.#market().lastPrice();
  }
}

/** A venue and gateways that are started one after the other, with raw clients that come and go. */
export class ResumeScene implements AsyncDisposable {
  readonly venue: StandInBinance;
  readonly #options: SceneOptions;
  readonly #stack: AsyncDisposableStack;
  readonly #history: LaggingHistory;
  #gateway: MarketDataServer | null = null;

  private constructor(venue: StandInBinance, options: SceneOptions, stack: AsyncDisposableStack) {
    this.venue = venue;
    this.#options = options;
    this.#stack = stack;
    this.#history = new LaggingHistory(() => venue.market('BTCUSDT'));
  }

  static async start(options: SceneOptions = {}): Promise<ResumeScene> {
    await using stack = new AsyncDisposableStack();
    const { clock = systemClock } = options;
    const venue = stack.use(await StandInBinance.start({ clock, ...options.venue }));
    const scene = new ResumeScene(venue, options, stack.move());
    await scene.restart();
    return scene;
  }

  get gateway(): MarketDataServer {
    if (this.#gateway === null) throw new Error('no gateway is running');
    return this.#gateway;
  }

  /** Ends the gateway, if one runs, does something meanwhile, and starts another. */
  async restart(meanwhile: () => void | Promise<void> = () => undefined): Promise<void> {
    await this.#gateway?.[Symbol.asyncDispose]();
    await meanwhile();
    const brokers = { binance: standInBroker(this.venue, this.#options.broker) };
    const config = { ...this.#options.config, brokers };
    const { clock = systemClock } = this.#options;
    const gateway = await startGateway({ config, clock });
    this.#gateway = gateway;
    this.#stack.use(gateway);
    const catalog = (): boolean => this.venue.requests.some(({ status }) => status === 200);
    await waitFor(catalog, 'the catalog to be fetched');
  }

  async connect(): Promise<RawClient> {
    return this.#stack.use(await RawClient.connect(this.gateway.urls.raw));
  }

  /** A client that subscribes, with these members in its message. */
  async subscribe(members: object = {}): Promise<RawClient> {
    const client = await this.connect();
    const answer = await client.ask({
      action: 'subscribe',
      broker: 'binance',
      symbols: ['BTCUSDT'],
      types: ['trade'],
      ...members,
    });
    if (answer['status'] !== 'subscribed') throw new Error(JSON.stringify(answer));
    return client;
  }

  /** Makes so many trades at the venue. */
  trade(count: number): void {
    for (let n = 0; n < count; n += 1) this.venue.market('BTCUSDT').trade();
  }

  /** The venue's history lacks so many of the newest trades. The venue does not trade by itself from then on. */
  lagBy(trades: number): void {
    this.#history.lag = trades;
    const listing = DEFAULT_LISTINGS.find(({ info }) => info.symbol === 'BTCUSDT');
    if (listing === undefined) throw new Error('BTCUSDT is not listed');
    this.venue.list(listing, this.#history);
  }

  requestsTo(path: string): number {
    return this.venue.requests.filter((request) => request.path === path).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** The outcome that a client was told of the symbol. */
export async function outcomeOf(client: RawClient): Promise<unknown> {
  const message = await client.waitFor(({ status }) => status === 'replay', 'the outcome');
  return message['replay'];
}

/** What a client was sent of a symbol after the answer: ids of trades, and `gap` where one was told. */
export function story(messages: readonly RawMessage[]): readonly (number | 'gap')[] {
  return messages.flatMap((message): (number | 'gap')[] => {
    if (message['status'] === 'gap') return ['gap'];
    const data = message['data'] as Data | undefined;
    return data?.['type'] === 'trade' ? [Number(data['tradeId'])] : [];
  });
}

export function idsOf(trades: readonly Data[]): readonly number[] {
  return trades.map(({ tradeId }) => Number(tradeId));
}

/** The numbers from the first to the last, both included. */
export function span(numbers: readonly number[], step = 1): readonly number[] {
  const [first = 0] = numbers;
  const length = Math.round(((numbers.at(-1) ?? first - step) - first) / step) + 1;
  return Array.from({ length }, (_, at) => first + at * step);
}

/** The last cursor of each of the types that the client got. */
export function lastCursors(client: RawClient, ...types: readonly string[]): readonly unknown[] {
  return types.map((type) => client.data(type).at(-1)?.['cursor']);
}
