/** Close codes of WebSocket (RFC 6455, 7.4.1, and its registry). This one says that the gateway is shutting down. */
export const GOING_AWAY = 1001;
export const UNSUPPORTED_DATA = 1003;
/** The client broke a rule of the gateway. */
export const POLICY_VIOLATION = 1008;
/** The gateway is overloaded, or this client overloads it. The client may connect again later. */
export const TRY_AGAIN_LATER = 1013;

/** A WebSocket close frame has room for 123 bytes of reason (RFC 6455, 5.5.1). */
const MAX_BYTES = 123;

/** Cuts the reason to the bytes that fit, at a character's boundary: a longer one would throw. */
export function closeReason(text: string): string {
  const bytes = Buffer.from(text.toWellFormed(), 'utf8');
  if (bytes.length <= MAX_BYTES) return bytes.toString('utf8');
  let end = MAX_BYTES;
  // Bytes 10xxxxxx continue the character before them.
  while (end > 0 && ((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return bytes.toString('utf8', 0, end);
}
