import type { MarketData, StreamKey } from '../market/marketData.ts';
import { Audience } from './Audience.ts';
import type { BookCut } from './Audience.ts';
import type { BookSource } from './BookView.ts';
import type { Runs } from './Runs.ts';

const NOBODY: readonly Audience[] = [];

/** One stream, and all who listen to it. An event that nobody wants costs a look. */
export class Topic {
  readonly key: StreamKey;
  readonly #runs: Runs;
  #audiences = NOBODY;
  /** Of those who publish in it: one, or for a moment two. */
  readonly sources = new Set<Disposable>();

  constructor(key: StreamKey, runs: Runs) {
    this.key = key;
    this.#runs = runs;
  }

  get isHeard(): boolean {
    return this.#audiences.length > 0;
  }

  /** `book`: the stream's, with the event applied already; null for what is no book. */
  publish(event: MarketData, book: BookSource | null): void {
    for (const audience of this.#audiences) this.#runs.add(audience, audience.emission(this.key, event, book));
  }

  /** Those who see the stream so; the first of them begins it. */
  audience(cut: BookCut): Audience {
    const known = this.#audiences.find((audience) => audience.sees(cut?.view ?? null));
    if (known !== undefined) return known;
    const made = new Audience(cut);
    this.#audiences = [...this.#audiences, made];
    return made;
  }

  /** Nobody sees the stream so any more. */
  drop(audience: Audience): void {
    const left = this.#audiences.filter((each) => each !== audience);
    this.#audiences = left.length === 0 ? NOBODY : left;
  }
}
