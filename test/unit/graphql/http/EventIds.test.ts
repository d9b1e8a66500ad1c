import { expect, it } from 'vitest';
import { SharedEvent } from '../../../../src/fanout/frames/SharedEvent.ts';
import { EventIds, lastCursors } from '../../../../src/graphql/http/EventIds.ts';
import { cursorPrefix, formatCursor, NO_EPOCH, parseCursor } from '../../../../src/market/cursor.ts';
import type { MarketData } from '../../../../src/market/marketData.ts';
import { key, trade } from '../../../support/events.ts';

const EPOCH = 'ABCDEFGHIJKL';
const encoder = { isShared: true, encode: ({ cursor }: MarketData) => cursor };

const cursorOf = (stream: number, sequence: number, epoch = EPOCH): string =>
  formatCursor(cursorPrefix(String(stream).padStart(8, '0'), epoch), sequence);

/** The id that a client gets with an event that has this cursor. */
function idOf(ids: EventIds, cursor: string): string | null {
  const shared = new SharedEvent(key('trade'), { ...trade(1), cursor });
  const text = ids.write(shared.frames(encoder), [shared]).toString();
  return /^id: (.*)$/m.exec(text)?.[1] ?? null;
}

it('has the last cursor of each stream', () => {
  const ids = new EventIds([]);
  expect(idOf(ids, cursorOf(1, 5))).toBe(cursorOf(1, 5));
  expect(idOf(ids, cursorOf(2, 9))).toBe(`${cursorOf(1, 5)},${cursorOf(2, 9)}`);
  expect(idOf(ids, cursorOf(1, 6))).toBe(`${cursorOf(1, 6)},${cursorOf(2, 9)}`);
});

it('keeps the cursors that the client came with, until their streams have others', () => {
  const resumed = [cursorOf(1, 5), cursorOf(2, 9)].map((text) => parseCursor(text) ?? expect.fail(text));
  expect(idOf(new EventIds(resumed), cursorOf(2, 10))).toBe(`${cursorOf(1, 5)},${cursorOf(2, 10)}`);
});

it('is not given with an event that belongs to no stream', () => {
  const ids = new EventIds([]);
  expect(idOf(ids, cursorOf(1, 5, NO_EPOCH))).toBeNull();
  expect(idOf(ids, cursorOf(2, 9))).toBe(cursorOf(2, 9));
});

it('is empty once it would be too long for a header', () => {
  const ids = new EventIds([]);
  const all = Array.from({ length: 500 }, (_, stream) => idOf(ids, cursorOf(stream, 1)));
  const first = all.indexOf('');
  expect(first).toBeGreaterThan(100);
  expect(Math.max(...all.map((id) => id?.length ?? 0))).toBeLessThanOrEqual(4_000);
  expect(all.slice(first).every((id) => id === '')).toBe(true);
});

it('comes back in a header, which has the cursors again', () => {
  expect(lastCursors({ 'last-event-id': 'a,b' })).toEqual(['a', 'b']);
  expect(lastCursors({ 'last-event-id': '' })).toBeNull();
  expect(lastCursors({})).toBeNull();
});
