interface State {
  readonly atMs: number;
  readonly text: string;
}

/** The states that one thing went through, each once: a book, or the best prices. */
export class StateLine {
  readonly #states: State[] = [];
  /** By text; the same state may come again. */
  readonly #places = new Map<string, number[]>();
  #dropped = 0;

  push(atMs: number, text: string): void {
    if (this.#states.at(-1)?.text === text) return;
    const place = this.#dropped + this.#states.length;
    this.#states.push({ atMs, text });
    const known = this.#places.get(text);
    if (known === undefined) this.#places.set(text, [place]);
    else known.push(place);
  }

  /** The first place of this state that is not before `from`; null if there is none. */
  find(text: string, from: number): number | null {
    return this.#places.get(text)?.find((place) => place >= from) ?? null;
  }

  /** When the state after this place came; null if it is the newest. */
  nextAtMs(place: number): number | null {
    return this.#states[place + 1 - this.#dropped]?.atMs ?? null;
  }

  /** Whether anything has been forgotten. */
  get isWhole(): boolean {
    return this.#dropped === 0;
  }

  prune(beforeMs: number): void {
    let count = 0;
    while ((this.#states[count]?.atMs ?? beforeMs) < beforeMs) count += 1;
    for (const { text } of this.#states.splice(0, count)) {
      const places = this.#places.get(text);
      places?.shift();
      if (places?.length === 0) this.#places.delete(text);
    }
    this.#dropped += count;
  }
}
