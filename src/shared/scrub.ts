/** What stands in place of a secret, wherever one is masked. */
export const REDACTED = '[redacted]';

/** Enough of any text for a log; what lies beyond is cut before a pattern looks at it. */
const MAX_LENGTH = 8_192;

const RULES: readonly (readonly [RegExp, string])[] = [
  // user:password@ of a URL
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@]{1,1024}@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  // key=value and "key":"value", as they stand in URLs, forms and JSON
  [
    /\b(access_?token|token|api_?key|api_?secret|client_?secret|secret|password|passwd|signature|authorization|session|account_?id)(["']?\s{0,4}[=:]\s{0,4}["']?)[^\s"'&,;}{[\]]+/gi,
    `$1$2${REDACTED}`,
  ],
  // a JSON Web Token, and a token as OANDA issues them
  [/\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g, REDACTED],
  [/\b[0-9a-f]{32}-[0-9a-f]{32}\b/gi, REDACTED],
];

/**
 * Masks what looks like a credential in text that we did not write ourselves: error messages, stacks, URLs. A net beneath
 * the rule that such text is not logged with secrets in it, not a licence to do so.
 */
export function scrub(text: string): string {
  let scrubbed = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  for (const [pattern, replacement] of RULES) scrubbed = scrubbed.replace(pattern, replacement);
  return scrubbed;
}
