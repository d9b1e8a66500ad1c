import { Backoff } from '../../shared/backoff.ts';
import { ConnectionRelay } from '../../transport/ConnectionRelay.ts';
import type { RelayState } from '../../transport/ConnectionRelay.ts';
import type { OpenWebSocket, SocketEnd } from '../../transport/WebSocketFeed.ts';
import type { SlidingWindow } from '../../transport/SlidingWindow.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import { BinanceConnection } from './BinanceConnection.ts';
import type { MarketStream, StreamCarrier } from './MarketStream.ts';
import { fromStreamName } from './streamNames.ts';
import { ArrivalPace } from '../../transport/ArrivalPace.ts';

export interface BinanceSocketOptions {
  readonly broker: BrokerContext;
  readonly url: string;
  readonly open: OpenWebSocket;
  /** Shared by all sockets of the broker. */
  readonly attempts: SlidingWindow;
  /** A connection is replaced after this time and up to a fortieth more; the venue ends it after 24 h. */
  readonly lifetimeMs: number;
  /** The state, or the number of open connections, has changed. */
  readonly onChange: () => void;
  /** Another socket is subscribed to this stream as well: it misses nothing if this one is lost. */
  readonly isCarriedElsewhere: (stream: MarketStream) => boolean;
}

/** The venue allows 1024 streams on one connection. */
export const MAX_STREAMS = 800;
const LIFETIME_SPREAD = 1 / 40;
const SAMPLE_MS = 1_000;
const SILENCE = 'Nothing comes over the connection to the venue.';
const LATE = 'What comes over the connection to the venue is late.';
/** Delays between connections that are opened because nothing came over the one before. The first one is opened at once. */
const RENEWALS = { baseMs: 30_000, maxMs: 600_000 };
/** A successor takes over after this time even if a stream that normally ticks has not ticked there. */
const TAKEOVER_PATIENCE_MS = 10_000;

/**
 * Holds up to 800 streams: keeps a connection for them alive, and replaces it without a hole when its time has come.
 * The new connection is subscribed and delivers before the old one ends, and the streams drop what comes twice.
 */
