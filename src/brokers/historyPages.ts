/** Anything with an open time, such as a candle. */
export interface Opened {
  /** Milliseconds since the epoch. */
  readonly openMs: number;
}

/** One request for history brought these entries. */
export interface HistoryPage<Item extends Opened> {
  /** Oldest first. */
  readonly items: readonly Item[];
  /** The venue has no more in this direction. */
  readonly isLast: boolean;
}

/** Several requests for history brought these entries together. */
export interface HistorySpan<Item extends Opened> {
  /** Oldest first. */
  readonly items: readonly Item[];
  /** The venue has no more in this direction. */
  readonly isExhausted: boolean;
}

export interface OldestOptions<Item extends Opened> {
  /** Bounds of open times, both inclusive; without an end up to the newest. */
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly limit: number;
  /** How far behind the open time of the last item the next page begins. */
  readonly stepMs: number;
  /** Asks for the oldest `count` items, or fewer, that open at `fromMs` or later. */
  readonly fetchPage: (fromMs: number, count: number) => Promise<HistoryPage<Item>>;
}

/** Reads history forwards, page by page: the oldest `limit` items from a start. Rejects as `fetchPage` does. */
export async function readOldest<Item extends Opened>(options: OldestOptions<Item>): Promise<HistorySpan<Item>> {
  const { fromMs, limit, stepMs, fetchPage } = options;
  const toMs = options.toMs ?? Number.POSITIVE_INFINITY;
  const items: Item[] = [];
  let nextMs = fromMs;
  while (items.length < limit) {
    if (nextMs > toMs) return { items, isExhausted: true };
    const page = await fetchPage(nextMs, limit - items.length);
    // A server that ignores the window would otherwise be asked for ever.
    const fresh = page.items.filter(({ openMs }) => openMs >= nextMs);
    items.push(...fresh.filter(({ openMs }) => openMs <= toMs));
    const last = fresh.at(-1);
    if (last === undefined || page.isLast) return { items, isExhausted: true };
    nextMs = last.openMs + stepMs;
  }
  return { items, isExhausted: nextMs > toMs };
}

export interface NewestOptions<Item extends Opened> {
  /** Upper bound of open times, exclusive; null: up to the newest. */
  readonly beforeMs: number | null;
  readonly limit: number;
  /** Asks for the newest `count` items, or fewer, that open before `beforeMs`. */
  readonly fetchPage: (beforeMs: number | null, count: number) => Promise<HistoryPage<Item>>;
}

/** Reads history backwards, page by page: the newest `limit` items before an end. Rejects as `fetchPage` does. */
export async function readNewest<Item extends Opened>(options: NewestOptions<Item>): Promise<HistorySpan<Item>> {
  const { limit, fetchPage } = options;
  let { beforeMs } = options;
  let items: readonly Item[] = [];
  while (items.length < limit) {
    const page = await fetchPage(beforeMs, limit - items.length);
    const fresh = page.items.filter(({ openMs }) => beforeMs === null || openMs < beforeMs);
    items = [...fresh, ...items];
    const [first] = fresh;
    if (first === undefined || page.isLast || first.openMs <= 0) return { items, isExhausted: true };
    beforeMs = first.openMs;
  }
  return { items, isExhausted: false };
}
