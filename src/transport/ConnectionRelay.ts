import { Backoff } from '../shared/backoff.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Random } from '../shared/random.ts';
import { SessionLoop } from './SessionLoop.ts';
import type { VenueSession, SessionEnd, SessionState } from './SessionLoop.ts';
import type { SlidingWindow } from './SlidingWindow.ts';

/** One connection, from its start to its one end. */
export interface RelayConnection<End extends SessionEnd> {
  /** It serves: the venue has agreed to it, or has sent something. */
  readonly isOpen: boolean;
  /** Resolves once, with the reason; never rejects. */
  readonly ended: Promise<End>;
  /** Resolves when its socket no longer exists. */
  readonly gone: Promise<void>;
  end(reason: string): void;
}

/** The state of the current connection. */
export type RelayState = Exclude<SessionState, { kind: 'closed' }> | { readonly kind: 'open' };

/** A relay reports to its owner through this. */
export interface RelayListener<Connection, End> {
  /** The current connection is open: it has just opened, or it took over when it was open already. */
  onCurrentOpen(connection: Connection): void;
  /** The current connection has ended. The successor, if there is one, takes over right after this call. */
  onCurrentEnded(connection: Connection, end: End, successor: Connection | null): void;
  /** A successor ended before it took over. It is not tried again unless the listener calls `replaceAfter`. */
  onSuccessorEnded(successor: Connection, end: End): void;
  /**
   * A connection was wanted, and `connect` returned null; `current` is the one to be replaced, null if there is none.
   */
  onNoConnection(current: Connection | null): void;
  /** The state, or the number of connections, has changed. */
  onChange(): void;
}

export interface ConnectionRelayOptions<Connection, End> {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly reconnect: { readonly baseMs: number; readonly maxMs: number };
  /** How many connections may be opened in a while; shared by everyone who connects to the same place. */
  readonly attempts: SlidingWindow;
  /** Opens a connection; null if the venue allows no further one just now. */
  readonly connect: () => Connection | null;
  /** How a session ends for which `connect` returned null. */
  readonly noConnection: SessionEnd;
  /** Asked when the time of a replacement has come. @default always */
  readonly isReplacementNeeded?: (current: Connection) => boolean;
  readonly listener: RelayListener<Connection, End>;
}

const CLOSED = 'The broker was closed.';
const REPLACED = 'Another connection has taken over.';

/**
 * Keeps one connection to a venue alive, and replaces it without a hole: the successor is opened while the current
 * connection still serves, and takes over when its owner says so, or when the current one ends. A successor that fails
 * is retried with backoff. If the current connection ends without a successor, SessionLoop reconnects. Its creator owns
 * it until `close()`.
 */
export class ConnectionRelay<
  Connection extends RelayConnection<End>,
  End extends SessionEnd,
