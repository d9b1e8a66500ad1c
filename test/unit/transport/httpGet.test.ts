import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../../src/transport/httpGet.ts';

const now = Date.UTC(2026, 10, 23, 7, 30, 0);

describe('retryAfterMs', () => {
  it.each([
    ['whole seconds', '7', 7_000],
    ['no time at all', '0', 0],
    ['blanks around it', ' 12 ', 12_000],
    ['an HTTP date', 'Mon, 23 Nov 2026 07:31:30 GMT', 90_000],
    ['a date that has passed', 'Mon, 23 Nov 2026 07:29:30 GMT', 0],
    ['more than a week is a week', '99999999999999999999', 604_800_000],
    ['no header', undefined, null],
    ['nothing in it', '', null],
    ['a fraction', '1.5', null],
    ['below zero', '-3', null],
    ['words', 'soon', null],
    ['a broken date', 'Someday, 99 Foo 2026 GMT', null],
  ])('%s', (_name, header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected);
  });
});
