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
  /** 0: any that is free. @default 0 */
  readonly port: number;
  /** @default DEFAULT_LISTINGS */
  readonly listings: readonly Listing[];
  /** So many more symbols, `GEN1USDT` and on. @default 0 */
  readonly generatedSymbols: number;
  /** An exchangeInfo document whose symbols stand in place of `listings`; null: none. @default null */
  readonly exchangeInfo: unknown;
  readonly accounts: readonly StandInAccount[];
  /** Two stand-ins with the same seed make the same markets when the same is done with them. @default 1 */
  readonly seed: number;
  /** Levels a side of a hand-made book. @default 50 */
  readonly bookLevels: number;
  readonly socket: Partial<SocketTimings>;
  /** Streams that one socket may have. @default 1024 */
  readonly maxStreams: number;
  readonly rest: Partial<RestLimits>;
  /** In `run`. @default 2000 */
  readonly klinePeriodMs: number;
  /** In `run`. @default [100, 2400] */
  readonly klineCloseDelayMs: readonly [number, number];
  /** Offers permessage-deflate. @default false */
  readonly compression: boolean;
  /** What its timers and its limits run by. @default the machine's */
  readonly clock: Clock;
  /** The venue's wall time, for what it says. @default the clock's */
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
 * Binance Spot on a port of loopback: market streams and REST as the venue's documentation and recordings have them, with
 * a hand-made market for each symbol and a switch for every fault. Whoever starts it disposes of it: then nothing is left.
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

  /** That it listens on, or listened on. */
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

  /** Those that are open now. */
  get sockets(): readonly StandInSocket[] {
    return this.#hub.sockets;
  }

  /** WebSocket handshakes that arrived, refused ones too. */
  get handshakes(): number {
    return this.#streams.handshakes;
  }

  /** Every text frame of a client, in the order of arrival. */
  get controlFrames(): readonly ControlFrame[] {
    return this.#streams.controlFrames;
  }

  /** REST requests, in the order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#rest.requests;
  }

  /** Of the running window, as the last reply's header said. */
  get usedWeight(): number {
    return this.#rest.usedWeight;
  }

  /** True while an open socket has it, whether or not the stream exists. */
  subscribed(stream: string): boolean {
    return this.#hub.has(stream);
  }

  async waitForSubscription(stream: string, deadlineMs = 10_000): Promise<void> {
    await waitFor(() => this.subscribed(stream), `a subscription to ${stream}`, deadlineMs);
  }

  async waitForUnsubscription(stream: string, deadlineMs = 10_000): Promise<void> {
    await waitFor(() => !this.subscribed(stream), `the end of the subscription to ${stream}`, deadlineMs);
  }

  /** The hand-made market of a listed symbol. */
  market(symbol: string): StandInMarket {
    const market = this.#markets.get(symbol) ?? this.#openMarket(symbol);
    if (market === undefined) throw new RangeError(`the stand-in does not list ${symbol}`);
    return market;
  }

  /** Lists a symbol, or changes its entry. With a source, REST answers from that one and not from a hand-made market. */
  list(entry: Listing, source?: SymbolSource): void {
    this.#listings.set(entry.info.symbol, entry);
    if (source !== undefined) this.#sources.set(entry.info.symbol, source);
  }

  /** The symbol is no longer listed; its streams fall silent. */
  unlist(symbol: string): void {
    this.#listings.delete(symbol);
    this.#markets.delete(symbol);
    this.#sources.delete(symbol);
  }

  /** Sends one message of a stream to those who have it; the payload's text is not touched. */
  publish(stream: string, payload: string): void {
    this.#hub.publish(stream, () => payload);
  }

  /** The sockets that have a stream. */
  hearers(stream: string): ReadonlySet<StandInSocket> {
    return this.#hub.hearers(stream);
  }

  /** Seeded random activity on every subscribed symbol that is TRADING, until disposed of. */
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
