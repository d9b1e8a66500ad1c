import type { FeedType, SeenGap } from '../clients/events.ts';

/** Something is missing between two events that a client has, unless a gap that it is told covers it. */
export interface Hole {
  readonly type: FeedType;
  readonly text: string;
  /** The times of what is missing, or the times between which it is missing if they are not known. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The times of a gap are those of messages, which may come so much later than what they are about. */
  readonly slackMs: number;
  readonly sinceMs: number;
}

/** A gap is told on another stream, so it may come a little later than the event behind it. */
const PATIENCE_MS = 2_500;
const MAX_GAPS = 200;

/** The gaps that one client was told of one symbol, and the holes that it has found. */
export class Gaps {
  readonly #gaps: SeenGap[] = [];
  #holes: Hole[] = [];
  told = 0;

  tell(gap: SeenGap): void {
    this.told += 1;
    this.#gaps.push(gap);
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
  }

  find(hole: Hole): void {
    if (!this.#covers(hole)) this.#holes.push(hole);
  }

  /** The connection has ended, or something else was told that explains the holes which are not settled yet. */
  forgive(): void {
    this.#holes = [];
  }

  /** Holes that nobody has told. */
  overdue(nowMs: number): readonly Hole[] {
    const open = this.#holes.filter((hole) => !this.#covers(hole));
    const overdue = open.filter(({ sinceMs }) => nowMs - sinceMs > PATIENCE_MS);
    this.#holes = open.filter((hole) => !overdue.includes(hole));
    return overdue;
  }

  #covers({ type, fromMs, toMs, slackMs }: Hole): boolean {
    return this.#gaps.some((gap) => {
      if (gap.type !== type) return false;
      const begins = gap.from === null ? -Infinity : Date.parse(gap.from);
      const ends = gap.to === null ? Infinity : Date.parse(gap.to);
      return begins - slackMs <= fromMs && toMs <= ends + slackMs;
    });
  }
}
