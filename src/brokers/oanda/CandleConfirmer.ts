import { sleep } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { deadline } from '../../shared/deadline.ts';
import type { OandaRest } from './OandaRest.ts';
import type { VenueCandle } from './restReplies.ts';
import type { CandleSpecification } from './restRequests.ts';

/**
 * The venue's answer about a candle that has ended. `none`: it has no such candle. `unknown`: it did not answer in
 * time, or the candle is not among its newest any more.
 */
export type Verdict = { readonly kind: 'candle'; readonly candle: VenueCandle } | { readonly kind: 'none' | 'unknown' };

/** Asks for one candle that has ended. */
export interface CandleQuestion extends CandleSpecification {
  readonly openMs: number;
  /** Prices of it were streamed, so that the venue will have it. */
  readonly isExpected: boolean;
  /** False once nobody waits for the answer any more; then it is not asked for again. */
  readonly isOpen: () => boolean;
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
/** The longest pause while a candle that has ended still grows at the venue; pauses double. */
const LONGEST_PAUSE_MS = 15_000;
/** How long nothing is known if the venue does not answer at all. */
const PATIENCE_MS = 4_000;
/** Keeps the path of a request within the length that servers accept. */
const MAX_SPECIFICATIONS = 200;

/**
 * Asks the venue for candles that have just ended, in one request for all that end together, and again for as long as
 * it calls them incomplete. Owned by OandaBroker.
 */
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
    let open = questions;
    for (let round = 1; ; round += 1) {
      const isFirst = round === 1;
      const answers = await this.#ask(open);
      if (this.#abort.signal.aborted) return;
      open = this.#report(open, answers, { isLast: !isFirst });
      open = open.filter(({ isOpen }) => isOpen());
      if (open.length === 0) return;
      const pauseMs = Math.min(ASKED_AGAIN_AFTER_MS * 2 ** (round - 1), LONGEST_PAUSE_MS);
      await sleep(clock, pauseMs, this.#abort.signal);
      open = open.filter(({ isOpen }) => isOpen());
      if (this.#abort.signal.aborted || open.length === 0) return;
    }
  }

  /** Null if the venue did not answer. */
  async #ask(questions: readonly CandleQuestion[]): Promise<readonly (readonly VenueCandle[])[] | null> {
    const { clock, rest, logger } = this.#options;
    using time = deadline(clock, PATIENCE_MS, this.#abort.signal);
    try {
      return await rest.fetchLatestCandles(questions, time.signal);
    } catch (error) {
      if (!this.#abort.signal.aborted) logger.debug({ err: error }, 'ended candles are not confirmed yet');
      return null;
    }
  }

  /** Passes on what is certain, and at last what will not be known; returns the questions that are still open. */
  #report(
    questions: readonly CandleQuestion[],
    answers: readonly (readonly VenueCandle[])[] | null,
    { isLast }: { readonly isLast: boolean },
  ): readonly CandleQuestion[] {
    return questions.filter((question, index) => {
      const verdict = answers === null ? null : verdictOn(question.openMs, answers[index] ?? []);
      if (verdict !== null) question.answer(verdict);
      else if (!isLast) return true;
      else if (answers === null) question.answer({ kind: 'unknown' });
      // It still grows there, or is not there yet: the venue's own is worth any wait.
      else if (question.isExpected || answers[index]?.some(({ openMs }) => openMs === question.openMs) === true)
        return true;
      else question.answer({ kind: 'none' });
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
