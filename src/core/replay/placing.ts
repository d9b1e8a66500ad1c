/** The numbers that are free for events which are missing: above `from`, up to `to`. */
export interface Room {
  readonly from: number;
  readonly to: number;
}

/** Events of the past by their places in the venue's order, rising. */
export interface Missing {
  readonly places: readonly number[];
  /** The place of the event behind the room; null if it has not come yet. */
  readonly next: number | null;
  /** How far apart the places of neighbours are. */
  readonly step: number;
}

/**
 * Numbers for events in a room. Between them there is as much room as there may be events, so that those that are still
 * missing have their numbers, too; if there is too little room for that, they take its end, and if they don't fit at
 * all, the result is null.
 */
export function numbersIn({ from, to }: Room, { places, next, step }: Missing): readonly number[] | null {
  const end = next ?? (places.at(-1) ?? 0) + step;
  const spaced = places.map((place) => to + 1 - Math.round((end - place) / step));
  if ((spaced[0] ?? 0) > from) return spaced;
  const packed = places.map((_place, index) => to + 1 - places.length + index);
  return (packed[0] ?? 0) > from ? packed : null;
}

/** Numbers for events up to one whose place and number are known; null if they would not be positive. */
export function numbersUpTo(
  known: { readonly place: number; readonly sequence: number },
  places: readonly number[],
  step: number,
): readonly number[] | null {
  const numbers = places.map((place) => known.sequence - Math.round((known.place - place) / step));
  return (numbers[0] ?? 1) > 0 ? numbers : null;
}
