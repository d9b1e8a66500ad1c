import { assertNever } from '../../shared/errors.ts';

/** What the venue found fault with, where it answered with a 4xx. */
export type Refusal = 'token' | 'account' | 'instrument' | 'future' | 'count' | 'other';

/**
 * By the status, and by the venue's words where the status says too little; null: it said nothing.
 * https://developer.oanda.com/rest-live-v20/troubleshooting-errors/
 */
export function toRefusal(status: number, message: string | null): Refusal {
  const text = message ?? '';
  if (status === 401) return /forbidden/i.test(text) ? 'account' : 'token';
  if (status === 403) return 'account';
  if (status !== 400) return 'other';
  if (/ is not a valid instrument/.test(text)) return 'instrument';
  if (text.startsWith("Maximum value for 'count'")) return 'count';
  const [, field = ''] = /^Invalid value specified for '([^']+)'/.exec(text) ?? [];
  if (/Time is in the future/.test(text)) return 'future';
  switch (field) {
    case 'accountID':
      return 'account';
    case 'instrument':
    case 'instruments':
    case 'candleSpecifications':
      return 'instrument';
    default:
      return 'other';
  }
}

/** For a person, where there is no use in asking again; null where there is. */
export function credentialsRefused(refusal: Refusal): string | null {
  switch (refusal) {
    case 'token':
      return 'The venue refuses this token; a token is good for one environment only, practice or live.';
    case 'account':
      return 'The venue refuses this account: the token does not open it.';
    case 'instrument':
    case 'future':
    case 'count':
    case 'other':
      return null;
    default:
      return assertNever(refusal);
  }
}
