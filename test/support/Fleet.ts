import { FeedAuditor } from './FeedAuditor.ts';
import { GatewayProcess } from './GatewayProcess.ts';
import { CuttingProxy } from './CuttingProxy.ts';
import { RedisServer } from './RedisServer.ts';
import { waitFor } from './waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

export interface FleetOptions {
  /** @default 2 */
  readonly gateways?: number;
  /** A command that makes a user of Redis, and the user with its password for the URL. @default the default user */
  readonly login?: { readonly command: readonly string[]; readonly user: string };
  /** Of each gateway, besides what a fleet needs. */
  readonly env?: Readonly<Record<string, string>>;
}

const FEED = { broker: 'binance', symbol: 'BTCUSDT', types: ['tick', 'trade', 'candle', 'orderbook'] } as const;

/** A gateway of a fleet in a process of its own, and a subscriber that audits what it delivers. */
export interface FleetGateway {
  readonly process: GatewayProcess;
  readonly url: string;
  readonly auditor: FeedAuditor;
  /** Its network to Redis. */
  readonly line: CuttingProxy;
}

/** How many states each subscriber has been told. */
export function told(gateways: readonly FleetGateway[]): readonly number[] {
  return gateways.map(({ auditor }) => auditor.states.length);
}

/** Resolves when one of these states has been told since, with the time that it took. */
export async function untilTold({ auditor }: FleetGateway, state: string, since = 0): Promise<number> {
  const began = performance.now();
  await waitFor(() => auditor.states.slice(since).includes(state), `the state ${state}`);
  return performance.now() - began;
}

/** A busy venue, a Redis, and gateways that share the connection to the venue over it. */
export class Fleet implements AsyncDisposable {
  readonly venue: StandInBinance;
  readonly redis: RedisServer;
  readonly gateways: FleetGateway[] = [];
  readonly #stack: AsyncDisposableStack;
  readonly #env: Readonly<Record<string, string>>;
  #user = '';
  #traffic: Disposable | null = null;

  private constructor(
    venue: StandInBinance,
    redis: RedisServer,
    env: FleetOptions['env'],
    stack: AsyncDisposableStack,
  ) {
    this.venue = venue;
    this.redis = redis;
    this.#env = env ?? {};
    this.#stack = stack;
  }

  static async start({ gateways = 2, env = {}, login }: FleetOptions = {}): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const venue = stack.use(await StandInBinance.start({ klinePeriodMs: 100, klineCloseDelayMs: [10, 200] }));
    const redis = stack.use(await RedisServer.start());
    const fleet = new Fleet(venue, redis, env, stack.move());
    fleet.#user = login === undefined ? '' : `${login.user}@`;
    try {
      if (login !== undefined) await redis.ask(...login.command);
      fleet.#traffic = venue.run({ everyMs: 20 });
      for (let n = 0; n < gateways; n += 1) await fleet.add();
      await fleet.untilLive();
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
    return fleet;
  }

  /** Another gateway with a subscriber of its own. The first one leads. */
  async add(): Promise<FleetGateway> {
    const { redis, venue } = this;
    const line = this.#stack.use(await CuttingProxy.to(redis.port));
    const process = this.#stack.use(
      new GatewayProcess({
        env: {
          HOST: '127.0.0.1',
          PORT: '0',
          REDIS_URL: `redis://${this.#user}127.0.0.1:${line.port}`,
          TICKGRAPH_BUS__ENGINE: 'redis',
          TICKGRAPH_BROKERS__BINANCE__WEBSOCKET_URL: venue.websocketUrl,
          TICKGRAPH_BROKERS__BINANCE__REST_URL: venue.restUrl,
          TICKGRAPH_BROKERS__OANDA: 'null',
          TICKGRAPH_BROKERS__MOCK_BINANCE: 'null',
          TICKGRAPH_BROKERS__MOCK_OANDA: 'null',
          TICKGRAPH_FEEDS__RECONNECT: '{ baseMs: 20, maxMs: 100 }',
          ...this.#env,
        },
      }),
    );
    const url = await process.listening();
    await waitFor(async () => (await fetch(`${url}/ready`)).ok, 'a gateway that is ready');
    const raw = `${url.replace('http', 'ws')}/ws`;
    const urls = { http: url, graphql: `${url}/graphql`, raw };
    const auditor = this.#stack.use(await FeedAuditor.raw({ urls }, FEED));
    const gateway = { process, url, auditor, line };
    this.gateways.push(gateway);
    return gateway;
  }

  /** The gateway leaves the fleet, as far as this object knows. Whoever removes it ends its process. */
  remove(gateway: FleetGateway): void {
    this.gateways.splice(this.gateways.indexOf(gateway), 1);
  }

  gateway(index: number): FleetGateway {
    const gateway = this.gateways[index];
    if (gateway === undefined) throw new RangeError(`there is no gateway ${index}`);
    return gateway;
  }

  /** These gateways deliver, as far as their subscribers can tell. */
  async untilLive(gateways: readonly FleetGateway[] = this.gateways): Promise<void> {
    await waitFor(
      () => gateways.every(({ auditor }) => auditor.state === 'live' && auditor.of('orderbook').length > 0),
      'live feeds',
    );
  }

  /** So many more trades for the subscribers of these gateways. */
  async trades(count: number, gateways: readonly FleetGateway[] = this.gateways): Promise<void> {
    const before = gateways.map(({ auditor }) => auditor.tradeIds.length);
    await waitFor(
      () => gateways.every(({ auditor }, at) => auditor.tradeIds.length >= (before[at] ?? 0) + count),
      `${count} more trades`,
    );
  }

  /** The traffic ends, and what came to these gateways is as it was promised, to the last change of the book. */
  async settle(gateways: readonly FleetGateway[] = this.gateways): Promise<void> {
    this.stopTraffic();
    const market = this.venue.market('BTCUSDT');
    market.trade();
    const { lastTradeId } = this;
    market.depth();
    await waitFor(() => {
      const { bids, asks } = market.book();
      const oracle = JSON.stringify({ bids: bids.slice(0, 10), asks: asks.slice(0, 10) });
      return gateways.every(
        ({ auditor }) => auditor.tradeIds.at(-1) === lastTradeId && JSON.stringify(auditor.book) === oracle,
      );
    }, 'the last trade and the venue’s own book');
    for (const { auditor } of gateways) auditor.check();
  }

  /** The market stands still from now on. */
  stopTraffic(): void {
    this.#traffic?.[Symbol.dispose]();
  }

  get lastTradeId(): number {
    const [last] = this.venue.market('BTCUSDT').trades({ limit: 1, fromId: null });
    return last?.id ?? 0;
  }

  /** The connections of the fleet to the venue. */
  get upstreams(): number {
    return this.venue.sockets.filter(({ open }) => open).length;
  }

  async untilUpstreams(count: number): Promise<void> {
    await waitFor(() => this.upstreams === count, `${count} connections to the venue`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#traffic?.[Symbol.dispose]();
    await this.#stack.disposeAsync();
  }
}
