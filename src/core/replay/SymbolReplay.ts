import type { FeedReplay } from '../../market/marketData.ts';

/** What one stream of a symbol contributes. */
export interface ReplayPart {
  /** Null if no cursor of the stream was given. */
  readonly recovered: boolean | null;
  readonly events: number;
  readonly complete: boolean;
}

export interface SymbolReplayOptions {
  /** How many streams of the symbol the subscription has. */
  readonly streams: number;
  /** Reports the outcome, before anything else of the symbol. */
  readonly report: (outcome: FeedReplay) => void;
}

/**
 * Brings the streams of one symbol together whose past a subscriber asked for: none of them begins before all of them
 * know what they have, and the outcome has been reported.
 */
export class SymbolReplay {
  readonly #options: SymbolReplayOptions;
  readonly #parts: { readonly part: ReplayPart; readonly begin: () => void }[] = [];

  constructor(options: SymbolReplayOptions) {
    this.#options = options;
  }

  /** A stream knows what it has; `begin` sends it. */
  join(part: ReplayPart, begin: () => void): void {
    this.#parts.push({ part, begin });
    if (this.#parts.length < this.#options.streams) return;
    this.#options.report(outcomeOf(this.#parts.map((each) => each.part)));
    for (const each of this.#parts) each.begin();
  }
}

function outcomeOf(parts: readonly ReplayPart[]): FeedReplay {
  const resumed = parts.flatMap(({ recovered }) => recovered ?? []);
  return {
    recovered: resumed.length === 0 ? null : resumed.every(Boolean),
    events: parts.reduce((sum, { events }) => sum + events, 0),
    complete: parts.every(({ complete }) => complete),
  };
}
