import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../../../src/shared/clock.ts';
import type { Clock } from '../../../src/shared/clock.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import type { Random } from '../../../src/shared/random.ts';
import { waitFor } from '../../support/waitFor.ts';
import { DEFAULT_ACCOUNT } from './account.ts';
import type { StandInAccount } from './account.ts';
import { Faults } from './Faults.ts';
import { DEFAULT_LISTINGS, generatedListings, listingsOf } from './instruments.ts';
import type { Listing } from './instruments.ts';
import { liveMarket } from './liveMarket.ts';
import { RestApi } from './RestApi.ts';
import type { RecordedRequest, RestLimits } from './RestApi.ts';
import { SocketHub } from './SocketHub.ts';
import { StandInMarket } from './StandInMarket.ts';
import type { SocketTimings, StandInSocket } from './StandInSocket.ts';
import { StreamServer } from './StreamServer.ts';
import type { ControlFrame } from './StreamServer.ts';
import type { SymbolSource } from './SymbolSource.ts';
import { Timers } from '../timing.ts';
import type { Now } from '../timing.ts';

export interface StandInOptions {
  /** 0 for any free port. @default 0 */
  readonly port: number;
  /** @default DEFAULT_LISTINGS */
  readonly listings: readonly Listing[];
  /** This many more symbols, `GEN1USDT` and on. @default 0 */
  readonly generatedSymbols: number;
  /** An exchangeInfo document whose symbols replace `listings`; null for none. @default null */
  readonly exchangeInfo: unknown;
  readonly accounts: readonly StandInAccount[];
  /** Two stand-ins with the same seed and the same calls make the same markets. @default 1 */
  readonly seed: number;
  /** The number of levels on each side of a generated book. @default 50 */
  readonly bookLevels: number;
  readonly socket: Partial<SocketTimings>;
  /** The number of streams that one socket may have. @default 1024 */
  readonly maxStreams: number;
  readonly rest: Partial<RestLimits>;
  /** Used by `run`. @default 2000 */
  readonly klinePeriodMs: number;
  /** Used by `run`. @default [100, 2400] */
  readonly klineCloseDelayMs: readonly [number, number];
  /** Offers permessage-deflate. @default false */
  readonly compression: boolean;
  /** Drives its timers and its limits. @default the machine's */
  readonly clock: Clock;
  /** The venue's wall time, which its messages show. @default the clock's */
  readonly now: Now;
}

const DEFAULT_OPTIONS: Omit<StandInOptions, 'now'> = {
  port: 0,
  listings: DEFAULT_LISTINGS,
  generatedSymbols: 0,
  exchangeInfo: null,
  accounts: [DEFAULT_ACCOUNT],
  seed: 1,
  bookLevels: 50,
  socket: {},
  maxStreams: 1024,
  rest: {},
  klinePeriodMs: 2000,
  klineCloseDelayMs: [100, 2400],
  compression: false,
  clock: systemClock,
};

const SOCKET_DEFAULTS: SocketTimings = {
  pingPeriodMs: 20_000,
  pongDeadlineMs: 60_000,
  framesPerSecond: 5,
  lifetimeMs: null,
};
const REST_DEFAULTS: RestLimits = {
  weight: 6000,
  windowMs: 60_000,
  refusalsBeforeBan: 10,
  banMs: 120_000,
  marketDataOnly: false,
};

/**
 * Binance Spot on a port of loopback: market streams and REST as in the venue's documentation and recordings, with a
 * market for each symbol that a test controls and a switch for every fault. Whoever starts it disposes of it, which
 * leaves nothing behind.
 */
export class StandInBinance implements AsyncDisposable {
  readonly faults: Faults;
  readonly random: Random;
  readonly #life = new AbortController();
  readonly #options: StandInOptions;
  readonly #hub = new SocketHub();
  readonly #timers: Timers;
  readonly #listings = new Map<string, Listing>();
  readonly #markets = new Map<string, StandInMarket>();
  readonly #sources = new Map<string, SymbolSource>();
  readonly #connections = new Set<Socket>();
  readonly #server = createServer();
  readonly #streams: StreamServer;
  readonly #rest: RestApi;
  #port = 0;
  #closing: Promise<void> | null = null;

