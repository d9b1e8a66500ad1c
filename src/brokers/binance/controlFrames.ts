export type ControlMethod = 'SUBSCRIBE' | 'UNSUBSCRIBE';

/** A frame over some 4096 bytes is never answered, nor is any of its streams ever sent. */
const MAX_FRAME_BYTES = 3_500;
const MAX_NAMES = 100;
/** The frame without its names: the longest method, the longest id, and the punctuation. */
const ENVELOPE_BYTES = 64;

/** Cuts names into lists that each fit one frame, in their order. A name longer than a frame is refused with a RangeError. */
export function toBatches(names: Iterable<string>): string[][] {
  const batches: string[][] = [];
  let batch: string[] = [];
  let bytes = ENVELOPE_BYTES;
  for (const name of names) {
    const cost = Buffer.byteLength(JSON.stringify(name)) + 1;
    if (ENVELOPE_BYTES + cost > MAX_FRAME_BYTES) throw new RangeError('a stream name is longer than a control frame');
    if (batch.length === MAX_NAMES || bytes + cost > MAX_FRAME_BYTES) {
      batches.push(batch);
      batch = [];
      bytes = ENVELOPE_BYTES;
    }
    batch.push(name);
    bytes += cost;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** `id` shall be a positive integer: servers refuse or ignore any other. */
export function toControlFrame(method: ControlMethod, names: readonly string[], id: number): string {
  return JSON.stringify({ method, params: names, id });
}
