import { sleep } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { deadline } from '../../transport/deadline.ts';
import type { OandaRest } from './OandaRest.ts';
import type { VenueCandle } from './restReplies.ts';
import type { CandleSpecification } from './restRequests.ts';

/** What the venue says of one candle that has ended. `none`: it has no such candle. `unknown`: it did not say in time. */
export type Verdict = { readonly kind: 'candle'; readonly candle: VenueCandle } | { readonly kind: 'none' | 'unknown' };

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

/** The venue counts a price in a moment after it has sent it. */
const FIRST_ASKED_AFTER_MS = 750;
const ASKED_AGAIN_AFTER_MS = 1_500;
/** Nobody waits longer for the end of a candle. */
const PATIENCE_MS = 4_000;
/** Keeps a path shorter than what servers take. */
const MAX_SPECIFICATIONS = 200;

/** Asks the venue for candles that have just ended: all that end together in one request. Owned by the broker. */
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
    const open = this.#tell(questions, first, { isLast: false });
    if (open.length === 0) return;
    await sleep(clock, ASKED_AGAIN_AFTER_MS, signal);
    this.#tell(open, await this.#ask(open, signal), { isLast: true });
  }

  /** Null: the venue did not say. */
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

  /** Those that are still open after it. */
  #tell(
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

/** From the newest complete candle and the one that grows, where there are such. Null: too early to say. */
function verdictOn(openMs: number, latest: readonly VenueCandle[]): Verdict | null {
  const candle = latest.find((each) => each.openMs === openMs);
  if (candle !== undefined) return candle.complete ? { kind: 'candle', candle } : null;
  const later = latest.filter((each) => each.openMs > openMs);
  // With a later one complete, the one that is asked for may have been there and gone from the answer.
  if (later.some(({ complete }) => complete)) return { kind: 'unknown' };
  return later.length > 0 ? { kind: 'none' } : null;
}
