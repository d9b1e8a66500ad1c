import type { FeedReplay } from '../../market/marketData.ts';

/** The contribution of one stream to the outcome of its symbol. */
export interface ReplayPart {
  /** Null if no cursor of the stream was given. */
  readonly recovered: boolean | null;
  readonly events: number;
  readonly complete: boolean;
}

/** One stream of a symbol that knows what it has. */
export interface ReadyStream {
  /** Called once, right before all streams of the symbol begin. */
  outcome(): ReplayPart;
  /** Sends what it has. */
  begin(): void;
}

export interface SymbolReplayOptions {
  /** How many streams of the symbol the subscription has. */
  readonly streams: number;
  /** Reports the outcome, before anything else of the symbol. */
  readonly report: (outcome: FeedReplay) => void;
}

/** A stream that asks for nothing of its own, but waits for the others. */
export const NOTHING_PAST: ReplayPart = { recovered: null, events: 0, complete: true };

/**
 * Brings the streams of one symbol together whose past a subscriber asked for: none of them begins before all of them
 * know what they have, and the outcome has been reported.
 */
export class SymbolReplay {
  readonly #options: SymbolReplayOptions;
  readonly #ready = new Set<ReadyStream>();
  #isReported = false;

  constructor(options: SymbolReplayOptions) {
    this.#options = options;
  }

  get isReported(): boolean {
    return this.#isReported;
  }

  /** A stream knows what it has. It leaves, if it has not begun, when disposed of. */
  join(stream: ReadyStream): Disposable {
    this.#ready.add(stream);
    if (this.#ready.size === this.#options.streams && !this.#isReported) this.#begin();
    return {
      [Symbol.dispose]: () => {
        this.#ready.delete(stream);
      },
    };
  }

  #begin(): void {
    this.#isReported = true;
    const streams = [...this.#ready];
    this.#options.report(outcomeOf(streams.map((stream) => stream.outcome())));
    for (const stream of streams) if (this.#ready.has(stream)) stream.begin();
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
