export type FeedType = 'tick' | 'trade' | 'candle' | 'orderbook';
export type FeedState = 'live' | 'stale' | 'recovering' | 'closed';

export interface SeenGap {
  readonly type: FeedType;
  readonly from: string | null;
  readonly to: string | null;
}

export interface SeenReplay {
  readonly recovered: boolean | null;
  readonly events: number;
  readonly complete: boolean;
}

/** Market data as the raw protocol writes it, whatever protocol it came over. */
export interface SeenData {
  readonly kind: 'data';
  readonly type: FeedType;
  readonly broker: string;
  readonly symbol: string;
  readonly time: string;
  readonly sequence: number;
  readonly cursor: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface SeenStatus {
  readonly kind: 'status';
  readonly broker: string;
  readonly symbol: string;
  /** Null if the message says nothing about the state. */
  readonly state: FeedState | null;
  readonly gap: SeenGap | null;
  readonly replay: SeenReplay | null;
  /** Null in the raw protocol. */
  readonly cursor: string | null;
  readonly reason: string | null;
}

export type Seen = SeenData | SeenStatus;

type Json = Readonly<Record<string, unknown>>;
const STATES: readonly unknown[] = ['live', 'stale', 'recovering', 'closed'];

/** Null for answers, and statuses that are about no feed. */
export function fromRaw(message: Json): Seen | null {
  if (message['type'] === 'data') return dataOf(message['data'] as Json);
  if (message['type'] !== 'status' || typeof message['symbol'] !== 'string') return null;
  const { symbol, status } = message;
  return {
    kind: 'status',
    broker: String(message['broker']),
    symbol,
    state: STATES.includes(status) ? (status as FeedState) : null,
    gap: (message['gap'] ?? null) as SeenGap | null,
    replay: (message['replay'] ?? null) as SeenReplay | null,
    cursor: null,
    reason: (message['message'] ?? null) as string | null,
  };
}

/** An event of `marketData`, with everything that DOCUMENT selects. */
export function fromGraphql(event: Json): Seen {
  const type = String(event['type']).toLowerCase();
  if (type !== 'status') return dataOf({ ...event, type });
  const gap = event['gap'] as (SeenGap & Json) | null;
  return {
    kind: 'status',
    broker: String(event['broker']),
    symbol: String(event['symbol']),
    state: String(event['state']).toLowerCase() as FeedState,
    gap: gap === null ? null : { ...gap, type: gap.type.toLowerCase() as FeedType },
    replay: event['replay'] as SeenReplay | null,
    cursor: String(event['cursor']),
    reason: event['reason'] as string | null,
  };
}

function dataOf(fields: Json): SeenData {
  const { type, broker, symbol, time, sequence, cursor } = fields as Json & Omit<SeenData, 'kind' | 'fields'>;
  return { kind: 'data', type, broker, symbol, time, sequence, cursor, fields };
}

/** The levels of a side, in either form. */
export function levelsOf(side: unknown): readonly (readonly [string, string])[] {
  return (side as readonly unknown[]).map((level) => {
    if (Array.isArray(level)) return level as unknown as readonly [string, string];
    const { price, size } = level as { readonly price: string; readonly size: string };
    return [price, size];
  });
}
