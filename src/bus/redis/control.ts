import { z } from 'zod';
import { addressOf, CANDLE_INTERVALS, MARKET_DATA_TYPES, SHARED, streamKey } from '../../market/marketData.ts';
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
    next: z.array(z.tuple([keys.element, z.int().positive()])).max(MAX_KEYS),
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

/** A message by which gateways tell each other about one broker. */
export type ControlMessage = z.infer<typeof schema>;

/** Returns null for a text that is no such message about the broker: of another version, or of somebody else. */
export function parseControl(broker: string, text: string): ControlMessage | null {
  try {
    const message = schema.parse(JSON.parse(text));
    return keysOf(message).every((key) => addressOf(key).broker === broker) ? message : null;
  } catch {
    return null;
  }
}

function keysOf(message: ControlMessage): readonly StreamKey[] {
  if (message.kind === 'beat') return message.next.map(([key]) => key);
  return message.kind === 'released' ? [] : message.keys;
}

const addressSchema = z
  .tuple([z.literal(SHARED), z.string(), z.string(), z.enum(MARKET_DATA_TYPES), z.string().nullable()])
  .refine(([, , , type, interval]) =>
    type === 'candle' ? Object.hasOwn(CANDLE_INTERVALS, interval ?? '') : interval === null,
  );

/** The text is the key of a stream that every client may see. */
function isSharedKey(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 1_000) return false;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is checked by making it again
    return addressSchema.safeParse(JSON.parse(value)).success && streamKey(addressOf(value as StreamKey)) === value;
  } catch {
    return false;
  }
}
