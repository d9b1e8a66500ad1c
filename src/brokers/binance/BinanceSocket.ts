import { Backoff } from '../../shared/backoff.ts';
import type { OpenWebSocket, SocketEnd } from '../../transport/openWebSocket.ts';
import { SessionLoop } from '../../transport/SessionLoop.ts';
import type { Session, SessionEnd, SessionState } from '../../transport/SessionLoop.ts';
import type { SlidingWindow } from '../../transport/SlidingWindow.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import { BinanceConnection } from './BinanceConnection.ts';
import type { MarketStream } from './MarketStream.ts';
import { SilenceWatch } from './SilenceWatch.ts';
import { fromStreamName } from './streamNames.ts';

export type SocketState = Exclude<SessionState, { kind: 'closed' }> | { readonly kind: 'open' };

export interface BinanceSocketOptions {
  readonly broker: BrokerContext;
  readonly url: string;
  readonly open: OpenWebSocket;
  /** Of all sockets of the broker together. */
  readonly attempts: SlidingWindow;
  /** After so long (and up to a fortieth more) a connection is replaced; the venue ends it at 24 h. */
  readonly lifetimeMs: number;
  /** The state, or the number of open connections, has changed. */
  readonly onChange: () => void;
}

/** The venue bears 1024. */
export const MAX_STREAMS = 800;
const LIFETIME_SPREAD = 1 / 40;
const SAMPLE_MS = 1_000;
/** How long a replacement waits for first data of streams that normally tick, before it takes over all the same. */
const HANDOVER_PATIENCE_MS = 10_000;

/**
 * One place for up to 800 streams: keeps a connection for them alive, and replaces it without a hole when its time has
 * come: the new one is subscribed and delivers before the old one ends, and the streams drop what comes twice.
 */
export class BinanceSocket implements AsyncDisposable {
  readonly #options: BinanceSocketOptions;
  readonly #loop: SessionLoop;
  readonly #sampling: Disposable;
  readonly #watch: SilenceWatch;
  readonly #backoff: Backoff;
  readonly #streams = new Map<string, MarketStream>();
  readonly #byLowerCase = new Map<string, MarketStream>();
  readonly #connections = new Set<BinanceConnection>();
  /** What has come over the successor. */
  readonly #delivered = new Set<MarketStream>();
  #state: SocketState = { kind: 'connecting', attempt: 1 };
  #session: Session | null = null;
  #lead: BinanceConnection | null = null;
  #successor: BinanceConnection | null = null;
  #settledForMs = 0;
  #rotation: Disposable | null = null;
  #isFlowing = false;
  #silence: string | null = null;

