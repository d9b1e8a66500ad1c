import { Backoff } from '../../shared/backoff.ts';
import type { HttpTarget } from '../../transport/HttpLineFeed.ts';
import { SessionLoop } from '../../transport/SessionLoop.ts';
import type { Session, SessionEnd, SessionState } from '../../transport/SessionLoop.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import type { OandaBudget } from './OandaBudgets.ts';
import { OandaConnection } from './OandaConnection.ts';
import type { ConnectionEnd, OpenLineFeed } from './OandaConnection.ts';
import type { Refusal } from './refusals.ts';
import type { VenuePrice } from './streamMessages.ts';
import type { VenueTime } from './venueTime.ts';

export type StreamState = Exclude<SessionState, { kind: 'closed' }> | { readonly kind: 'open' };

export interface OandaStreamOptions {
  readonly broker: BrokerContext;
  readonly budget: OandaBudget;
  /** The request for a stream of these instruments; called for the moment of sending it. */
  readonly target: (names: ReadonlySet<string>) => HttpTarget;
  readonly open: OpenLineFeed;
  readonly listener: StreamListener;
}

export interface StreamListener {
  onPrice(price: VenuePrice): void;
  onHeartbeat(time: VenueTime): void;
  /** Nothing comes of instruments that are not `kept`, from here until their next price. */
  onLost(reason: string, isKept: (name: string) => boolean): void;
  /** The venue does not want this stream: of these instruments, or at all. */
  onRefused(refusal: Refusal, names: ReadonlySet<string>): void;
  /** The state, or the number of connections, has changed. */
  onChange(): void;
}

/** Nobody is served worse while a stream has instruments that nobody wants any more. */
const SURPLUS_PATIENCE_MS = 30_000;
/** How long a successor may lack a price of some instrument before it takes over all the same: longer than a heartbeat. */
const HANDOVER_PATIENCE_MS = 6_000;
const NO_PLACE_MS = 2_000;

/**
 * Keeps one price stream alive for a set of instruments. The venue fixes a stream's instruments: where others are wanted, a
 * second stream is opened, and the first one ends when all that the second has to tell at its start has come; meanwhile
 * both are told, and who listens drops what is not newer. Whoever constructs it owns it until `close()`.
 */
export class OandaStream implements AsyncDisposable {
  readonly #options: OandaStreamOptions;
  readonly #loop: SessionLoop;
  readonly #backoff: Backoff;
  readonly #connections = new Set<OandaConnection>();
  #wanted: ReadonlySet<string>;
  #state: StreamState = { kind: 'connecting', attempt: 1 };
  #session: Session | null = null;
  #lead: OandaConnection | null = null;
  #successor: OandaConnection | null = null;
  /** When the stream is to be replaced, monotonic. */
  #replacement: { readonly atMs: number; readonly timer: Disposable } | null = null;
  /** No replacement is tried before, monotonic. */
  #replaceableAtMs = Number.NEGATIVE_INFINITY;
  #handover: Disposable | null = null;

