/** A server's text frames are not masked, and these are not fragmented or compressed (RFC 6455, 5.2). */
const FINAL_TEXT = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

const NEXT_BEFORE_ID = Buffer.from('{"id":');
const NEXT_AFTER_ID = Buffer.from(',"type":"next","payload":');
const NEXT_END = Buffer.from('}');
/** Where an id begins behind the header of a `next` frame. */
const ID_OFFSET = NEXT_BEFORE_ID.length;

/** Bytes of a frame's header before `payloadBytes` of payload. */
function headerBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_IN_16_BITS) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header at the beginning of `target`. */
function writeHeader(target: Buffer, payloadBytes: number): void {
  target[0] = FINAL_TEXT;
  if (payloadBytes < LENGTH_IN_16_BITS) {
    target[1] = payloadBytes;
  } else if (payloadBytes < 65_536) {
    target[1] = LENGTH_IN_16_BITS;
    target.writeUInt16BE(payloadBytes, 2);
  } else {
    target[1] = LENGTH_IN_64_BITS;
    target.writeBigUInt64BE(BigInt(payloadBytes), 2);
  }
}

/** One frame with this payload. */
export function textFrame(payload: Buffer): Buffer {
  const header = headerBytes(payload.length);
  const frame = Buffer.allocUnsafe(header + payload.length);
  writeHeader(frame, payload.length);
  payload.copy(frame, header);
  return frame;
}

/** A `next` frame around this payload; where the id goes (as JSON, with its quotes) is left open. */
export function nextFrame(idBytes: number, payload: Buffer): { readonly frame: Buffer; readonly idAt: number } {
  const message = NEXT_BEFORE_ID.length + idBytes + NEXT_AFTER_ID.length + payload.length + NEXT_END.length;
  const header = headerBytes(message);
  const frame = Buffer.allocUnsafe(header + message);
  writeHeader(frame, message);
  NEXT_BEFORE_ID.copy(frame, header);
  const idAt = header + ID_OFFSET;
  NEXT_AFTER_ID.copy(frame, idAt + idBytes);
  payload.copy(frame, idAt + idBytes + NEXT_AFTER_ID.length);
  NEXT_END.copy(frame, frame.length - NEXT_END.length);
  return { frame, idAt };
}
