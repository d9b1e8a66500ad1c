import type { FeedState } from '../../client/index.ts';

/** How a connection of the page to the gateway is. */
export type LinkState = 'connecting' | 'open' | 'reconnecting' | 'refused';

/** What is known of a feed at a moment. */
export interface FeedFacts {
  readonly link: LinkState;
  /** Null before the gateway has said anything. */
  readonly state: FeedState | null;
  readonly reason: string | null;
  /** How long ago the last event came; null before the first. */
  readonly ageMs: number | null;
  /** Why the gateway refused the subscription; null if it did not. */
  readonly problem: string | null;
}

/** How a feed is, for the colour of its mark. */
export type FeedTone = 'good' | 'waiting' | 'bad';

/** A feed in words: `live 40 ms`, `stale 12 s`, `recovering: …`. */
export function feedWords(facts: FeedFacts): { readonly text: string; readonly tone: FeedTone } {
  const { link, state, reason, ageMs, problem } = facts;
  const since = ageMs === null ? '' : ` ${ageWords(ageMs)}`;
  const because = reason === null ? '' : `: ${reason}`;
  if (link === 'refused') return { text: 'log in first', tone: 'bad' };
  if (link === 'reconnecting') return { text: `reconnecting${since}`, tone: 'waiting' };
  if (problem !== null) return { text: problem, tone: 'bad' };
  if (link === 'connecting' || state === null) return { text: 'connecting', tone: 'waiting' };
  switch (state) {
    case 'LIVE':
      return { text: `live${since}`, tone: 'good' };
    case 'STALE':
      return { text: `stale${since}`, tone: 'bad' };
    case 'RECOVERING':
      return { text: `recovering${because}`, tone: 'waiting' };
    case 'CLOSED':
      return { text: `closed${because}`, tone: 'bad' };
    default:
      return state satisfies never;
  }
}

/** A duration for people: `40 ms`, `1.2 s`, `12 s`, `3 min`, `2 h`. */
export function ageWords(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole} ms`;
  if (whole < 9_950) return `${(whole / 1_000).toFixed(1)} s`;
  if (whole < 119_500) return `${Math.round(whole / 1_000)} s`;
  if (whole < 7_170_000) return `${Math.round(whole / 60_000)} min`;
  return `${Math.round(whole / 3_600_000)} h`;
}

/** Events a second: with a decimal below ten. */
export function rateWords(perSecond: number): string {
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
}

/** The time of the day, in UTC, down to the second or to the millisecond. The text is cut, not parsed. */
export function clockTime(timestamp: string, digits: 0 | 3 = 0): string {
  const [, time = timestamp, fraction = ''] = /T(\d{2}:\d{2}:\d{2})(?:\.(\d+))?/.exec(timestamp) ?? [];
  return digits === 0 ? time : `${time}.${fraction.slice(0, digits).padEnd(digits, '0')}`;
}
