import { Backoff } from '../../shared/backoff.ts';
import { ConnectionRelay } from '../../transport/ConnectionRelay.ts';
import type { RelayState } from '../../transport/ConnectionRelay.ts';
import type { HttpTarget } from '../../transport/HttpLineFeed.ts';
import type { SessionEnd } from '../../transport/SessionLoop.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import type { OandaBudget } from './OandaBudgets.ts';
import { OandaConnection } from './OandaConnection.ts';
import type { ConnectionEnd, OpenLineFeed } from './OandaConnection.ts';
import type { VenueRefusal } from './restReplies.ts';
import type { VenuePrice, VenueTime } from './streamMessages.ts';

export interface OandaStreamOptions {
  readonly broker: BrokerContext;
  readonly budget: OandaBudget;
  /** The request for a stream of these instruments; called for the moment of sending it. */
  readonly target: (names: ReadonlySet<string>) => HttpTarget;
  readonly open: OpenLineFeed;
  readonly listener: StreamListener;
}

/** An OandaStream reports to its owner through this. */
export interface StreamListener {
  onPrice(price: VenuePrice): void;
  onHeartbeat(time: VenueTime): void;
  /** A price of this instrument can't be right. */
  onUnreadable(instrument: string): void;
  /** Instruments for which `isKept` is false get no prices from here until their next one. */
  onLost(reason: string, isKept: (name: string) => boolean): void;
  /** The venue refuses this stream, because of its instruments or altogether. */
  onRefused(refusal: VenueRefusal, names: ReadonlySet<string>): void;
  /** The state, or the number of connections, has changed. */
  onChange(): void;
}

/** A stream may have instruments that nobody wants any more for this time. */
const SURPLUS_PATIENCE_MS = 30_000;
/** A successor takes over after this time even if it lacks a price of some instrument; longer than a heartbeat. */
const HANDOVER_PATIENCE_MS = 6_000;
/** Delays between streams that are opened because the one before did not deliver. The first one is opened at once. */
const RENEWALS = { baseMs: 30_000, maxMs: 600_000 };
/** A stream that has delivered for so long was renewed with success. */
const RENEWED_AFTER_MS = 3_600_000;
const NO_PLACE: SessionEnd = {
  reason: 'All streams that the venue allows this token are in use.',
  retryAfterMs: 2_000,
};

/**
 * Keeps one price stream alive for a set of instruments. The venue fixes a stream's instruments: if others are wanted,
 * a second stream is opened, and the first one ends when the second has sent a price of each. Meanwhile both are
 * reported, and the listener drops what is not newer. Its creator owns it until `close()`.
 */
export class OandaStream implements AsyncDisposable {
  readonly #options: OandaStreamOptions;
  readonly #relay: ConnectionRelay<OandaConnection, ConnectionEnd>;
  #wanted: ReadonlySet<string>;
  readonly #renewals: Backoff;
  /** A stream that does not deliver is not replaced before this time, on the monotonic clock. */
  #renewableAtMs = Number.NEGATIVE_INFINITY;
  /** It does not deliver what it should. */
  #undelivering: OandaConnection | null = null;

