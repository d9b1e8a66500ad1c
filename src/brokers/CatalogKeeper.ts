import type { InstrumentCatalog } from '../market/instrument.ts';
import { Backoff } from '../shared/backoff.ts';
import { sleep } from '../shared/clock.ts';
import { GatewayError } from '../shared/errors.ts';
import type { BrokerContext } from './BaseBroker.ts';

/** Whether the list of instruments is known, and if not, what is done about it. */
export type CatalogState =
  | { readonly kind: 'known' }
  | { readonly kind: 'asked'; readonly attempt: number }
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly reason: string };

export interface CatalogKeeperOptions {
  readonly broker: Pick<BrokerContext, 'clock' | 'random' | 'logger' | 'reconnect'>;
  /** Asks the venue once. Patient: the answer may take until a ban has ended. */
  readonly fetch: (signal: AbortSignal) => Promise<InstrumentCatalog>;
  /** Until when the venue wants no request, on the monotonic clock; null: it wants them. */
  readonly pausedUntilMs: () => number | null;
  /** Somebody waits for a change of the catalog: it is loaded every minute meanwhile. @default never */
  readonly isAwaited?: () => boolean;
  readonly listener: CatalogListener;
}

/** A CatalogKeeper reports to its owner through this. */
export interface CatalogListener {
  /** The catalog was loaded. `isPeriodic`: it was not asked for by `refresh`. */
  onCatalog(catalog: InstrumentCatalog, isPeriodic: boolean): void;
  /** An attempt failed, or takes long. It goes on by itself. */
  onDelayed(): void;
  /** `state` may have changed. */
  onState(): void;
}

const REFRESH_MS = 3_600_000;
const REFRESH_SPREAD = 1 / 10;
/** Something that the catalog lacks makes it load again at most this often. */
const RENEW_AFTER_MS = 60_000;
/** A request may wait for the end of a ban; nobody else should. */
const PATIENCE_MS = 10_000;

/**
 * Loads the list of instruments, again and again until it is known, and then anew every hour, or as soon as something is
 * not found in it. Owned by a broker.
 */
export class CatalogKeeper implements AsyncDisposable {
  readonly #options: CatalogKeeperOptions;
  readonly #abort = new AbortController();
  #state: CatalogState = { kind: 'asked', attempt: 1 };
  /** Aborted to end the wait for the next attempt. */
  #hurry = new AbortController();
  #running: Promise<void> | null = null;
  /** Resolved when the present attempt has ended, or the next one if none is under way. */
  #attempt = Promise.withResolvers<void>();
  /** When `renew` last asked for an attempt, on the monotonic clock. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #renewal: Promise<void> = Promise.resolve();

  constructor(options: CatalogKeeperOptions) {
    this.#options = options;
  }

  get state(): CatalogState {
    return this.#state;
  }

  start(): void {
    this.#running ??= this.#run(this.#abort.signal);
  }

  /** Loads the catalog now, or once more if that is under way. */
  refresh(): void {
    this.#hurry.abort();
  }

  /**
   * Loads the catalog because something is not in it: the venue may have begun to list it since. At most once a minute,
   * and never while nothing is known. Resolves when the venue has answered, at once if it was asked just before. Never
   * rejects.
   */
  renew(): Promise<void> {
    const now = this.#options.broker.clock.monotonic();
    if (this.#state.kind !== 'known' || this.#abort.signal.aborted) return Promise.resolve();
    if (now - this.#renewedAtMs < RENEW_AFTER_MS) return this.#renewal;
    this.#renewedAtMs = now;
    this.#renewal = this.#attempt.promise;
    this.refresh();
    return this.#renewal;
  }

  /** Nothing is reported any more; `close` waits for the end. */
  stop(): void {
    this.#abort.abort();
    this.#attempt.resolve();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { broker, listener } = this.#options;
    const { random, reconnect } = broker;
    const backoff = new Backoff({ ...reconnect, random });
    while (!signal.aborted) {
      if (this.#state.kind !== 'known') this.#setState({ kind: 'asked', attempt: backoff.attempt + 1 });
      const isPeriodic = !this.#hurry.signal.aborted;
      this.#hurry = new AbortController();
      const found = await this.#fetch(signal);
      if (signal.aborted) return;
      let delayMs = REFRESH_MS * (1 + random() * REFRESH_SPREAD);
      if (found.catalog === null) {
        delayMs = Math.round(backoff.next(found.retryAfterMs));
        if (this.#state.kind !== 'known') this.#setState({ kind: 'waiting', delayMs, reason: found.reason });
        listener.onDelayed();
      } else {
        backoff.reset();
        listener.onCatalog(found.catalog, isPeriodic);
        this.#setState({ kind: 'known' });
      }
      this.#attempt.resolve();
      this.#attempt = Promise.withResolvers();
      await this.#pause(delayMs, AbortSignal.any([signal, this.#hurry.signal]));
    }
  }

  /** Waits for the next attempt, or for less if a change is awaited. */
  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    const { broker, isAwaited } = this.#options;
    for (let leftMs = delayMs; leftMs > 0 && !signal.aborted; leftMs -= RENEW_AFTER_MS) {
      await sleep(broker.clock, Math.min(leftMs, RENEW_AFTER_MS), signal);
      if (isAwaited?.() === true) return;
    }
  }

  async #fetch(
    signal: AbortSignal,
  ): Promise<
    | { readonly catalog: InstrumentCatalog }
    | { readonly catalog: null; readonly reason: string; readonly retryAfterMs: number }
  > {
    const { broker, fetch, pausedUntilMs, listener } = this.#options;
    using _patience = broker.clock.after(PATIENCE_MS, () => {
      listener.onDelayed();
    });
    try {
      return { catalog: await fetch(signal) };
    } catch (error) {
      // That the venue is away is logged once, elsewhere.
      if (!signal.aborted) broker.logger.debug({ err: error }, 'catalog unavailable');
      const { message, details } = GatewayError.from(error);
      const pausedForMs = (pausedUntilMs() ?? 0) - broker.clock.monotonic();
      return { catalog: null, reason: message, retryAfterMs: Math.max(details.retryAfterMs ?? 0, pausedForMs) };
    }
  }

  #setState(state: CatalogState): void {
    this.#state = state;
    this.#options.listener.onState();
  }
}
