import { z } from 'zod';
import { addressOf, SHARED, streamKey } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/marketData.ts';

const MAX_KEYS = 100_000;
const keys = z.array(z.custom<StreamKey>(isSharedKey)).max(MAX_KEYS);
const node = z.string().min(1).max(100);

const schema = z.discriminatedUnion('kind', [
  /** The leader is there. `next`: the number of the line that comes next, of streams that have changed. */
  z.object({
    kind: z.literal('beat'),
    node,
    fence: z.int().positive(),
    next: z.array(z.tuple([keys.element, z.int()])),
  }),
  /** A follower wants these streams: all that it wants (`isAll`), or these in addition. */
  z.object({ kind: z.literal('want'), node, keys, isAll: z.boolean() }),
  /** A follower does not want these streams any more. */
  z.object({ kind: z.literal('leave'), node, keys }),
  /** A follower needs snapshots of these streams. */
  z.object({ kind: z.literal('ask'), node, keys }),
  /** The lease is free. */
  z.object({ kind: z.literal('released'), node }),
]);

/** What gateways tell each other about one broker. */
export type ControlMessage = z.infer<typeof schema>;

/** Returns null for a text that is no such message: of another version, or of somebody else. */
export function parseControl(text: string): ControlMessage | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The text is the key of a stream that every client may see. */
function isSharedKey(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 1_000) return false;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is checked by making it again
    const address = addressOf(value as StreamKey);
    return address.scope === SHARED && streamKey(address) === value;
  } catch {
    return false;
  }
}