  constructor(options: OandaStreamOptions, names: ReadonlySet<string>) {
    this.#options = options;
    this.#wanted = names;
    const { clock, random, logger, reconnect } = options.broker;
    this.#backoff = new Backoff({ ...reconnect, random });
    this.#loop = new SessionLoop({
      clock,
      random,
      logger,
      reconnect,
      attempts: options.budget.connections,
      run: (session) => this.#run(session),
      onState: (state) => {
        if (state.kind !== 'closed') this.#setState(state);
      },
    });
  }

  get state(): StreamState {
    return this.#state;
  }

  get openConnections(): number {
    return [...this.#connections].filter(({ isFlowing }) => isFlowing).length;
  }

  start(): void {
    this.#loop.start();
  }

  /** The set is replaced whole; never empty. */
  want(names: ReadonlySet<string>): void {
    this.#wanted = names;
    this.#reconcile();
  }

  async close(): Promise<void> {
    this.#forgetTimers();
    await this.#loop.close();
    await Promise.all([...this.#connections].map(({ gone }) => gone));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A session is a row of connections, each handing over to the next; it ends when one ends without a successor. */
  async #run(session: Session): Promise<SessionEnd> {
    this.#session = session;
    const end = (): void => {
      this.#successor?.end('The broker was closed.');
      this.#lead?.end('The broker was closed.');
    };
    session.signal.addEventListener('abort', end, { once: true });
    try {
      this.#lead = this.#connect();
      if (this.#lead === null) return this.#withoutPlace();
      for (;;) {
        const lead: OandaConnection = this.#lead;
        const ended = await lead.ended;
        if (session.signal.aborted || (this.#lead === lead && !this.#succeed(lead, ended))) return ended;
      }
    } finally {
      session.signal.removeEventListener('abort', end);
      this.#lead = null;
      this.#successor = null;
      this.#session = null;
      this.#forgetTimers();
    }
  }

  /** Null where the venue bears no further stream. */
  #connect(): OandaConnection | null {
    const { broker, budget, target, open, listener } = this.#options;
    const place = budget.takeStream();
    if (place === null) return null;
    const names = this.#wanted;
    const connection: OandaConnection = new OandaConnection({
      names,
      target: () => target(names),
      open,
      clock: broker.clock,
      listener: {
        onFlowing: () => {
          this.#onFlowing(connection);
        },
        onPrice: (price) => {
          listener.onPrice(price);
          if (connection === this.#successor && connection.isComplete) this.#handOver();
        },
        onHeartbeat: (time) => {
          listener.onHeartbeat(time);
        },
        onActivity: () => {
          broker.sink.onActivity();
        },
        onInvalid: () => {
          broker.metrics.invalidMessages.inc({ source: broker.id });
        },
      },
    });
    this.#connections.add(connection);
    void this.#forget(connection, place);
    return connection;
  }

  /** The venue counts a stream until its connection is gone. */
  async #forget(connection: OandaConnection, place: Disposable): Promise<void> {
    await connection.gone;
    place[Symbol.dispose]();
    this.#connections.delete(connection);
    this.#options.listener.onChange();
  }

  #withoutPlace(): SessionEnd {
    const reason = 'All streams that the venue allows this token are in use.';
    this.#options.listener.onLost(reason, () => false);
    return { reason, retryAfterMs: NO_PLACE_MS };
  }

  #onFlowing(connection: OandaConnection): void {
    if (connection === this.#lead) {
      this.#session?.flowing();
      this.#leadFlows();
    } else {
      this.#handover = this.#options.broker.clock.after(HANDOVER_PATIENCE_MS, () => {
        this.#handOver();
      });
      this.#options.listener.onChange();
    }
  }

  #leadFlows(): void {
    this.#setState({ kind: 'open' });
    this.#reconcile();
  }

  /** The leading connection has ended; false: no other is there. */
  #succeed(lead: OandaConnection, { reason, refusal, fault }: ConnectionEnd): boolean {
    const { broker, listener } = this.#options;
    const successor = this.#successor;
    if (fault === undefined) broker.logger.info({ reason }, 'stream of the venue lost');
    else broker.logger.error({ err: fault }, 'stream of the venue failed');
    listener.onLost(reason, (name) => successor?.hasDelivered(name) === true);
    broker.metrics.reconnects.inc({ broker: broker.id });
    if (refusal !== null) listener.onRefused(refusal, lead.names);
    if (successor === null) return false;
    this.#forgetTimers();
    this.#lead = successor;
    this.#successor = null;
    if (successor.isFlowing) this.#leadFlows();
    else this.#setState({ kind: 'connecting', attempt: 1 });
    return true;
  }

  /** Once the stream flows: whether it has the instruments that are wanted. */
  #reconcile(): void {
    const lead = this.#lead;
    if (lead?.isFlowing !== true || this.#successor !== null) return;
    if (this.#isLacking(lead)) this.#replaceAfter(0);
    else if (this.#hasSurplus(lead)) this.#replaceAfter(SURPLUS_PATIENCE_MS);
    else this.#cancelReplacement();
  }

  #isLacking({ names }: OandaConnection): boolean {
    return [...this.#wanted].some((name) => !names.has(name));
  }

  #hasSurplus({ names }: OandaConnection): boolean {
    return [...names].some((name) => !this.#wanted.has(name));
  }

  /** An earlier time that was set before stands. */
  #replaceAfter(patienceMs: number): void {
    const { broker, budget } = this.#options;
    const now = broker.clock.monotonic();
    const delayMs = Math.max(patienceMs, this.#replaceableAtMs - now, budget.connections.delayMs);
    const atMs = now + delayMs;
    if (this.#replacement !== null && this.#replacement.atMs <= atMs) return;
    this.#cancelReplacement();
    const timer = broker.clock.after(delayMs, () => {
      this.#replacement = null;
      this.#replace();
    });
    this.#replacement = { atMs, timer };
  }

  #replace(): void {
    const { budget, broker } = this.#options;
    const lead = this.#lead;
    if (lead === null || this.#successor !== null) return;
    const isLacking = this.#isLacking(lead);
    if (!isLacking && !this.#hasSurplus(lead)) return;
    if (!budget.connections.tryTake()) {
      this.#replaceAfter(0);
      return;
    }
    const successor = this.#connect();
    if (successor !== null) {
      this.#successor = successor;
      void this.#watchSuccessor(successor);
      return;
    }
    broker.logger.info('no place for a second stream');
    if (isLacking) lead.end('The stream begins anew, with other instruments.');
    else this.#replaceAfter(SURPLUS_PATIENCE_MS);
  }

  /** One that ends before it has taken over is tried again, for as long as the leading one lives. */
  async #watchSuccessor(successor: OandaConnection): Promise<void> {
    const { retryAfterMs, refusal, reason } = await successor.ended;
    if (this.#successor !== successor) return;
    this.#successor = null;
    this.#handover?.[Symbol.dispose]();
    this.#handover = null;
    const { broker, listener } = this.#options;
    broker.logger.info({ reason }, 'second stream of the venue lost');
    if (refusal !== null) listener.onRefused(refusal, successor.names);
    listener.onChange();
    this.#replaceableAtMs = broker.clock.monotonic() + this.#backoff.next(retryAfterMs);
    this.#reconcile();
  }

  #handOver(): void {
    const successor = this.#successor;
    const old = this.#lead;
    if (successor === null || old === null) return;
    this.#forgetTimers();
    this.#lead = successor;
    this.#successor = null;
    this.#backoff.reset();
    old.end('Another stream has taken over.');
    this.#leadFlows();
  }

  #forgetTimers(): void {
    this.#cancelReplacement();
    this.#handover?.[Symbol.dispose]();
    this.#handover = null;
  }

  #cancelReplacement(): void {
    this.#replacement?.timer[Symbol.dispose]();
    this.#replacement = null;
  }

  #setState(state: StreamState): void {
    this.#state = state;
    this.#options.listener.onChange();
  }
}
