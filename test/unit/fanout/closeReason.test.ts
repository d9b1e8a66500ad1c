import fc from 'fast-check';
import { expect, it } from 'vitest';
import { closeReason } from '../../../src/fanout/client/closeReason.ts';

it('a close reason fits a close frame and is the beginning of the text, cut between characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const reason = closeReason(text);
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
      expect(text.toWellFormed().startsWith(reason)).toBe(true);
      if (Buffer.byteLength(text.toWellFormed()) <= 123) expect(reason).toBe(text.toWellFormed());
      else expect(Buffer.byteLength(reason)).toBeGreaterThan(123 - 4);
    }),
  );
});
