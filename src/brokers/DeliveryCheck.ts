import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';

/** A stream that does not deliver is first subscribed again; then its connection is replaced. */
export type DeliveryStep = 'resubscribe' | 'reconnect';

export interface DeliveryCheckOptions {
  readonly clock: Clock;
  /** Asks the venue by request whether it has anything that the stream did not deliver. Rejects if it does not say. */
  readonly look: (signal: AbortSignal) => Promise<boolean>;
  /** Nothing has come since the last call of `delivered`, not even in the last moment. */
  readonly isSilent: () => boolean;
  /** The venue has nothing new either. */
  readonly onQuiet: () => void;
  /** The venue has something, and it still does not come. */
  readonly onUndelivered: (step: DeliveryStep) => void;
}

/** An event that the venue returns by request may come over the stream this much later. */
const GRACE_MS = 3_000;
/** The venue is asked about a lasting silence at least this often. */
const LONGEST_MS = 600_000;

/**
 * Finds out whether a silent stream is quiet or broken. Silence alone proves nothing, and an acknowledged subscription
 * does not either; so the venue is asked, ever more rarely while it has nothing new. Owned by what receives the stream.
 */
export class DeliveryCheck implements Disposable {
  readonly #options: DeliveryCheckOptions;
  #look: AbortController | null = null;
  /** Looks since the silence began. */
  #looks = 0;
  #step: DeliveryStep = 'resubscribe';

  constructor(options: DeliveryCheckOptions) {
    this.#options = options;
  }

  /** Something has come. */
  delivered(): void {
    this.begun();
    this.#step = 'resubscribe';
  }

  /** The silence is measured anew, for the stream was subscribed or lost. */
  begun(): void {
    this.#look?.abort();
    this.#look = null;
    this.#looks = 0;
  }

  /** To be called now and then with the length of the silence, and with the length from which it means something. */
  silent(silentMs: number, patienceMs: number): void {
    if (
      this.#look !== null ||
      silentMs < Math.min(patienceMs * 2 ** this.#looks, patienceMs + LONGEST_MS * this.#looks)
    )
      return;
    this.#looks += 1;
    const look = new AbortController();
    this.#look = look;
    void this.#run(look.signal);
  }

  [Symbol.dispose](): void {
    this.begun();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, look, isSilent, onQuiet, onUndelivered } = this.#options;
    // A venue that does not answer proves nothing.
    const isBehind = await look(signal).catch(() => null);
    if (isBehind === true) await sleep(clock, GRACE_MS, signal);
    if (signal.aborted) return;
    this.#look = null;
    if (isBehind === false) onQuiet();
    if (isBehind !== true || !isSilent()) return;
    const step = this.#step;
    this.#step = 'reconnect';
    onUndelivered(step);
  }
}
