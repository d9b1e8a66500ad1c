/** Returns a text frame as a server writes it. */
export function serverTextFrame(text: string): Buffer {
  return frame(text, false);
}

/** Returns a text frame as a client writes it. The mask is all zeros, so the payload stays as it is. */
export function clientTextFrame(text: string): Buffer {
  return frame(text, true);
}

/** The answer to a ping, without the ping's payload, which no server here checks. */
export const CLIENT_PONG: Buffer = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

const TEXT = 0x81;
const COMPRESSED = 0x40;
const MASKED = 0x80;
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;
const LONGEST_HEADER = 10;

function frame(text: string, masked: boolean): Buffer {
  const payload = Buffer.from(text);
  const mask = masked ? MASKED : 0;
  const isShort = payload.length < LENGTH_IN_2_BYTES;
  const header = Buffer.alloc(isShort ? 2 : 4);
  header[0] = TEXT;
  header[1] = mask | (isShort ? payload.length : LENGTH_IN_2_BYTES);
  if (!isShort) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0), payload]);
}

export type FrameKind = 'text' | 'ping' | 'close' | 'other';

/** The end of a result; comments and the empty event at the end do not end like this. */
const EVENT_END = Buffer.from('}\n\n');

/** Counts the results in a stream of server-sent events, without parsing them. */
export class EventCounter {
  #tail: Buffer = Buffer.alloc(0);

  /** Calls back for every result that ends in this chunk. */
  push(chunk: Buffer, onFrame: (kind: FrameKind, isCompressed: boolean) => void): void {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    let end = 0;
    for (let at = bytes.indexOf(EVENT_END); at >= 0; at = bytes.indexOf(EVENT_END, end)) {
      end = at + EVENT_END.length;
      onFrame('text', false);
    }
    this.#tail = Buffer.from(bytes.subarray(Math.max(end, bytes.length - EVENT_END.length + 1)));
  }
}

/** Finds the frames in what a server sends, without parsing their payloads. */
export class FrameCounter {
  /** The beginning of a header whose rest has not come yet. */
  #begun: Buffer = Buffer.alloc(0);
  #open: FrameKind | null = null;
  #isCompressed = false;
  #missing = 0;

  /** Calls back for every frame that ends in this chunk. */
  push(chunk: Buffer, onFrame: (kind: FrameKind, isCompressed: boolean) => void): void {
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    this.#begun = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length || (this.#open !== null && this.#missing === 0)) {
      if (this.#open === null) {
        const length = headerLength(bytes, at);
        if (at + length > bytes.length) break;
        const first = bytes[at] ?? 0;
        this.#open = kindOf(first);
        this.#isCompressed = (first & COMPRESSED) !== 0;
        this.#missing = payloadLength(bytes, at);
        at += length;
      }
      const taken = Math.min(this.#missing, bytes.length - at);
      at += taken;
      this.#missing -= taken;
      if (this.#missing > 0) return;
      const kind = this.#open;
      this.#open = null;
      onFrame(kind, this.#isCompressed);
    }
    if (at < bytes.length) this.#begun = Buffer.from(bytes.subarray(at));
  }
}

function headerLength(bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) return LONGEST_HEADER;
  const short = bytes[at + 1] ?? 0;
  if (short < LENGTH_IN_2_BYTES) return 2;
  return short === LENGTH_IN_2_BYTES ? 4 : LONGEST_HEADER;
}

function payloadLength(bytes: Buffer, at: number): number {
  const short = bytes[at + 1] ?? 0;
  if (short < LENGTH_IN_2_BYTES) return short;
  return short === LENGTH_IN_8_BYTES ? Number(bytes.readBigUInt64BE(at + 2)) : bytes.readUInt16BE(at + 2);
}

function kindOf(first: number): FrameKind {
  switch (first & 0x0f) {
    case 1:
      return 'text';
    case 8:
      return 'close';
    case 9:
      return 'ping';
    default:
      return 'other';
  }
}
