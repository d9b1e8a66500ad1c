import { systemClock } from '../../../src/shared/clock.ts';
import type { Clock } from '../../../src/shared/clock.ts';
import { seededRandom } from '../../../src/shared/random.ts';
import type { Random } from '../../../src/shared/random.ts';
import { waitFor } from '../../support/waitFor.ts';
import { Timers } from '../timing.ts';
import type { Now } from '../timing.ts';
import { AccountMarket } from './AccountMarket.ts';
import { AccountTable, DEFAULT_ACCOUNTS } from './accounts.ts';
import type { AccountDraft } from './accounts.ts';
import { Faults } from './Faults.ts';
import { DEFAULT_LIMITS, Gate } from './Gate.ts';
import type { Limits } from './Gate.ts';
import type { Granularity } from './granularity.ts';
import { HttpHost } from './HttpHost.ts';
import type { Call, RecordedRequest } from './HttpHost.ts';
import { DEFAULT_LISTINGS } from './instruments.ts';
import type { Listing } from './instruments.ts';
import type { ClientPrice, PriceDraft, PriceStyle } from './prices.ts';
import type { Reply } from './ReplyFaults.ts';
import { RestApi } from './RestApi.ts';
import type { StandInStream, StreamTimings } from './StandInStream.ts';
import { StreamApi, streamAccount } from './StreamApi.ts';
import { StreamHub } from './StreamHub.ts';
import { VenueTime } from './time.ts';
import { VenueMarket } from './VenueMarket.ts';

export interface StandInOptions {
  /** @default DEFAULT_LISTINGS */
  readonly listings: readonly Listing[];
  /** @default DEFAULT_ACCOUNTS */
  readonly accounts: readonly AccountDraft[];
  /** Two stand-ins with the same seed and the same calls make the same prices. @default 1 */
  readonly seed: number;
  /** @default 5000 */
  readonly heartbeatMs: number;
  /**
   * If an instrument has several prices in a window of this length, a stream gets the last; 0 sends all. @default 250
   */
  readonly windowMs: number;
  readonly limits: Partial<Limits>;
  /**
   * Serves REST and streams on one port; the venue has two hosts, neither of which serves the other's paths. @default
   * false
   */
  readonly onePort: boolean;
  /** The status for a well-formed account that the token may not use. @default 403 */
  readonly foreignAccountStatus: 401 | 403;
  /** The default of `includeFirst` in a candle request: true is documented, false was recorded. @default true */
  readonly includeFirst: boolean;
  /** Whether a slot before the start had no price. @default a fifth of the slots below a minute */
  readonly isQuiet: (granularity: Granularity, startMs: number) => boolean;
  /** Drives its timers and its limits. @default the machine's */
  readonly clock: Clock;
  /** The venue's wall time, which its messages show. @default the clock's */
  readonly now: Now;
}

const DEFAULT_OPTIONS: Omit<StandInOptions, 'now'> = {
  listings: DEFAULT_LISTINGS,
  accounts: DEFAULT_ACCOUNTS,
  seed: 1,
  heartbeatMs: 5000,
  windowMs: 250,
  limits: {},
  onePort: false,
  foreignAccountStatus: 403,
  includeFirst: true,
  isQuiet: (granularity, startMs) => granularity.startsWith('S') && (startMs / 5000) % 5 === 2,
  clock: systemClock,
};

/**
 * OANDA's v20 API on loopback: REST and price streams as in the venue's documentation and recordings, a market for each
 * instrument that every account sees with prices of its own, and a switch for every fault. Whoever starts it disposes
 * of it, which leaves nothing behind.
 */
export class StandInOanda implements AsyncDisposable {
  readonly faults: Faults;
  readonly random: Random;
  readonly #life = new AbortController();
  readonly #options: StandInOptions;
  readonly #accounts: AccountTable;
  readonly #hub = new StreamHub();
  readonly #timers: Timers;
  readonly #time: VenueTime;
  readonly #markets = new Map<string, VenueMarket>();
  readonly #requests: RecordedRequest[] = [];
  readonly #restApi: RestApi;
  readonly #streamApi: StreamApi;
  readonly #rest: HttpHost;
  /** The same as `#rest` if there is one port. */
  readonly #stream: HttpHost;
  #closing: Promise<void> | null = null;

