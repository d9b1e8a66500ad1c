import type { InstrumentCatalog } from '../../market/instrument.ts';
import { Backoff } from '../../shared/backoff.ts';
import { sleep } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { BrokerContext } from '../BaseBroker.ts';
import type { OandaRest } from './OandaRest.ts';

/** How the list of instruments stands, without which nothing is streamed. */
export type CatalogState =
  | { readonly kind: 'known' }
  | { readonly kind: 'asked'; readonly attempt: number }
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly reason: string };

export interface CatalogKeeperOptions {
  readonly broker: BrokerContext;
  readonly rest: Pick<OandaRest, 'fetchCatalog' | 'pausedUntilMs'>;
  readonly listener: CatalogListener;
}

export interface CatalogListener {
  /** `isPeriodic`: nobody had asked for it. */
  onCatalog(catalog: InstrumentCatalog, isPeriodic: boolean): void;
  /** An attempt failed; it is tried again. */
  onFailed(): void;
  onState(): void;
}

const REFRESH_MS = 3_600_000;
const SPREAD = 1 / 10;

/** Learns what the account may trade, until it is known, and then anew every hour. Owned by the broker. */
export class CatalogKeeper implements AsyncDisposable {
  readonly #options: CatalogKeeperOptions;
  readonly #abort = new AbortController();
  #state: CatalogState = { kind: 'asked', attempt: 1 };
  /** Aborted to end the wait for the next time. */
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

  /** Looks now, or once more when it is looking. */
  refresh(): void {
    this.#hurry.abort();
  }

  /** Nothing is told any more; `close` waits for the end. */
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
    let isKnown = false;
    while (!signal.aborted) {
      if (!isKnown) this.#setState({ kind: 'asked', attempt: backoff.attempt + 1 });
      const isPeriodic = !this.#hurry.signal.aborted;
      this.#hurry = new AbortController();
      const found = await this.#fetch(signal);
      if (signal.aborted) return;
      let delayMs = REFRESH_MS * (1 + random() * SPREAD);
      if (found.catalog === null) {
        delayMs = Math.round(backoff.next(found.retryAfterMs));
        if (!isKnown) this.#setState({ kind: 'waiting', delayMs, reason: found.reason });
        listener.onFailed();
      } else {
        isKnown = true;
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
    const { broker, rest } = this.#options;
    try {
      return { catalog: await rest.fetchCatalog(signal) };
    } catch (error) {
      if (!signal.aborted) broker.logger.warn({ err: error }, 'catalog unavailable');
      const { message, details } = GatewayError.from(error);
      const pausedForMs = (rest.pausedUntilMs ?? 0) - broker.clock.monotonic();
      return { catalog: null, reason: message, retryAfterMs: Math.max(details.retryAfterMs ?? 0, pausedForMs) };
    }
  }

  #setState(state: CatalogState): void {
    this.#state = state;
    this.#options.listener.onState();
  }
}
