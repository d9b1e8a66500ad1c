import type { Random } from '../../shared/random.ts';

/** One number for any parts, the same everywhere: the seed of a generator that nothing else shares (FNV-1a). */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of JSON.stringify(parts)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}

/** A whole number from `low` to `high`, both included. */
export function whole(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** A whole number from 1 to `most`, small ones more often. */
export function small(random: Random, most: number): number {
  return 1 + Math.floor(random() * random() * most);
}

/** A number from -1 to 1 that depends on its place alone. */
export function noiseAt(seed: number, octave: number, index: number): number {
  let mixed = seed ^ Math.imul(octave + 1, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2_147_483_647.5 - 1;
}