  constructor(options: BinanceSocketOptions) {
    this.#options = options;
    const { broker, attempts } = options;
    const { clock, random, reconnect, logger } = broker;
    this.#backoff = new Backoff({ ...reconnect, random });
    this.#watch = new SilenceWatch(broker);
    this.#sampling = clock.every(this.#sampleMs, () => {
      this.#sample();
    });
    this.#loop = new SessionLoop({
      clock,
      random,
      logger,
      reconnect,
      attempts,
      run: (session) => this.#run(session),
      onState: (state) => {
        if (state.kind !== 'closed') this.#setState(state);
      },
    });
  }

  get state(): SocketState {
    return this.#state;
  }

  get openConnections(): number {
    return [...this.#connections].filter(({ isOpen }) => isOpen).length;
  }

  get size(): number {
    return this.#streams.size;
  }

  start(): void {
    this.#loop.start();
  }

  /** `reconcile` makes it known to the venue. */
  add(stream: MarketStream): void {
    this.#streams.set(stream.name, stream);
    this.#byLowerCase.set(stream.name.toLowerCase(), stream);
    const state = this.#state;
    if (state.kind === 'waiting') stream.lost(state.reason);
    else if (this.#lead?.isOpen !== true) stream.lost('There is no connection to the venue yet.');
    stream.setTransportSilence(this.#silence);
  }

  remove(stream: MarketStream): void {
    this.#streams.delete(stream.name);
    this.#byLowerCase.delete(stream.name.toLowerCase());
    this.#delivered.delete(stream);
  }

  /** Streams were added or removed. */
  reconcile(): void {
    const names = new Set(this.#streams.keys());
    this.#lead?.want(names);
    this.#successor?.want(names);
    // One that was given up and is wanted again, all before the venue was told: it never learns of it.
    for (const stream of this.#streams.values()) {
      if (this.#lead?.isSubscribed(stream.name) === true) stream.subscribed();
      else if (this.#lead?.isRefused(stream.name) === true) stream.refused();
    }
  }

  async close(): Promise<void> {
    this.#sampling[Symbol.dispose]();
    await this.#loop.close();
    await Promise.all([...this.#connections].map(({ gone }) => gone));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #sampleMs(): number {
    return Math.min(SAMPLE_MS, this.#options.broker.staleAfterMs / 4);
  }

  /** A session is a row of connections, each handing over to the next; it ends when one ends without a successor. */
  async #run(session: Session): Promise<SessionEnd> {
    this.#session = session;
    this.#isFlowing = false;
    const end = (): void => {
      this.#successor?.end('The broker was closed.');
      this.#lead?.end('The broker was closed.');
    };
    session.signal.addEventListener('abort', end, { once: true });
    try {
      this.#lead = this.#connect();
      for (;;) {
        const lead: BinanceConnection = this.#lead;
        const ended = await lead.ended;
        if (session.signal.aborted || (this.#lead === lead && !this.#succeed(ended))) return ended;
      }
    } finally {
      session.signal.removeEventListener('abort', end);
      this.#lead = null;
      this.#rotation?.[Symbol.dispose]();
      this.#rotation = null;
    }
  }

  #connect(): BinanceConnection {
    const { broker, url, open } = this.#options;
    const connection: BinanceConnection = new BinanceConnection({
      url,
      open,
      clock: broker.clock,
      logger: broker.logger,
      listener: {
        onOpen: () => {
          this.#onOpen(connection);
        },
        onData: (stream, data) => this.#onData(connection, stream, data),
        onSubscribed: (names) => {
          for (const name of names) this.#streams.get(name)?.subscribed();
        },
        onRefused: (name) => {
          this.#streams.get(name)?.refused();
        },
        onShutdown: () => {
          if (connection === this.#lead) this.#rotate();
          else connection.end('The server goes down.');
        },
        onActivity: () => {
          this.#watch.noteFrame();
          broker.sink.onActivity();
        },
        onInvalid: () => {
          broker.metrics.invalidMessages.inc({ source: broker.id });
        },
      },
    });
    this.#connections.add(connection);
    void connection.gone.then(() => this.#connections.delete(connection));
    connection.want(new Set(this.#streams.keys()));
    return connection;
  }

  #onOpen(connection: BinanceConnection): void {
    if (connection === this.#lead) this.#leadIsOpen();
    else this.#options.onChange();
  }

  #leadIsOpen(): void {
    this.#watch.forgive();
    this.#scheduleRotation(this.#options.lifetimeMs * (1 + this.#options.broker.random() * LIFETIME_SPREAD));
    this.#setState({ kind: 'open' });
  }

  #onData(connection: BinanceConnection, name: string, data: unknown): boolean {
    const stream = this.#streams.get(name) ?? this.#byLowerCase.get(name.toLowerCase());
    // What was just unsubscribed may still come.
    if (stream === undefined) return fromStreamName(name) !== undefined;
    this.#watch.noteData();
    if (this.#silence !== null) this.#setSilence(null);
    if (!stream.receive(data, this.#options.broker.clock.now())) return false;
    if (connection === this.#successor) this.#delivered.add(stream);
    else if (!this.#isFlowing) {
      this.#isFlowing = true;
      this.#session?.flowing();
    }
    return true;
  }

  /** The leading connection has ended; false: no other is there. */
  #succeed({ reason }: SocketEnd): boolean {
    const { broker, onChange } = this.#options;
    const successor = this.#successor;
    for (const stream of this.#streams.values()) {
      // What the successor was subscribed to has come over it, too.
      if (successor?.isSubscribed(stream.name) !== true) stream.lost(reason);
    }
    if (this.#state.kind === 'open') {
      broker.logger.info({ reason }, 'connection to the venue lost');
      broker.metrics.reconnects.inc({ broker: broker.id });
    }
    if (successor === null) {
      onChange();
      return false;
    }
    this.#lead = successor;
    this.#successor = null;
    if (successor.isOpen) this.#leadIsOpen();
    else this.#setState({ kind: 'connecting', attempt: 1 });
    return true;
  }

  #scheduleRotation(delayMs: number): void {
    this.#rotation?.[Symbol.dispose]();
    this.#rotation = this.#options.broker.clock.after(delayMs, () => {
      this.#rotation = null;
      this.#rotate();
    });
  }

  #rotate(): void {
    if (this.#successor !== null || this.#lead === null) return;
    const { attempts, broker } = this.#options;
    if (!attempts.tryTake()) {
      this.#scheduleRotation(attempts.delayMs);
      return;
    }
    broker.logger.info('replacing the connection to the venue');
    this.#delivered.clear();
    this.#settledForMs = 0;
    const successor = this.#connect();
    this.#successor = successor;
    void this.#watchSuccessor(successor);
  }

  /** One that ends before it has taken over is tried again, for as long as the leading one lives. */
  async #watchSuccessor(successor: BinanceConnection): Promise<void> {
    const { retryAfterMs } = await successor.ended;
    if (this.#successor !== successor) return;
    this.#successor = null;
    this.#options.onChange();
    if (this.#lead?.isOpen === true) this.#scheduleRotation(this.#backoff.next(retryAfterMs));
  }

  /** Hands over as soon as the successor is subscribed to everything, and what normally ticks has ticked there. */
  #considerHandover(elapsedMs: number): void {
    const successor = this.#successor;
    const old = this.#lead;
    if (successor === null || old === null || !successor.isSettled) return;
    this.#settledForMs += elapsedMs;
    const awaited = [...this.#streams.values()].some((stream) => stream.isBusy && !this.#delivered.has(stream));
    if (awaited && this.#settledForMs < HANDOVER_PATIENCE_MS) return;
    this.#lead = successor;
    this.#successor = null;
    this.#backoff.reset();
    this.#leadIsOpen();
    old.end('Another connection has taken over.');
    this.#options.onChange();
  }

  #sample(): void {
    const elapsedMs = this.#sampleMs;
    this.#considerHandover(elapsedMs);
    this.#watch.sample(elapsedMs);
    if (this.#lead?.isOpen === true) {
      this.#setSilence(this.#watch.isSilent ? 'Nothing comes over the connection to the venue.' : null);
    }
    for (const stream of this.#streams.values()) stream.sample(elapsedMs);
  }

  #setSilence(reason: string | null): void {
    if (this.#silence === reason) return;
    this.#silence = reason;
    for (const stream of this.#streams.values()) stream.setTransportSilence(reason);
  }

  #setState(state: SocketState): void {
    this.#state = state;
    this.#setSilence(null);
    this.#options.onChange();
  }
}