> implements AsyncDisposable {
  readonly #options: ConnectionRelayOptions<Connection, End>;
  readonly #loop: SessionLoop;
  /** Delays between attempts to open a successor. */
  readonly #backoff: Backoff;
  readonly #connections = new Set<Connection>();
  #state: RelayState = { kind: 'connecting', attempt: 1 };
  #session: VenueSession | null = null;
  #current: Connection | null = null;
  #successor: Connection | null = null;
  /** When the current connection is to be replaced, on the monotonic clock. */
  #replacement: { readonly atMs: number; readonly timer: Disposable } | null = null;
  /** No replacement is tried before this time, on the monotonic clock. */
  #replaceableAtMs = Number.NEGATIVE_INFINITY;
  #takeover: Disposable | null = null;

  constructor(options: ConnectionRelayOptions<Connection, End>) {
    this.#options = options;
    const { clock, random, logger, reconnect, attempts } = options;
    this.#backoff = new Backoff({ ...reconnect, random });
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

  get state(): RelayState {
    return this.#state;
  }

  get current(): Connection | null {
    return this.#current;
  }

  get successor(): Connection | null {
    return this.#successor;
  }

  /** Connections that are open now, one that has been replaced and is still ending included. */
  get openConnections(): number {
    return [...this.#connections].filter(({ isOpen }) => isOpen).length;
  }

  start(): void {
    this.#loop.start();
  }

  /** To be called when a connection has opened. */
  opened(connection: Connection): void {
    if (connection === this.#current) this.#currentIsOpen(connection);
    else this.#options.listener.onChange();
  }

  /** Data has come over the current connection: the next reconnection begins with the shortest delay again. */
  flowing(): void {
    this.#session?.flowing();
  }

  /** Replaces the current connection at once, or as soon as another connection may be opened. */
  replaceNow(): void {
    if (this.#current === null || this.#successor !== null) return;
    if (this.#options.isReplacementNeeded?.(this.#current) === false) return;
    if (!this.#options.attempts.tryTake()) {
      this.replaceAfter(0);
      return;
    }
    this.cancelReplacement();
    const successor = this.#open();
    if (successor === null) {
      this.#options.listener.onNoConnection(this.#current);
      return;
    }
    this.#successor = successor;
    void this.#watchSuccessor(successor);
  }

  /**
   * Replaces the current connection after this delay, or later while no other connection may be opened. An earlier time
   * that was set before holds.
   */
  replaceAfter(delayMs: number): void {
    if (this.#current === null || this.#successor !== null) return;
    const { clock, attempts } = this.#options;
    const now = clock.monotonic();
    const waitMs = Math.max(delayMs, this.#replaceableAtMs - now, attempts.delayMs);
    const atMs = now + waitMs;
    if (this.#replacement !== null && this.#replacement.atMs <= atMs) return;
    this.cancelReplacement();
    const timer = clock.after(waitMs, () => {
      this.#replacement = null;
      this.replaceNow();
    });
    this.#replacement = { atMs, timer };
  }

  /** The current connection need not be replaced after all. */
  cancelReplacement(): void {
    this.#replacement?.timer[Symbol.dispose]();
    this.#replacement = null;
  }

  /** The successor becomes the current connection, and the one before it ends. Does nothing without a successor. */
  takeOver(): void {
    const replaced = this.#current;
    const successor = this.#successor;
    if (replaced === null || successor === null) return;
    this.#backoff.reset();
    this.#promote(successor);
    replaced.end(REPLACED);
    this.#currentIsOpen(successor);
  }

  /** Lets the successor take over after this delay, ready or not. Does nothing without a successor. */
  takeOverAfter(delayMs: number): void {
    if (this.#successor === null) return;
    this.#takeover?.[Symbol.dispose]();
    this.#takeover = this.#options.clock.after(delayMs, () => {
      this.takeOver();
    });
  }

  /** Ends all connections; resolves when none of them exists any more. May be called again. */
  async close(): Promise<void> {
    this.#cancelTimers();
    await this.#loop.close();
    await Promise.all([...this.#connections].map(({ gone }) => gone));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A session is a sequence of connections, each replacing the one before. It ends when one ends without a successor.
   */
  async #run(session: VenueSession): Promise<SessionEnd> {
    this.#session = session;
    const end = (): void => {
      this.#current?.end(CLOSED);
    };
    session.signal.addEventListener('abort', end, { once: true });
    try {
      this.#current = this.#open();
      if (this.#current === null) {
        this.#options.listener.onNoConnection(null);
        return this.#options.noConnection;
      }
      for (;;) {
        const current: Connection = this.#current;
        const ended = await current.ended;
        if (session.signal.aborted || (this.#current === current && !this.#succeed(current, ended))) return ended;
      }
    } finally {
      session.signal.removeEventListener('abort', end);
      this.#cancelTimers();
      this.#current = null;
      this.#successor?.end(CLOSED);
      this.#successor = null;
      this.#session = null;
    }
  }

  #open(): Connection | null {
    const connection = this.#options.connect();
    if (connection === null) return null;
    this.#connections.add(connection);
    void this.#forgetWhenGone(connection);
    return connection;
  }

  async #forgetWhenGone(connection: Connection): Promise<void> {
    await connection.gone;
    this.#connections.delete(connection);
    this.#options.listener.onChange();
  }

  /** The current connection has ended. Returns false if there is no successor. */
  #succeed(ended: Connection, end: End): boolean {
    const successor = this.#successor;
    this.#options.listener.onCurrentEnded(ended, end, successor);
    if (successor === null) return false;
    this.#promote(successor);
    if (successor.isOpen) this.#currentIsOpen(successor);
    else this.#setState({ kind: 'connecting', attempt: 1 });
    return true;
  }

  #promote(successor: Connection): void {
    this.#cancelTimers();
    this.#current = successor;
    this.#successor = null;
  }

  async #watchSuccessor(successor: Connection): Promise<void> {
    const end = await successor.ended;
    if (this.#successor !== successor) return;
    this.#successor = null;
    this.#cancelTimers();
    this.#replaceableAtMs = this.#options.clock.monotonic() + this.#backoff.next(end.retryAfterMs);
    this.#options.listener.onSuccessorEnded(successor, end);
  }

  #currentIsOpen(connection: Connection): void {
    this.#state = { kind: 'open' };
    this.#options.listener.onCurrentOpen(connection);
    this.#options.listener.onChange();
  }

  #setState(state: RelayState): void {
    this.#state = state;
    this.#options.listener.onChange();
  }

  #cancelTimers(): void {
    this.cancelReplacement();
    this.#takeover?.[Symbol.dispose]();
    this.#takeover = null;
  }
}
