/** The ways in which a mock broker can misbehave, each with its usual length in milliseconds; docs/faults.md describes them. */
export const FAULT_LENGTHS_MS = {
  silence: 15_000,
  disconnect: 3_000,
  gap: 1_000,
  duplicate: 1_000,
  outOfOrder: 1_000,
  crossedBook: 1_000,
  halt: 5_000,
} as const;

export type FaultKind = keyof typeof FAULT_LENGTHS_MS;

/** A fault that begins when it is asked for. */
export interface ProvokedFault {
  readonly kind: FaultKind;
  readonly forMs: number;
  /** Null: every symbol. */
  readonly symbols: readonly string[] | null;
}
