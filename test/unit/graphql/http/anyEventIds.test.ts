import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readCursors } from '../../../../src/core/subscription.ts';
import { EventIds, lastCursors } from '../../../../src/graphql/http/EventIds.ts';
import { cursorPrefix, formatCursor, NO_EPOCH } from '../../../../src/market/cursor.ts';
import type { Cursor } from '../../../../src/market/cursor.ts';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { mutatedText } from '../../../support/mutations.ts';

const cursor = fc
  .tuple(fc.stringMatching(/^[\w-]{8}$/), fc.stringMatching(/^[\w-]{12}$/), fc.nat(), fc.option(fc.nat()))
  .map(([stream, epoch, sequence, timeMs]) =>
    formatCursor(cursorPrefix(stream, epoch), sequence, timeMs === null ? null : { timeMs, tradeId: null }),
  );
const valid = fc.array(cursor, { minLength: 1, maxLength: 5 }).map((cursors) => cursors.join(','));

/** Those of no stream mean nothing, and are left out. */
function withoutStrays(header: string): string {
  const isStray = (text: string): boolean => text.slice(9).startsWith(NO_EPOCH);
  return header
    .split(',')
    .filter((text) => !isStray(text))
    .join(',');
}

/** The cursors in a header; null if it is refused, which the client is told in a short sentence. */
function read(header: string): readonly Cursor[] | null {
  const texts = lastCursors({ 'last-event-id': header });
  try {
    return readCursors(texts ?? []);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    expect(error.code).toBe('BAD_REQUEST');
    expect(error.message.length).toBeLessThan(300);
    return null;
  }
}

it('the header Last-Event-ID has exactly the cursors that were sent', () => {
  fc.assert(
    fc.property(valid, (header) => {
      expect(
        read(header)
          ?.map(({ text }) => text)
          .join(','),
      ).toBe(withoutStrays(header));
    }),
  );
});

it('any other header is refused, or is read as what it says and no more', () => {
  const any = fc.oneof(valid.chain(mutatedText), fc.string({ unit: 'binary' }), fc.constantFrom(',', ',,', '1', ' '));
  fc.assert(
    fc.property(any, (header) => {
      const cursors = read(header);
      if (cursors === null) return;
      expect(cursors.map(({ text }) => text).join(',')).toBe(withoutStrays(header));
      // What goes on from there has room for all of them.
      expect(new EventIds(cursors).extraBytes).toBeGreaterThan(0);
    }),
    { numRuns: 2_000 },
  );
});
