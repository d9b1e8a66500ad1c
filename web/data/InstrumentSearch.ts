import { computed, signal } from '@preact/signals';
import { pageClock } from '../ui/clock.ts';
import { brokers } from './brokers.ts';
import { search } from './instruments.ts';
import type { Instrument, SearchResult } from './instruments.ts';

/** A person who still types is not answered yet. */
const TYPING_MS = 120;

/** Searches for the text in the search box, and keeps what was found. */
export class InstrumentSearch {
  readonly text = signal('');
  readonly found = signal<readonly Instrument[]>([]);
  readonly silent = signal<SearchResult['silent']>([]);
  /** The place of the instrument that Enter takes. */
  readonly active = signal(0);
  readonly #isAnswered = signal(false);
  readonly isOpen = computed(() => this.text.value !== '' && this.#isAnswered.value);
  #typing: Disposable | null = null;

  get chosen(): Instrument | undefined {
    return this.found.value[this.active.value];
  }

  type(text: string): void {
    this.#typing?.[Symbol.dispose]();
    this.text.value = text;
    const wanted = text.trim();
    if (wanted === '') {
      this.found.value = [];
      this.#isAnswered.value = false;
      return;
    }
    this.#typing = pageClock.after(TYPING_MS, () => {
      void this.#find(wanted);
    });
  }

  /** Moves on to the next instrument, or back. */
  step(by: 1 | -1): void {
    const { length } = this.found.value;
    if (length > 0) this.active.value = (this.active.value + by + length) % length;
  }

  close(): void {
    this.type('');
  }

  async #find(wanted: string): Promise<void> {
    const { found, silent } = await search(wanted, brokers.peek() ?? []);
    // An answer may be late, and another text be wanted by then.
    if (this.text.peek().trim() !== wanted) return;
    this.found.value = found;
    this.silent.value = silent;
    this.active.value = 0;
    this.#isAnswered.value = true;
  }
}
