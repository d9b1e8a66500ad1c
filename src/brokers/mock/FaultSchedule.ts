/** The ways in which a mock broker can misbehave; docs/faults.md describes them. */
export type FaultKind = 'silence' | 'disconnect' | 'gap' | 'duplicate' | 'outOfOrder' | 'crossedBook' | 'halt';

/** One fault of the configuration. Times are milliseconds since the broker's start. */
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

/** Which faults are on, for which symbol, at any time. It has no clock and no memory. */
export class FaultSchedule {
  readonly #byKind: ReadonlyMap<FaultKind, readonly PlacedFault[]>;

  constructor(faults: readonly MockFault[]) {
    const placed = faults.map((fault) => ({ ...fault, names: fault.symbols === null ? null : new Set(fault.symbols) }));
    this.#byKind = Map.groupBy(placed, ({ kind }) => kind);
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
}

interface PlacedFault extends MockFault {
  readonly names: ReadonlySet<string> | null;
}

const NONE: readonly PlacedFault[] = [];

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
