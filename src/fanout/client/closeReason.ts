/** Close codes of RFC 6455 (7.4.1) and its registry. */
export const UNSUPPORTED_DATA = 1003;
export const POLICY_VIOLATION = 1008;
/** The server has too much to do, or finds so of this client, which may come again later. */
export const TRY_AGAIN_LATER = 1013;

/** A WebSocket close frame has room for 123 bytes of reason (RFC 6455, 5.5.1). */
const MAX_BYTES = 123;

/** The reason, cut by bytes at a character's boundary: a longer one would be an error in the middle of an error. */
export function closeReason(text: string): string {
  const bytes = Buffer.from(text.toWellFormed(), 'utf8');
  if (bytes.length <= MAX_BYTES) return bytes.toString('utf8');
  let end = MAX_BYTES;
  // Bytes 10xxxxxx go on with the character that began before them.
  while (end > 0 && ((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return bytes.toString('utf8', 0, end);
}
