const BANNED_UNTIL = /\buntil (?<epochMs>\d{13})\b/;
/** No ban is longer than three days. */
const LONGEST_MS = 3 * 86_400_000;

/**
 * How long a ban lasts from now, by the text of the refusal: the header Retry-After is not always there. Null if the
 * text does not say, or says something that can't be. `venueMs` is the venue's time.
 *
 *     {"code":-1003,"msg":"Way too much request weight used; IP banned until 1748592527333. Please use …"}
 */
export function banMs(body: string, venueMs: number): number | null {
  const until = BANNED_UNTIL.exec(body)?.groups?.['epochMs'];
  const leftMs = until === undefined ? 0 : Number(until) - venueMs;
  return leftMs > 0 && leftMs <= LONGEST_MS ? leftMs : null;
}
