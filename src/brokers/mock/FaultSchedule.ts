import type { FaultKind, ProvokedFault } from '../../market/mockFault.ts';

/** One fault. Times are milliseconds since the broker's start. */
export interface MockFault {
  readonly kind: FaultKind;
  readonly afterMs: number;
  readonly forMs: number;
  /** From one beginning to the next, no shorter than `forMs`; null: it comes once. */
  readonly everyMs: number | null;
  /** Null: every symbol. */
  readonly symbols: readonly string[] | null;
}

/** A time during which a fault is on. Its end is the first moment without the fault. */
export interface FaultWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/** Which symbols a fault concerns at one moment. */
export type FaultScope = 'none' | 'some' | 'all';

/** Which faults are on, for which symbol, at any time: planned ones, and those that somebody provokes. It has no clock. */
export class FaultSchedule {
  readonly #planned: readonly PlacedFault[];
  #provoked: readonly PlacedFault[] = [];
  #byKind: ReadonlyMap<FaultKind, readonly PlacedFault[]> = new Map();

  constructor(planned: readonly MockFault[]) {
    this.#planned = planned.map(placed);
    this.#arrange();
  }

  /** The fault is on from `atMs`. Returns false if so many are on that were provoked that it takes no more. */
  provoke(fault: ProvokedFault, atMs: number): boolean {
    const [over, running] = [
      this.#provoked.filter((each) => endOf(each) <= atMs),
      this.#provoked.filter((each) => endOf(each) > atMs),
    ];
    if (running.length >= MOST_PROVOKED) return false;
    // Those that are just over may still have to happen to the next message of a slow market.
    const kept = over.filter((each) => endOf(each) > atMs - KEPT_MS).slice(-MOST_PROVOKED);
    this.#provoked = [...kept, ...running, placed({ ...fault, afterMs: atMs, everyMs: null })];
    this.#arrange();
    return true;
  }

  /** When the first one ends of those that were provoked and are on; null if none is. */
  provokedUntil(atMs: number): number | null {
    const ends = this.#provoked.map(endOf).filter((endMs) => endMs > atMs);
    return ends.length === 0 ? null : Math.min(...ends);
  }

  /** The time for which a fault of this kind is on for the symbol at `atMs`; null if none is. */
  at(kind: FaultKind, symbol: string, atMs: number): FaultWindow | null {
    return this.recent(kind, symbol, { sinceMs: atMs, atMs });
  }

  /** The same, or of a fault that began after `sinceMs` and is over by now, however short it was. */
  recent(
    kind: FaultKind,
    symbol: string,
    { sinceMs, atMs }: { readonly sinceMs: number; readonly atMs: number },
  ): FaultWindow | null {
    let found: FaultWindow | null = null;
    for (const fault of this.#byKind.get(kind) ?? NONE) {
      if (fault.names !== null && !fault.names.has(symbol)) continue;
      const window = latest(fault, atMs);
      if (window !== null && (window.endMs > atMs || window.startMs > sinceMs)) found = joined(found, window);
    }
    return found;
  }

  /** Which symbols faults of this kind concern at `atMs`. */
  scope(kind: FaultKind, atMs: number): FaultScope {
    const active = (this.#byKind.get(kind) ?? NONE).filter((fault) => (latest(fault, atMs)?.endMs ?? 0) > atMs);
    if (active.some(({ names }) => names === null)) return 'all';
    return active.length > 0 ? 'some' : 'none';
  }

  /** The first time after `atMs` at which a fault of these kinds begins or ends; null if nothing changes any more. */
  nextChange(kinds: readonly FaultKind[], atMs: number): number | null {
    let next: number | null = null;
    for (const fault of kinds.flatMap((kind) => this.#byKind.get(kind) ?? NONE)) {
      const change = nextChangeOf(fault, atMs);
      if (change !== null && (next === null || change < next)) next = change;
    }
    return next;
  }

  #arrange(): void {
    this.#byKind = Map.groupBy([...this.#planned, ...this.#provoked], ({ kind }) => kind);
  }
}

/** So many faults that were provoked may be on at a time. */
export const MOST_PROVOKED = 32;
const KEPT_MS = 60_000;

interface PlacedFault extends MockFault {
  readonly names: ReadonlySet<string> | null;
}

const NONE: readonly PlacedFault[] = [];

function endOf({ afterMs, forMs }: MockFault): number {
  return afterMs + forMs;
}

function placed(fault: MockFault): PlacedFault {
  return { ...fault, names: fault.symbols === null ? null : new Set(fault.symbols) };
}

/** The last window that has begun by `atMs`; null if none has. */
function latest({ afterMs, forMs, everyMs }: MockFault, atMs: number): FaultWindow | null {
  if (atMs < afterMs) return null;
  const startMs = everyMs === null ? afterMs : afterMs + Math.floor((atMs - afterMs) / everyMs) * everyMs;
  return { startMs, endMs: startMs + forMs };
}

function nextChangeOf(fault: MockFault, atMs: number): number | null {
  const window = latest(fault, atMs);
  if (window === null) return fault.afterMs;
  if (window.endMs > atMs) return window.endMs;
  return fault.everyMs === null ? null : window.startMs + fault.everyMs;
}

function joined(one: FaultWindow | null, other: FaultWindow): FaultWindow {
  if (one === null) return other;
  return { startMs: Math.min(one.startMs, other.startMs), endMs: Math.max(one.endMs, other.endMs) };
}