export class BinanceSocket implements AsyncDisposable {
  readonly #options: BinanceSocketOptions;
  readonly #relay: ConnectionRelay<BinanceConnection, SocketEnd>;
  readonly #sampling: Disposable;
  readonly #watch: SilenceWatch;
  readonly #streams = new Map<string, MarketStream>();
  readonly #byLowerCase = new Map<string, MarketStream>();
  /** Streams that are moving here from another socket, which still looks after them; true: something has come here. */
  readonly #guests = new Map<MarketStream, boolean>();
  /** Streams of which something has come over the successor. */
  readonly #delivered = new Set<MarketStream>();
  /** The last connection over which data came while it was the current one. */
  #flowing: BinanceConnection | null = null;
  #settledForMs = 0;
  #silence: string | null = null;
  readonly #carrier: StreamCarrier = {
    resubscribe: ({ name }) => {
      this.#relay.current?.resubscribe(name);
    },
    renew: (reason) => {
      this.#renew(reason);
    },
  };
  readonly #renewals: Backoff;
  /** A connection that fails its streams is not replaced before this time, on the monotonic clock. */
  #renewableAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: BinanceSocketOptions) {
    this.#options = options;
    const { broker, attempts, onChange } = options;
    const { clock, random, reconnect, logger } = broker;
    this.#renewals = new Backoff({ ...RENEWALS, random });
    this.#watch = new SilenceWatch(broker);
    this.#sampling = clock.every(this.#sampleMs, () => {
      this.#sample();
    });
    this.#relay = new ConnectionRelay({
      clock,
      random,
      logger,
      reconnect,
      attempts,
      connect: () => this.#connect(),
      noConnection: { reason: 'No connection was made.', retryAfterMs: 0 },
      listener: {
        onCurrentOpen: () => {
          this.#onCurrentOpen();
        },
        onCurrentEnded: (_connection, { reason }, successor) => {
          this.#onCurrentEnded(reason, successor);
        },
        onSuccessorEnded: () => {
          onChange();
          if (this.#relay.current?.isOpen === true) this.#relay.replaceAfter(0);
        },
        onNoConnection: () => {},
        onChange,
      },
    });
  }

  get state(): RelayState {
    return this.#relay.state;
  }

  /** Why nothing comes, although the connection is open; null if something does. */
  get silence(): string | null {
    return this.#silence;
  }

  get openConnections(): number {
    return this.#relay.openConnections;
  }

  get size(): number {
    return this.#streams.size;
  }

  start(): void {
    this.#relay.start();
  }

  get streams(): readonly MarketStream[] {
    return [...this.#streams.values()];
  }

  has(stream: MarketStream): boolean {
    return this.#streams.get(stream.name) === stream;
  }

  /** The venue has acknowledged it on the present connection. */
  carries(stream: MarketStream): boolean {
    const { current } = this.#relay;
    return this.has(stream) && current?.isOpen === true && current.isSubscribed(stream.name);
  }

  /** Takes a stream of another socket in addition, to take it over later. Both deliver it meanwhile. */
  welcome(stream: MarketStream): void {
    this.#enter(stream);
    this.#guests.set(stream, false);
  }

  /** A stream that was welcomed is delivered here: it is subscribed and, if it is busy, something has come. */
  delivers(stream: MarketStream): boolean {
    if (this.#relay.current?.isRefused(stream.name) === true) return true;
    return this.carries(stream) && (!stream.isBusy || this.#guests.get(stream) !== false);
  }

  /** A stream that has arrived is this socket's own from here on. */
  settle(stream: MarketStream): void {
    this.#guests.delete(stream);
    stream.attach(this.#carrier);
    stream.setTransportSilence(this.#silence);
  }

  /** The venue is asked for it by the next `reconcile`. */
  add(stream: MarketStream): void {
    this.#enter(stream);
    stream.attach(this.#carrier);
    const { state, current } = this.#relay;
    if (state.kind === 'waiting') stream.lost(state.reason);
    else if (current?.isOpen !== true) stream.lost('There is no connection to the venue yet.');
    stream.setTransportSilence(this.#silence);
  }

  remove(stream: MarketStream): void {
    if (!this.has(stream)) return;
    this.#guests.delete(stream);
    this.#streams.delete(stream.name);
    this.#byLowerCase.delete(stream.name.toLowerCase());
    this.#delivered.delete(stream);
  }

  /** Streams were added or removed. */
  reconcile(): void {
    const names = new Set(this.#streams.keys());
    const { current, successor } = this.#relay;
    current?.want(names);
    successor?.want(names);
    // A stream may have been removed and added again before the venue was asked: the venue never learns of it.
    for (const stream of this.#streams.values()) {
      if (current?.isSubscribed(stream.name) === true) stream.subscribed();
      else if (current?.isRefused(stream.name) === true && !this.#guests.has(stream)) stream.refused();
    }
  }

  #enter(stream: MarketStream): void {
    this.#streams.set(stream.name, stream);
    this.#byLowerCase.set(stream.name.toLowerCase(), stream);
  }

  /** The streams that this socket looks after. */
  get #own(): readonly MarketStream[] {
    return this.streams.filter((stream) => !this.#guests.has(stream));
  }

  async close(): Promise<void> {
    this.#sampling[Symbol.dispose]();
    await this.#relay.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #sampleMs(): number {
    return Math.min(SAMPLE_MS, this.#options.broker.staleAfterMs / 4);
  }

  #connect(): BinanceConnection {
    const { broker, url, open } = this.#options;
    if (this.#relay.current !== null) broker.logger.info('replacing the connection to the venue');
    this.#delivered.clear();
    this.#settledForMs = 0;
    const connection: BinanceConnection = new BinanceConnection({
      url,
      open,
      clock: broker.clock,
      logger: broker.logger,
      listener: {
        onOpen: () => {
          this.#relay.opened(connection);
        },
        onData: (stream, data) => this.#onData(connection, stream, data),
        onSubscribed: (names) => {
          for (const name of names) this.#streams.get(name)?.subscribed();
        },
        onRefused: (name) => {
          const stream = this.#streams.get(name);
          if (stream !== undefined && !this.#guests.has(stream)) stream.refused();
        },
        onShutdown: () => {
          if (connection === this.#relay.current) this.#relay.replaceNow();
          else connection.end('The server goes down.');
        },
        onActivity: () => {
          this.#watch.noteFrame();
        },
        onInvalid: () => {
          broker.metrics.invalidMessages.inc({ source: broker.id });
        },
      },
    });
    connection.want(new Set(this.#streams.keys()));
    return connection;
  }

  #onCurrentOpen(): void {
    // A silence outlives the connection that it began with: only data ends it.
    if (this.#silence === null) this.#watch.forgive();
    this.#relay.replaceAfter(this.#options.lifetimeMs * (1 + this.#options.broker.random() * LIFETIME_SPREAD));
  }

  #onData(connection: BinanceConnection, name: string, data: unknown): boolean {
    const stream = this.#streams.get(name) ?? this.#byLowerCase.get(name.toLowerCase());
    // Data of a stream that was just unsubscribed may still come.
    if (stream === undefined) return fromStreamName(name) !== undefined;
    this.#watch.noteData();
    this.#options.broker.sink.onActivity();
    if (this.#silence !== null) {
      this.#setSilence(null);
      this.#renewals.reset();
    }
    if (!stream.receive(data, this.#options.broker.clock.now())) {
      // One stream's oddity does not count against the connection.
      this.#options.broker.metrics.invalidMessages.inc({ source: this.#options.broker.id });
      return true;
    }
    if (this.#guests.get(stream) === false && connection === this.#relay.current) this.#guests.set(stream, true);
    if (connection === this.#flowing) return true;
    if (connection === this.#relay.successor) {
      this.#delivered.add(stream);
    } else {
      this.#flowing = connection;
      this.#relay.flowing();
    }
    return true;
  }

  #onCurrentEnded(reason: string, successor: BinanceConnection | null): void {
    const { broker } = this.#options;
    for (const stream of this.#streams.values()) {
      if (this.#guests.has(stream)) this.#guests.set(stream, false);
      // A stream that another connection is subscribed to has missed nothing.
      const isKept = successor?.isSubscribed(stream.name) === true || this.#options.isCarriedElsewhere(stream);
      if (!isKept) stream.lost(reason);
    }
    this.#setSilence(null);
    if (this.#relay.state.kind !== 'open') return;
    broker.logger.debug({ reason }, 'connection to the venue lost');
    broker.metrics.reconnects.inc({ broker: broker.id });
  }

  /**
   * Lets the successor take over once it is subscribed to everything, and every stream that normally ticks has ticked
   * there.
   */
  #considerTakeover(elapsedMs: number): void {
    if (this.#relay.successor?.isSettled !== true) return;
    this.#settledForMs += elapsedMs;
    const isAwaited = [...this.#streams.values()].some((stream) => stream.isBusy && !this.#delivered.has(stream));
    if (!isAwaited || this.#settledForMs >= TAKEOVER_PATIENCE_MS) this.#relay.takeOver();
  }

  #sample(): void {
    const elapsedMs = this.#sampleMs;
    this.#considerTakeover(elapsedMs);
    this.#watch.sample(elapsedMs);
    if (this.#relay.current?.isOpen === true) {
      this.#setSilence(this.#watch.isSilent ? SILENCE : null);
      if (this.#silence !== null) this.#renew(SILENCE);
    }
    for (const stream of this.#own) stream.sample(elapsedMs);
    this.#shareLateness();
  }

  /** Ticks say no time. They count as late if everything that does comes late over their connection. */
  #shareLateness(): void {
    const streams = this.#own;
    const known = streams.map(({ lateness }) => lateness).filter((lateness) => lateness !== undefined);
    if (known.length === 0) return;
    const isLate = known.every((lateness) => lateness !== null);
    for (const stream of streams) stream.setTransportLateness(isLate ? LATE : null);
  }

  /** Replaces a connection that does not deliver what it should: again and again, but ever more rarely. */
  #renew(reason: string): void {
    const { broker } = this.#options;
    const now = broker.clock.monotonic();
    if (this.#relay.successor !== null || now < this.#renewableAtMs) return;
    this.#renewableAtMs = now + this.#renewals.next(0);
    broker.logger.warn({ reason }, 'connection to the venue does not deliver, replacing it');
    broker.metrics.reconnects.inc({ broker: broker.id });
    this.#relay.replaceNow();
  }

  #setSilence(reason: string | null): void {
    if (this.#silence === reason) return;
    this.#silence = reason;
    for (const stream of this.#own) stream.setTransportSilence(reason);
    this.#options.onChange();
  }
}

/** A connection without any frame for this time, pings included, counts as silent. */
const SILENT_AFTER_MS = 30_000;
/** Silence means something on a connection whose data normally comes at least this often in `staleAfterMs`. */
const BUSY_ARRIVALS = 3;

/** Notices when a whole connection has fallen silent. Frames are only counted; the silence is measured now and then. */
class SilenceWatch {
  readonly #staleAfterMs: number;
  readonly #pace = new ArrivalPace();
  #data = 0;
  #frames = 0;
  #noFrameMs = 0;

  constructor({ staleAfterMs }: { readonly staleAfterMs: number }) {
    this.#staleAfterMs = staleAfterMs;
  }

  /** As of the last sample. */
  get isSilent(): boolean {
    const isBusy = this.#pace.meanGapMs * BUSY_ARRIVALS < this.#staleAfterMs;
    return (isBusy && this.#pace.silentMs >= this.#staleAfterMs) || this.#noFrameMs >= SILENT_AFTER_MS;
  }

  noteFrame(): void {
    this.#frames += 1;
  }

  /** To be called for a frame with market data, beside `noteFrame`. */
  noteData(): void {
    this.#data += 1;
  }

  /** A connection has just opened: there was no silence before. */
  forgive(): void {
    this.#noFrameMs = 0;
    this.#pace.forgive();
  }

  sample(elapsedMs: number): void {
    this.#pace.sample(this.#data, elapsedMs);
    this.#noFrameMs = this.#frames === 0 ? this.#noFrameMs + elapsedMs : 0;
    this.#data = 0;
    this.#frames = 0;
  }
}
