import { sleep } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { deadline } from '../../transport/deadline.ts';
import type { OandaRest } from './OandaRest.ts';
import type { VenueCandle } from './restReplies.ts';
import type { CandleSpecification } from './restRequests.ts';

/**
 * The venue's answer about a candle that has ended. `none`: it has no such candle. `unknown`: it did not answer in
 * time.
 */
export type Verdict = { readonly kind: 'candle'; readonly candle: VenueCandle } | { readonly kind: 'none' | 'unknown' };

/** Asks for one candle that has ended. */
export interface CandleQuestion extends CandleSpecification {
  readonly openMs: number;
  /** Called once, unless the confirmer is disposed of before. */
  readonly answer: (verdict: Verdict) => void;
}

export interface CandleConfirmerOptions {
  readonly rest: Pick<OandaRest, 'fetchLatestCandles'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** When the venue is asked: it counts a price a moment after it has sent it. */
const FIRST_ASKED_AFTER_MS = 750;
const ASKED_AGAIN_AFTER_MS = 1_500;
/** The final candle is published after this time, confirmed or not. */
const PATIENCE_MS = 4_000;
/** Keeps the path of a request within the length that servers accept. */
const MAX_SPECIFICATIONS = 200;

/** Asks the venue for candles that have just ended, in one request for all that end together. Owned by OandaBroker. */
export class CandleConfirmer implements Disposable {
  readonly #options: CandleConfirmerOptions;
  readonly #abort = new AbortController();
  #due: CandleQuestion[] = [];
  #alarm: Disposable | null = null;

  constructor(options: CandleConfirmerOptions) {
    this.#options = options;
  }

  ask(question: CandleQuestion): void {
    if (this.#abort.signal.aborted) return;
    this.#due.push(question);
    this.#alarm ??= this.#options.clock.after(FIRST_ASKED_AFTER_MS, () => {
      const due = this.#due;
      this.#due = [];
      this.#alarm = null;
      for (let from = 0; from < due.length; from += MAX_SPECIFICATIONS) {
        void this.#settle(due.slice(from, from + MAX_SPECIFICATIONS));
      }
    });
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
    this.#due = [];
  }

  async #settle(questions: readonly CandleQuestion[]): Promise<void> {
    const { clock } = this.#options;
    using time = deadline(clock, PATIENCE_MS - FIRST_ASKED_AFTER_MS, this.#abort.signal);
    const { signal } = time;
    const first = await this.#ask(questions, signal);
    const open = this.#report(questions, first, { isLast: false });
    if (open.length === 0) return;
    await sleep(clock, ASKED_AGAIN_AFTER_MS, signal);
    this.#report(open, await this.#ask(open, signal), { isLast: true });
  }

  /** Null if the venue did not answer. */
  async #ask(
    questions: readonly CandleQuestion[],
    signal: AbortSignal,
  ): Promise<readonly (readonly VenueCandle[])[] | null> {
    if (signal.aborted) return null;
    try {
      return await this.#options.rest.fetchLatestCandles(questions, signal);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#options.logger.warn({ err: error }, 'ended candles are not confirmed');
      return null;
    }
  }

  /** Passes the answers on; returns the questions that are still open. */
  #report(
    questions: readonly CandleQuestion[],
    answers: readonly (readonly VenueCandle[])[] | null,
    { isLast }: { readonly isLast: boolean },
  ): readonly CandleQuestion[] {
    if (this.#abort.signal.aborted) return [];
    return questions.filter((question, index) => {
      const latest = answers?.[index];
      const verdict = latest === undefined ? null : verdictOn(question.openMs, latest);
      if (verdict === null && !isLast) return true;
      question.answer(verdict ?? { kind: 'unknown' });
      return false;
    });
  }
}

/** Judges by the newest complete candle and the one in progress, if there are any. Null if it is too early to say. */
function verdictOn(openMs: number, latest: readonly VenueCandle[]): Verdict | null {
  const candle = latest.find((each) => each.openMs === openMs);
  if (candle !== undefined) return candle.complete ? { kind: 'candle', candle } : null;
  const later = latest.filter((each) => each.openMs > openMs);
  // If a later candle is complete, the one that is asked for may exist without being in the answer.
  if (later.some(({ complete }) => complete)) return { kind: 'unknown' };
  return later.length > 0 ? { kind: 'none' } : null;
}
