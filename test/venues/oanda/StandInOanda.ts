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
  /** Two stand-ins with the same seed make the same prices when the same is done with them. @default 1 */
  readonly seed: number;
  /** @default 5000 */
  readonly heartbeatMs: number;
  /** Of several prices of an instrument in a window of that length a stream gets the last; 0: all. @default 250 */
  readonly windowMs: number;
  readonly limits: Partial<Limits>;
  /** REST and streams on one port; the venue has two hosts, neither of which serves the other's paths. @default false */
  readonly onePort: boolean;
  /** For a well-formed account that the token may not use. @default 403 */
  readonly foreignAccountStatus: 401 | 403;
  /** What a candle request without `includeFirst` means: documented true, recorded false. @default true */
  readonly includeFirst: boolean;
  /** Of the time before the start: no price in that slot. @default a fifth of the slots below a minute */
  readonly isQuiet: (granularity: Granularity, startMs: number) => boolean;
  /** What its timers and its limits run by. @default the machine's */
  readonly clock: Clock;
  /** The venue's wall time, for what it says. @default the clock's */
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
 * OANDA's v20 API on loopback: REST and price streams as the venue's documentation and recordings have them, a market for
 * each instrument that every account sees with prices of its own, and a switch for every fault. Whoever starts it disposes
 * of it: then nothing is left.
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
  /** The same as `#rest` where there is one port. */
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

  /** All there are, whatever became of their tokens. */
  get accounts(): readonly AccountDraft[] {
    return this.#accounts.all;
  }

  /** Those that are open now, in the order of their opening. */
  get streams(): readonly StandInStream[] {
    return this.#hub.streams;
  }

  /** Requests to both hosts, in the order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** TCP connections that arrived at either host. */
  get connections(): number {
    return [...this.#hosts].reduce((sum, host) => sum + host.connections, 0);
  }

  /** TCP connections to both hosts that are open now. */
  get openConnections(): number {
    return [...this.#hosts].reduce((sum, host) => sum + host.openConnections, 0);
  }

  /** Requests to open a stream, of one account or of all: refused ones too. */
  streamAttempts(accountId?: string): number {
    return this.#requests.filter(({ path }) => {
      const account = streamAccount(path);
      return account !== null && (accountId === undefined || account === accountId);
    }).length;
  }

  /** Streams that were opened since the start, of one account or of all. */
  streamsOpened(accountId?: string): number {
    return this.#hub.opened(accountId);
  }

  streamsOf(accountId: string): readonly StandInStream[] {
    return this.#hub.of(accountId);
  }

  /** How many streams of one account were open at the same time, at most. */
  mostStreams(accountId: string): number {
    return this.#hub.most(accountId);
  }

  /** A stream of the account that has exactly these instruments, in any order; without a list, any stream of it. */
  async waitForStream(accountId: string, instruments?: readonly string[], deadlineMs = 10_000): Promise<StandInStream> {
    const wanted = instruments === undefined ? 'any instruments' : instruments.join(',');
    return waitFor(
      () => this.streamsOf(accountId).find((stream) => instruments === undefined || sameSet(stream, instruments)),
      `a stream of ${accountId} with ${wanted}`,
      deadlineMs,
    );
  }

  /** Until that account has so many streams and no more. */
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
   * Sends a price by hand, at once, to the streams of one account that have the instrument; what is left out of it is as it
   * was. It is the account's price from now on, unless it is older than the one before.
   */
  price(accountId: string, instrument: string, draft: PriceDraft = {}, style: Partial<PriceStyle> = {}): ClientPrice {
    const market = this.accountMarket(accountId, instrument);
    const price = market.drafted(draft);
    market.accept(price);
    this.#hub.deliver(accountId, price, style);
    return price;
  }

  /** Null where there is none. */
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

  /** The instrument is no longer listed; open streams stay, without prices of it. */
  unlist(instrument: string): void {
    this.#markets.delete(instrument);
  }

  /** The week is over: every market closes, at that time (else now). Streams go on with heartbeats. */
  closeMarkets(options: { readonly atMs?: number } = {}): void {
    for (const market of this.#markets.values()) market.close(options);
  }

  openMarkets(): void {
    for (const market of this.#markets.values()) market.open();
  }

  /** The token is good for nothing from now on, and its streams end. */
  revoke(token: string): void {
    this.#accounts.revoke(token);
    for (const stream of this.streams) if (stream.token === token) stream.end('end');
  }

  /** The token is good for that account from now on. */
  grant(token: string, accountId: string): void {
    this.#accounts.grant(token, accountId);
  }

  /** Random prices of every instrument that somebody has and whose market is open, until disposed of. */
  run({ everyMs }: { readonly everyMs: number }): Disposable {
    return this.#timers.every(everyMs, () => {
      for (const market of this.#markets.values()) {
        const isHeard = this.streams.some((stream) => stream.has(market.instrument));
        if (isHeard && market.tradeable) market.tick();
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
