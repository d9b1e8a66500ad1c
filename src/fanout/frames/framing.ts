/** A server's text frames are not masked, and these are not fragmented (RFC 6455, 5.2). */
const FINAL_TEXT = 0x81;
/** RSV1: the message is compressed (RFC 7692, 6). */
const COMPRESSED = 0x40;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

const NEXT_BEFORE_ID = Buffer.from('{"id":');
const NEXT_AFTER_ID = Buffer.from(',"type":"next","payload":');
/** The end of a `next` message. */
export const NEXT_END = Buffer.from('}');
/** The offset of the id in a `next` message. */
export const NEXT_ID_AT = NEXT_BEFORE_ID.length;

/** The size of a frame's header for a payload of `payloadBytes`. */
function headerBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_IN_16_BITS) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header at `at` and returns the offset of the payload. */
function writeHeader(target: Buffer, at: number, payloadBytes: number): number {
  target[at] = FINAL_TEXT;
  if (payloadBytes < LENGTH_IN_16_BITS) {
    target[at + 1] = payloadBytes;
  } else if (payloadBytes < 65_536) {
    target[at + 1] = LENGTH_IN_16_BITS;
    target.writeUInt16BE(payloadBytes, at + 2);
  } else {
    target[at + 1] = LENGTH_IN_64_BITS;
    target.writeBigUInt64BE(BigInt(payloadBytes), at + 2);
  }
  return at + headerBytes(payloadBytes);
}

/** The payload of one frame. */
export interface Payload {
  readonly text: string;
  /** The length of the text in UTF-8. */
  readonly byteLength: number;
}

/** One frame for each payload, one after the other. */
export function textFrames(payloads: readonly Payload[]): Buffer {
  let size = 0;
  for (const { byteLength } of payloads) size += headerBytes(byteLength) + byteLength;
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { text, byteLength } of payloads) {
    at = writeHeader(frames, at, byteLength);
    at += frames.write(text, at);
  }
  return frames;
}

/** Frames in which ids can be overwritten, and the offsets of these ids. */
export interface PatchedFrames {
  readonly bytes: Buffer;
  readonly idsAt: readonly number[];
}

/** One `next` frame around each payload. The ids (JSON with their quotes) are left for the caller to write. */
export function nextFrames(idBytes: number, payloads: readonly Payload[]): PatchedFrames {
  const around = NEXT_BEFORE_ID.length + idBytes + NEXT_AFTER_ID.length + NEXT_END.length;
  let size = 0;
  for (const { byteLength } of payloads) size += headerBytes(around + byteLength) + around + byteLength;
  const frames = Buffer.allocUnsafe(size);
  const idsAt: number[] = [];
  let at = 0;
  for (const { text, byteLength } of payloads) {
    at = writeHeader(frames, at, around + byteLength);
    frames.set(NEXT_BEFORE_ID, at);
    at += NEXT_BEFORE_ID.length;
    idsAt.push(at);
    at += idBytes;
    frames.set(NEXT_AFTER_ID, at);
    at += NEXT_AFTER_ID.length;
    at += frames.write(text, at);
    frames.set(NEXT_END, at);
    at += NEXT_END.length;
  }
  return { bytes: frames, idsAt };
}

/** The part of a `next` message before its payload, with NULs in place of the id. */
export function nextPrefix(idBytes: number): Buffer {
  return Buffer.concat([NEXT_BEFORE_ID, Buffer.alloc(idBytes), NEXT_AFTER_ID]);
}

/** The frame of a compressed message (RFC 7692) that consists of these parts. */
export function compressedFrame(parts: readonly Buffer[]): Buffer {
  let size = 0;
  for (const { length } of parts) size += length;
  const frame = Buffer.allocUnsafe(headerBytes(size) + size);
  let at = writeHeader(frame, 0, size);
  frame[0] = FINAL_TEXT | COMPRESSED;
  for (const part of parts) at += part.copy(frame, at);
  return frame;
}
