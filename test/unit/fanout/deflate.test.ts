import { constants, inflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deflated, repeated, storedHeader, WINDOW_BYTES } from '../../../src/fanout/frames/deflate.ts';

const FLUSH_END = Buffer.from([0, 0, 0xff, 0xff]);

/** Bytes without a period, so that a match at a wrong distance is noticed. */
const WINDOW = Buffer.from(Array.from({ length: WINDOW_BYTES }, (_, at) => Math.imul(at + 1, 2_654_435_761) >>> 24));

/** What a client reads whose window ends with `before`. */
function inflated(before: Buffer, ...parts: Buffer[]): Buffer {
  return inflateRawSync(Buffer.concat([...parts, FLUSH_END]), {
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(before.length > 0 && { dictionary: before }),
  });
}

function copied(length: number, distance: number): Buffer {
  const bytes = Buffer.concat([WINDOW, Buffer.alloc(length)]);
  for (let at = WINDOW.length; at < bytes.length; at += 1) bytes[at] = bytes[at - distance] ?? 0;
  return bytes.subarray(WINDOW.length);
}

const noise = fc
  .record({ seed: fc.nat(), length: fc.oneof(fc.nat(300), fc.nat(70_000)), letters: fc.constantFrom(2, 16, 256) })
  .map(({ seed, length, letters }) => {
    let state = seed;
    const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0) >>> 24;
    return Buffer.from(Array.from({ length }, () => next() % letters));
  });

describe('a repetition', () => {
  it('copies any length from as far back as the window reaches, and ends at a byte boundary', () => {
    const distances = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: WINDOW_BYTES }));
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 2_000 }), distances, (length, distance) => {
        expect(inflated(WINDOW, repeated(length, distance)).equals(copied(length, distance))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('has the right code for every length that needs up to three matches', () => {
    for (let length = 3; length <= 800; length += 1) {
      expect(inflated(WINDOW, repeated(length, 1_000)).equals(copied(length, 1_000)), `length ${length}`).toBe(true);
    }
  });

  it('has the right code on either side of every distance at which the code changes', () => {
    for (let power = 0; power <= 15; power += 1) {
      for (const distance of [2 ** power - 1, 2 ** power, 2 ** power + 1, 1.5 * 2 ** power, 1.5 * 2 ** power + 1]) {
        if (distance < 1 || distance > WINDOW_BYTES || !Number.isInteger(distance)) continue;
        expect(inflated(WINDOW, repeated(70, distance)).equals(copied(70, distance)), `from ${distance}`).toBe(true);
      }
    }
  });
});

describe('deflated bytes', () => {
  it('can be read after their dictionary, after a stored block, and after a repetition', () => {
    fc.assert(
      fc.property(noise, noise, (dictionary, text) => {
        expect(inflated(Buffer.alloc(0), deflated(text)).equals(text)).toBe(true);
        expect(inflated(dictionary, deflated(text, dictionary)).equals(text)).toBe(true);
        const stored = text.subarray(0, 65_535);
        const parts = [storedHeader(stored.length), stored, deflated(text)];
        expect(inflated(Buffer.alloc(0), ...parts).equals(Buffer.concat([stored, text]))).toBe(true);
        const behind = [repeated(100, WINDOW_BYTES), deflated(text)];
        expect(inflated(WINDOW, ...behind).equals(Buffer.concat([WINDOW.subarray(0, 100), text]))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
