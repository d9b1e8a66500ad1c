import { Backoff } from '../../shared/backoff.ts';
import { sleep } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import { deadline } from '../../shared/deadline.ts';
import type { BrokerContext } from '../BaseBroker.ts';

export interface PatienceOptions {
  readonly broker: Pick<BrokerContext, 'clock' | 'random' | 'logger'>;
  /** The venue's name of the stream, for the log. */
  readonly stream: string;
  readonly signal: AbortSignal;
}

const ATTEMPTS = 3;
const BACKOFF = { baseMs: 500, maxMs: 5_000 };
/** Missed events that can't be fetched within this time are reported as a gap. */
const PATIENCE_MS = 30_000;

/**
 * The result of `fetch`, which is tried several times; null if the venue did not answer in time or the signal was
 * aborted. Never rejects.
 */
export async function fetchPatiently<T>(
  fetch: (signal: AbortSignal) => Promise<T>,
  { broker, stream, signal }: PatienceOptions,
): Promise<T | null> {
  using time = deadline(broker.clock, PATIENCE_MS, signal);
  try {
    return await attempt(fetch, broker, time.signal);
  } catch (error) {
    if (!signal.aborted) broker.logger.debug({ err: error, stream }, 'history unavailable');
    return null;
  }
}

/** Rejects as the last attempt did, or when the signal is aborted. */
async function attempt<T>(
  fetch: (signal: AbortSignal) => Promise<T>,
  { clock, random }: PatienceOptions['broker'],
  signal: AbortSignal,
): Promise<T> {
  const backoff = new Backoff({ ...BACKOFF, random });
  for (;;) {
    signal.throwIfAborted();
    try {
      return await fetch(signal);
    } catch (error) {
      const { retryable, details } = GatewayError.from(error);
      if (signal.aborted || !retryable || backoff.attempt + 1 >= ATTEMPTS) throw error;
      await sleep(clock, backoff.next(details.retryAfterMs), signal);
    }
  }
}
