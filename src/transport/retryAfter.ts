const LONGEST_MS = 7 * 86_400_000;

/**
 * How long a Retry-After header asks to wait, in milliseconds: whole seconds or an HTTP date. Null where there is none, or
 * none that can be read. Never negative, never more than a week.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, LONGEST_MS);
  if (!text.endsWith(' GMT')) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(Math.max(at - nowMs, 0), LONGEST_MS);
}