  constructor(options: OandaStreamOptions, names: ReadonlySet<string>) {
    this.#options = options;
    this.#wanted = names;
    const { broker, budget, listener } = options;
    const { clock, random, logger, reconnect } = broker;
    this.#renewals = new Backoff({ ...RENEWALS, random });
    this.#relay = new ConnectionRelay({
      clock,
      random,
      logger,
      reconnect,
      attempts: budget.connections,
      connect: () => this.#connect(),
      noConnection: NO_PLACE,
      isReplacementNeeded: (current) =>
        current === this.#undelivering || this.#isLacking(current) || this.#hasSurplus(current),
      listener: {
        onCurrentOpen: () => {
          this.#reconcile();
        },
        onCurrentEnded: (connection, end, successor) => {
          this.#onCurrentEnded(connection, end, successor);
        },
        onSuccessorEnded: (successor, end) => {
          this.#onSuccessorEnded(successor, end);
        },
        onNoConnection: (current) => {
          this.#onNoPlace(current);
        },
        onChange: () => {
          listener.onChange();
        },
      },
    });
  }

  get state(): RelayState {
    return this.#relay.state;
  }

  get openConnections(): number {
    return this.#relay.openConnections;
  }

  start(): void {
    this.#relay.start();
  }

  /** Replaces the wanted set, which is never empty. */
  want(names: ReadonlySet<string>): void {
    this.#wanted = names;
    this.#reconcile();
  }

  /** Replaces a stream that does not deliver what it should: again and again, but ever more rarely. */
  renew(reason: string): void {
    const { clock, logger, metrics, id } = this.#options.broker;
    const now = clock.monotonic();
    const { current, successor } = this.#relay;
    if (current?.isOpen !== true || successor !== null || now < this.#renewableAtMs) return;
    if (now - this.#renewableAtMs > RENEWED_AFTER_MS) this.#renewals.reset();
    this.#renewableAtMs = now + this.#renewals.next();
    this.#undelivering = current;
    logger.warn({ reason }, 'stream of the venue does not deliver, replacing it');
    metrics.reconnects.inc({ broker: id });
    this.#relay.replaceNow();
  }

  close(): Promise<void> {
    return this.#relay.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Null if the venue allows no further stream. */
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
        onOpen: () => {
          this.#onOpen(connection);
        },
        onPrice: (price) => {
          broker.sink.onActivity();
          listener.onPrice(price);
          if (connection === this.#relay.successor && connection.isComplete) this.#relay.takeOver();
        },
        onHeartbeat: (time) => {
          listener.onHeartbeat(time);
        },
        onUnreadable: (instrument) => {
          broker.metrics.invalidMessages.inc({ source: broker.id });
          listener.onUnreadable(instrument);
        },
        onInvalid: () => {
          broker.metrics.invalidMessages.inc({ source: broker.id });
        },
      },
    });
    void releaseWhenGone(place, connection);
    return connection;
  }

  #onOpen(connection: OandaConnection): void {
    if (connection === this.#relay.current) this.#relay.flowing();
    else this.#relay.takeOverAfter(HANDOVER_PATIENCE_MS);
    this.#relay.opened(connection);
  }

  #onCurrentEnded({ names }: OandaConnection, end: ConnectionEnd, successor: OandaConnection | null): void {
    const { broker, listener } = this.#options;
    const { reason, refusal, fault } = end;
    if (fault === undefined) broker.logger.debug({ reason }, 'stream of the venue lost');
    else broker.logger.error({ err: fault }, 'stream of the venue failed');
    // The cause first: what is lost because of it is not to be explained by the symptom.
    if (refusal !== null) listener.onRefused(refusal, names);
    listener.onLost(reason, (name) => successor?.hasDelivered(name) === true);
    broker.metrics.reconnects.inc({ broker: broker.id });
  }

  #onSuccessorEnded({ names }: OandaConnection, { refusal, reason }: ConnectionEnd): void {
    const { broker, listener } = this.#options;
    broker.logger.debug({ reason }, 'second stream of the venue lost');
    if (refusal !== null) listener.onRefused(refusal, names);
    listener.onChange();
    this.#reconcile();
  }

  #onNoPlace(current: OandaConnection | null): void {
    const { broker, listener } = this.#options;
    if (current === null) {
      listener.onLost(NO_PLACE.reason, () => false);
      return;
    }
    broker.logger.debug('no place for a second stream');
    if (this.#isLacking(current)) current.end('The stream begins anew, with other instruments.');
    else this.#relay.replaceAfter(SURPLUS_PATIENCE_MS);
  }

  /** Once the stream is open, replaces it if its instruments are not those that are wanted. */
  #reconcile(): void {
    const { current } = this.#relay;
    if (current?.isOpen !== true) return;
    if (this.#isLacking(current)) this.#relay.replaceAfter(0);
    else if (this.#hasSurplus(current)) this.#relay.replaceAfter(SURPLUS_PATIENCE_MS);
    else this.#relay.cancelReplacement();
  }

  #isLacking({ names }: OandaConnection): boolean {
    return [...this.#wanted].some((name) => !names.has(name));
  }

  #hasSurplus({ names }: OandaConnection): boolean {
    return [...names].some((name) => !this.#wanted.has(name));
  }
}

/** The venue counts a stream until its connection no longer exists. */
async function releaseWhenGone(place: Disposable, { gone }: OandaConnection): Promise<void> {
  await gone;
  place[Symbol.dispose]();
}
