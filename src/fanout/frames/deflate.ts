import { constants, deflateRawSync } from 'node:zlib';

/** How far back a match may reach (RFC 1951, 2). */
export const WINDOW_BYTES = 32_768;
/** One stored block can hold this many bytes. */
export const MAX_STORED_BYTES = 65_535;

/** zlib reaches this much less far back than its window is wide. */
const LOOKAHEAD_BYTES = 262;
const MAX_WINDOW_BITS = 15;
/** More than zlib needs for what it can't compress: its output is whole in the first chunk. */
const SPARE_BYTES = 128;
/** A flush ends with 00 00 ff ff, which a message leaves out (RFC 7692, 7.2.1). */
const FLUSH_END = Buffer.from([0, 0, 0xff, 0xff]);

const STORED = 0;
const FIXED = 1;
const END_OF_BLOCK_BITS = 7;
/** Length and distance codes come in runs of four and of two, each run with one extra bit more than the last. */
const LENGTH_RUN_BITS = 2;
const DISTANCE_RUN_BITS = 1;
const MIN_MATCH = 3;
/** 258 has a code that breaks the rule of the others. */
const MAX_MATCH = 257;

/**
 * Deflates the text of a compressed message, or its last part, starting at a byte boundary. Matches may refer to the
 * dictionary as if it came right before the text.
 */
export function deflated(text: Buffer, dictionary?: Buffer): Buffer {
  // For a small text zlib spends most of the time on allocating its window, so the window is as small as possible.
  const reach = text.length + (dictionary?.length ?? 0) + LOOKAHEAD_BYTES;
  const bytes = deflateRawSync(text, {
    level: constants.Z_BEST_SPEED,
    finishFlush: constants.Z_SYNC_FLUSH,
    windowBits: Math.min(MAX_WINDOW_BITS, Math.ceil(Math.log2(reach))),
    chunkSize: text.length + (text.length >> 6) + SPARE_BYTES,
    ...(dictionary !== undefined && { dictionary }),
  });
  return bytes.subarray(0, -FLUSH_END.length);
}

/** The header of a stored (uncompressed) block of at most `MAX_STORED_BYTES`. */
export function storedHeader(textBytes: number): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(textBytes, 1);
  header.writeUInt16LE(textBytes ^ 0xffff, 3);
  return header;
}

/** Blocks that repeat `length` bytes (at least 3) from `distance` bytes back, padded to a byte boundary. */
export function repeated(length: number, distance: number): Buffer {
  const bits = new BitWriter();
  startBlock(bits, FIXED);
  for (let rest = length; rest > 0;) {
    const match = rest > MAX_MATCH ? Math.min(MAX_MATCH, rest - MIN_MATCH) : rest;
    writeMatch(bits, match, distance);
    rest -= match;
  }
  bits.write(0, END_OF_BLOCK_BITS);
  // An empty stored block pads to a byte boundary.
  startBlock(bits, STORED);
  return Buffer.concat([bits.bytes(), FLUSH_END]);
}

/** A block that is not the last one (RFC 1951, 3.2.3). */
function startBlock(bits: BitWriter, type: typeof STORED | typeof FIXED): void {
  bits.write(0, 1);
  bits.write(type, 2);
}

/** One match in the fixed codes (RFC 1951, 3.2.5 and 3.2.6). */
function writeMatch(bits: BitWriter, length: number, distance: number): void {
  const { symbol, extra, extraBits } = inRuns(length - MIN_MATCH, LENGTH_RUN_BITS);
  // The symbols 257 to 279 have codes of 7 bits, those from 280 on of 8.
  if (symbol < 23) bits.writeCode(symbol + 1, 7);
  else bits.writeCode(symbol - 23 + 0xc0, 8);
  bits.write(extra, extraBits);
  const far = inRuns(distance - 1, DISTANCE_RUN_BITS);
  bits.writeCode(far.symbol, 5);
  bits.write(far.extra, far.extraBits);
}

/** The code's index, counted from the first code, and the extra bits after it. */
function inRuns(value: number, runBits: number): { symbol: number; extra: number; extraBits: number } {
  const extraBits = Math.max(0, 31 - Math.clz32(value) - runBits);
  return {
    symbol: (extraBits << runBits) + (value >> extraBits),
    extra: value & ((1 << extraBits) - 1),
    extraBits,
  };
}

/** Fills bytes from their lowest bit on (RFC 1951, 3.1.1). */
class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;
  #pending = 0;

  /** Writes a number of at most 16 bits, lowest bit first. */
  write(value: number, width: number): void {
    this.#bits |= value << this.#pending;
    this.#pending += width;
    for (; this.#pending >= 8; this.#pending -= 8) {
      this.#bytes.push(this.#bits & 0xff);
      this.#bits >>>= 8;
    }
  }

  /** Writes a Huffman code, highest bit first. */
  writeCode(code: number, width: number): void {
    for (let bit = width - 1; bit >= 0; bit -= 1) this.write((code >> bit) & 1, 1);
  }

  /** Returns everything written, with zero bits up to the end of the last byte. */
  bytes(): Buffer {
    return Buffer.from(this.#pending > 0 ? [...this.#bytes, this.#bits] : this.#bytes);
  }
}
