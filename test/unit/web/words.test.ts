import { describe, expect, it } from 'vitest';
import { ageWords, clockTime, feedWords, rateWords } from '../../../web/data/words.ts';
import type { FeedFacts } from '../../../web/data/words.ts';

const LIVE: FeedFacts = { link: 'open', state: 'LIVE', reason: null, ageMs: 40, problem: null };

describe('a feed in words', () => {
  it.each<[string, Partial<FeedFacts>, string]>([
    ['live 40 ms', {}, 'good'],
    ['stale 12 s', { state: 'STALE', ageMs: 12_000 }, 'bad'],
    ['recovering: The book is awaited.', { state: 'RECOVERING', reason: 'The book is awaited.' }, 'waiting'],
    ['closed: The market is closed.', { state: 'CLOSED', reason: 'The market is closed.' }, 'bad'],
    ['reconnecting 3.0 s', { link: 'reconnecting', ageMs: 3_000 }, 'waiting'],
    ['connecting', { link: 'connecting', state: null, ageMs: null }, 'waiting'],
    ['connecting', { state: null, ageMs: null }, 'waiting'],
    ['log in first', { link: 'refused' }, 'bad'],
    ['There is no broker x.', { problem: 'There is no broker x.' }, 'bad'],
    // An old problem is not what counts while there is no connection.
    ['reconnecting', { link: 'reconnecting', problem: 'Old.', ageMs: null }, 'waiting'],
  ])('"%s" of %j', (text, facts, tone) => {
    expect(feedWords({ ...LIVE, ...facts })).toEqual({ text, tone });
  });

  it.each([
    [-5, '0 ms'],
    [999, '999 ms'],
    [1_000, '1.0 s'],
    [9_949, '9.9 s'],
    [9_950, '10 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
  ])('an age of %d ms is "%s"', (ms, words) => {
    expect(ageWords(ms)).toBe(words);
  });

  it('rates have a decimal below ten', () => {
    expect([rateWords(0), rateWords(9.94), rateWords(9.96), rateWords(499.7)]).toEqual([
      '0.0/s',
      '9.9/s',
      '10/s',
      '500/s',
    ]);
  });

  it('times of the day are the digits that came', () => {
    expect(clockTime('2026-11-23T07:30:04.123456Z')).toBe('07:30:04');
    expect(clockTime('2026-11-23T07:30:04.123956Z', 3)).toBe('07:30:04.123');
    expect(clockTime('2026-11-23T07:30:04Z', 3)).toBe('07:30:04.000');
  });
});
