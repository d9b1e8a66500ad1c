/** Something small that is measured many times. */
export interface MicroCase {
  readonly name: string;
  /** How often one call of `run` repeats the named work: one reading of the clock covers all of it. */
  readonly count: number;
  /** Runs before each measurement, and is not measured. */
  readonly prepare?: () => void;
  /** Its result is kept, so that it has to be computed. */
  readonly run: () => unknown;
}

/** Repeats a call, because one reading of the clock costs as much as the smallest of calls. */
export function calls(name: string, call: () => unknown, count = 1_000): MicroCase {
  return {
    name,
    count,
    run: () => {
      let result: unknown;
      for (let done = 0; done < count; done += 1) result = call();
      return result;
    },
  };
}
