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
  readonly listener: CatalogListener;
}

/** What a CatalogKeeper reports to its owner. */
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
/** A request may wait for the end of a ban; nobody else should. */
const PATIENCE_MS = 10_000;

/** Loads the list of instruments, again and again until it is known, and then anew every hour. Owned by a broker. */
export class CatalogKeeper implements AsyncDisposable {
  readonly #options: CatalogKeeperOptions;
  readonly #abort = new AbortController();
  #state: CatalogState = { kind: 'asked', attempt: 1 };
  /** Aborted to end the wait for the next attempt. */
  #hurry = new AbortController();
  #running: Promise<void> | null = null;

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

  /** Nothing is reported any more; `close` waits for the end. */
  stop(): void {
    this.#abort.abort();
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
    const { clock, random, reconnect } = broker;
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
      await sleep(clock, delayMs, AbortSignal.any([signal, this.#hurry.signal]));
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
      if (!signal.aborted) broker.logger.warn({ err: error }, 'catalog unavailable');
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