  private constructor(options: StandInOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock);
    this.random = seededRandom(options.seed);
    this.#time = new VenueTime(options.now);
    this.#accounts = new AccountTable(options.accounts);
    for (const entry of options.listings) this.list(entry);
    this.faults = new Faults({
      hub: this.#hub,
      nowMs: options.now,
      closeIdleConnections: () => {
        for (const host of this.#hosts) host.closeIdleConnections();
      },
      lastPrice: (accountId, instrument) => this.lastPrice(accountId, instrument),
      olderPrice: (accountId, instrument) => this.accountMarket(accountId, instrument).older,
    });
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const gate = this.#gate(limits);
    const market = (accountId: string, name: string): AccountMarket | null => this.#marketOf(accountId, name);
    this.#restApi = new RestApi({ gate, world: this.#world(limits) });
    this.#streamApi = new StreamApi({
      gate,
      market,
      hub: this.#hub,
      faults: this.faults,
      time: this.#time,
      timings: this.#timings(),
      clock: options.clock,
      random: seededRandom(options.seed + 1),
    });
    this.#rest = this.#host('rest');
    this.#stream = options.onePort ? this.#rest : this.#host('stream');
  }

  static async start(options: Partial<StandInOptions> = {}): Promise<StandInOanda> {
    const { clock = systemClock } = options;
    const now = (): number => performance.timeOrigin + clock.monotonic();
    const standIn = new StandInOanda({ ...DEFAULT_OPTIONS, now, ...options });
    await Promise.all([...standIn.#hosts].map((host) => host.listen(0)));
    return standIn;
  }

  get restUrl(): string {
    return `http://127.0.0.1:${this.#rest.port}`;
  }

  get streamUrl(): string {
    return `http://127.0.0.1:${this.#stream.port}`;
  }

  /** Aborted when the stand-in is disposed of. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** All accounts, whether or not their tokens are still valid. */
  get accounts(): readonly AccountDraft[] {
    return this.#accounts.all;
  }

  /** The open streams, in the order in which they were opened. */
  get streams(): readonly StandInStream[] {
    return this.#hub.streams;
  }

  /** The requests to both hosts, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** The number of TCP connections that arrived at either host. */
  get connections(): number {
    return [...this.#hosts].reduce((sum, host) => sum + host.connections, 0);
  }

  /** The number of TCP connections to both hosts that are open now. */
  get openConnections(): number {
    return [...this.#hosts].reduce((sum, host) => sum + host.openConnections, 0);
  }

  /** The number of requests to open a stream, including refused ones, of one account or of all. */
  streamAttempts(accountId?: string): number {
    return this.#requests.filter(({ path }) => {
      const account = streamAccount(path);
      return account !== null && (accountId === undefined || account === accountId);
    }).length;
  }

  /** The number of streams that were opened since the start, of one account or of all. */
  streamsOpened(accountId?: string): number {
    return this.#hub.opened(accountId);
  }

  streamsOf(accountId: string): readonly StandInStream[] {
    return this.#hub.of(accountId);
  }

  /** The most streams of one account that were open at the same time. */
  mostStreams(accountId: string): number {
    return this.#hub.most(accountId);
  }

  /**
   * Resolves with a stream of the account that has exactly these instruments, in any order; without a list, with any
   * stream of it.
   */
  async waitForStream(accountId: string, instruments?: readonly string[], deadlineMs = 10_000): Promise<StandInStream> {
    const wanted = instruments === undefined ? 'any instruments' : instruments.join(',');
    return waitFor(
      () => this.streamsOf(accountId).find((stream) => instruments === undefined || sameSet(stream, instruments)),
      `a stream of ${accountId} with ${wanted}`,
      deadlineMs,
    );
  }

  /** Resolves when the account has exactly this many streams. */
  async waitForStreams(accountId: string, count: number, deadlineMs = 10_000): Promise<void> {
    await waitFor(() => this.streamsOf(accountId).length === count, `${count} streams of ${accountId}`, deadlineMs);
  }

  lists(instrument: string): boolean {
    return this.#markets.has(instrument);
  }

  /** The market of a listed instrument, for all accounts. */
  market(instrument: string): VenueMarket {
    const market = this.#markets.get(instrument);
    if (market === undefined) throw new RangeError(`the stand-in does not list ${instrument}`);
    return market;
  }

  /** The market of an instrument as one account sees it. */
  accountMarket(accountId: string, instrument: string): AccountMarket {
    const market = this.market(instrument).of(accountId);
    if (market === null) throw new RangeError(`${accountId} is not offered ${instrument}`);
    return market;
  }

  /**
   * Sends a price at once to the streams of one account that have the instrument; what the draft leaves out stays as it
   * was. It is the account's price from now on, unless it is older than the one before.
   */
  price(accountId: string, instrument: string, draft: PriceDraft = {}, style: Partial<PriceStyle> = {}): ClientPrice {
    const market = this.accountMarket(accountId, instrument);
    const price = market.drafted(draft);
    market.accept(price);
    this.#hub.deliver(accountId, price, style);
    return price;
  }

  /** Null if there is none. */
  lastPrice(accountId: string, instrument: string): ClientPrice | null {
    return this.accountMarket(accountId, instrument).last;
  }

  /** Lists an instrument for every account that is offered it, or begins its market anew. */
  list(entry: Listing): void {
    const { name } = entry.info;
    const offered = this.#accounts.all.filter(({ instruments }) => instruments?.includes(name) ?? true);
    const markets = offered.map(({ id, shift = 0 }) => {
      const { isQuiet } = this.#options;
      return [id, new AccountMarket({ listing: entry, shift, isQuiet, time: this.#time })] as const;
    });
    const market = new VenueMarket({
      listing: entry,
      accounts: new Map(markets),
      random: this.random,
      offer: (accountId, price) => {
        this.#hub.offer(accountId, price);
      },
    });
    this.#markets.set(name, market);
  }

  /** Takes the instrument off the list; open streams stay, without its prices. */
  unlist(instrument: string): void {
    this.#markets.delete(instrument);
  }

  /** Ends the week: every market closes, at the given time or now. Streams go on with heartbeats. */
  closeMarkets(options: { readonly atMs?: number } = {}): void {
    for (const market of this.#markets.values()) market.close(options);
  }

  openMarkets(): void {
    for (const market of this.#markets.values()) market.open();
  }

  /** Makes the token invalid from now on, and ends its streams. */
  revoke(token: string): void {
    this.#accounts.revoke(token);
    for (const stream of this.streams) if (stream.token === token) stream.end('end');
  }

  /** Makes the token valid for the account from now on. */
  grant(token: string, accountId: string): void {
    this.#accounts.grant(token, accountId);
  }

  /** Makes random prices of every instrument that is streamed and whose market is open, until disposed of. */
  run({ everyMs }: { readonly everyMs: number }): Disposable {
    return this.#timers.every(everyMs, () => {
      for (const market of this.#markets.values()) {
        const isStreamed = this.streams.some((stream) => stream.has(market.instrument));
        if (isStreamed && market.tradeable) market.tick();
      }
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#life.abort();
    this.#timers[Symbol.dispose]();
    for (const stream of this.streams) stream.end('drop');
    await Promise.all([...this.#hosts].map((host) => host.close()));
  }

  get #hosts(): ReadonlySet<HttpHost> {
    return new Set([this.#rest, this.#stream]);
  }

  #host(host: RecordedRequest['host']): HttpHost {
    const ids = seededRandom(this.#options.seed + (host === 'rest' ? 2 : 3));
    return new HttpHost({
      host,
      requests: this.#requests,
      clock: this.#options.clock,
      faults: this.faults,
      timers: this.#timers,
      repliesOf: (path) => (streamAccount(path) === null ? this.faults.rest : this.faults.opening),
      answer: (call) => this.#answer(host, call),
      requestId: () =>
        `4${String(Math.floor(ids() * 1e8)).padStart(8, '0')}${String(Math.floor(ids() * 1e8)).padStart(8, '0')}`,
    });
  }

  #answer(host: RecordedRequest['host'], call: Call): Reply | null {
    const isStream = streamAccount(call.path) !== null;
    if (!this.#options.onePort && isStream !== (host === 'stream')) return { status: 404, body: '' };
    return isStream ? this.#streamApi.answer(call) : this.#restApi.answer(call);
  }

  #marketOf(accountId: string, instrument: string): AccountMarket | null {
    return this.#markets.get(instrument)?.of(accountId) ?? null;
  }

  #timings(): StreamTimings {
    const { heartbeatMs, windowMs } = this.#options;
    return { heartbeatMs, windowMs };
  }

  #gate(limits: Limits): Gate {
    return new Gate({
      accounts: this.#accounts,
      limits,
      foreignAccountStatus: this.#options.foreignAccountStatus,
      clock: this.#options.clock,
      openStreams: (token) => this.streams.filter((stream) => token === null || stream.token === token).length,
    });
  }

  #world(limits: Limits): ConstructorParameters<typeof RestApi>[0]['world'] {
    return {
      time: this.#time,
      accountsOf: (token) => this.#accounts.of(token),
      instruments: (accountId) => {
        const offered = [...this.#markets.values()].filter((market) => market.of(accountId) !== null);
        return offered.map(({ listing }) => listing.info);
      },
      market: (accountId, instrument) => this.#marketOf(accountId, instrument),
      maxCandles: limits.candles,
      includeFirst: this.#options.includeFirst,
      style: () => this.faults.stream.style,
    };
  }
}

function sameSet(stream: StandInStream, instruments: readonly string[]): boolean {
  return (
    new Set(stream.instruments).size === new Set(instruments).size && instruments.every((name) => stream.has(name))
  );
}