  private constructor(options: StandInOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock);
    this.random = seededRandom(options.seed);
    const listings = options.exchangeInfo === null ? options.listings : listingsOf(options.exchangeInfo);
    for (const entry of [...listings, ...generatedListings(options.generatedSymbols)]) this.list(entry);
    const market = (symbol: string): StandInMarket => this.market(symbol);
    this.faults = new Faults({ hub: this.#hub, market, now: options.now }, options.socket.lifetimeMs ?? null);
    this.#streams = new StreamServer({
      hub: this.#hub,
      faults: this.faults,
      clock: options.clock,
      timers: this.#timers,
      timings: { ...SOCKET_DEFAULTS, ...options.socket },
      maxStreams: options.maxStreams,
      compression: options.compression,
      now: options.now,
      emit: ({ symbol, kind }) => {
        if (this.#trades(symbol)) this.market(symbol).emit(kind);
      },
    });
    const limits = { ...REST_DEFAULTS, ...options.rest };
    const parts = { clock: options.clock, timers: this.#timers, faults: this.faults.rest };
    this.#rest = new RestApi({ ...parts, world: this.#world(limits), limits });
    this.#server.on('connection', (socket) => {
      this.#onConnection(socket);
    });
    this.#server.on('request', (request, response) => {
      if (this.faults.refuseConnections) request.socket.resetAndDestroy();
      else this.#rest.handle(request, response);
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.#streams.upgrade(request, socket, head);
    });
  }

  static async start(options: Partial<StandInOptions> = {}): Promise<StandInBinance> {
    const { clock = systemClock } = options;
    const now = (): number => performance.timeOrigin + clock.monotonic();
    const standIn = new StandInBinance({ ...DEFAULT_OPTIONS, now, ...options });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    standIn.#server.once('error', reject);
    standIn.#server.listen(standIn.#options.port, '127.0.0.1', resolve);
    await promise;
    const address = standIn.#server.address();
    if (typeof address === 'object' && address !== null) standIn.#port = address.port;
    return standIn;
  }

  /** The port on which it listens, or listened. */
  get port(): number {
    return this.#port;
  }

  get restUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get websocketUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Aborted when the stand-in is disposed of. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** The open sockets. */
  get sockets(): readonly StandInSocket[] {
    return this.#hub.sockets;
  }

  /** The number of WebSocket handshakes that arrived, including refused ones. */
  get handshakes(): number {
    return this.#streams.handshakes;
  }

  /** Every text frame of a client, in order of arrival. */
  get controlFrames(): readonly ControlFrame[] {
    return this.#streams.controlFrames;
  }

  /** The REST requests, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#rest.requests;
  }

  /** The weight used in the running window, as in the last reply's header. */
  get usedWeight(): number {
    return this.#rest.usedWeight;
  }

  /** True while an open socket is subscribed to it, whether or not the stream exists. */
  subscribed(stream: string): boolean {
    return this.#hub.has(stream);
  }

  async waitForSubscription(stream: string, deadlineMs = 10_000): Promise<void> {
    await waitFor(() => this.subscribed(stream), `a subscription to ${stream}`, deadlineMs);
  }

  async waitForUnsubscription(stream: string, deadlineMs = 10_000): Promise<void> {
    await waitFor(() => !this.subscribed(stream), `the end of the subscription to ${stream}`, deadlineMs);
  }

  /** The market of a listed symbol, for a test to control. */
  market(symbol: string): StandInMarket {
    const market = this.#markets.get(symbol) ?? this.#openMarket(symbol);
    if (market === undefined) throw new RangeError(`the stand-in does not list ${symbol}`);
    return market;
  }

  /**
   * Lists a symbol, or changes its entry. If a source is given, REST answers from it instead of from a market of the
   * test.
   */
  list(entry: Listing, source?: SymbolSource): void {
    this.#listings.set(entry.info.symbol, entry);
    if (source !== undefined) this.#sources.set(entry.info.symbol, source);
  }

  /** Takes the symbol off the list; its streams fall silent. */
  unlist(symbol: string): void {
    this.#listings.delete(symbol);
    this.#markets.delete(symbol);
    this.#sources.delete(symbol);
  }

  /** Sends one message of a stream to its subscribers; the payload's text is not changed. */
  publish(stream: string, payload: string): void {
    this.#hub.publish(stream, () => payload);
  }

  /** The sockets that are subscribed to a stream. */
  subscribers(stream: string): ReadonlySet<StandInSocket> {
    return this.#hub.subscribers(stream);
  }

  /** Makes seeded random activity on every subscribed symbol that is TRADING, until disposed of. */
  run({ everyMs }: { readonly everyMs: number }): Disposable {
    const step = liveMarket({
      random: this.random,
      streams: () => this.#hub.live(),
      market: (symbol) => (this.#sources.has(symbol) || !this.#trades(symbol) ? undefined : this.market(symbol)),
    });
    return this.#timers.every(everyMs, step);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#life.abort();
    this.#timers[Symbol.dispose]();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => {
      resolve();
    });
    await this.#streams.close();
    for (const connection of this.#connections) connection.destroy();
    await promise;
  }

  #world(limits: RestLimits): ConstructorParameters<typeof RestApi>[0]['world'] {
    return {
      now: this.#options.now,
      symbols: () => [...this.#listings.values()].map(({ info }) => info),
      source: (symbol) => this.#sources.get(symbol) ?? this.#markets.get(symbol) ?? this.#openMarket(symbol),
      accounts: this.#options.accounts,
      rateLimits: [
        { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: limits.weight },
        { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 100 },
        { rateLimitType: 'ORDERS', interval: 'DAY', intervalNum: 1, limit: 200_000 },
        { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 300_000 },
      ],
    };
  }

  #openMarket(symbol: string): StandInMarket | undefined {
    const entry = this.#listings.get(symbol);
    if (entry === undefined) return undefined;
    const { now, bookLevels, klinePeriodMs, klineCloseDelayMs } = this.#options;
    const market = new StandInMarket({
      listing: entry,
      hub: this.#hub,
      now,
      random: this.random,
      levels: bookLevels,
      klines: { periodMs: klinePeriodMs, closeDelayMs: klineCloseDelayMs },
    });
    this.#markets.set(symbol, market);
    return market;
  }

  #trades(symbol: string): boolean {
    return this.#listings.get(symbol)?.info.status === 'TRADING';
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => {
      this.#connections.delete(socket);
    });
    socket.on('error', () => {
      socket.destroy();
    });
    if (this.faults.refuseConnections) socket.resetAndDestroy();
  }
}
