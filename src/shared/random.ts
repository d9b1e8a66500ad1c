import { randomBytes } from 'node:crypto';

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** The process's own source of random numbers. It is for jitter, never for secrets. */
export const systemRandom: Random = () => Math.random();

/**
 * A deterministic source (mulberry32): the same seed gives the same numbers in the same order, on every machine.
 * Source: Tommy Ettinger's public-domain mulberry32.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A short identifier that is unique for all practical purposes, for epochs of streams and for logged errors. */
export function randomId(): string {
  return randomBytes(9).toString('base64url');
}
