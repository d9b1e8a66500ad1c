import type { CaseName } from './cases.ts';
import type { Options, ScenarioName } from './options.ts';

/** The figures of one case in one batch. Their names are the table's columns. */
export interface Sample {
  readonly scenario: ScenarioName;
  /** The parameters of the case; cases with the same setting are compared with each other. */
  readonly setting: string;
  readonly name: CaseName;
  readonly round: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** The result of one case in one round. */
export type Outcome = Omit<Sample, 'scenario' | 'name' | 'round'>;

/** Runs with one pair of processes to itself. */
export type Batch = (name: CaseName) => Promise<readonly Outcome[]>;

export interface Scenario {
  /** These cases are used if none were chosen. */
  readonly cases: readonly CaseName[];
  /** The figure whose ratios are reported: less is better. */
  readonly main: string;
  /** The different batches of the same case in one round. */
  readonly batches: (options: Options) => readonly Batch[];
}
