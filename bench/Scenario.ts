import type { CaseName } from './cases.ts';
import type { Options, ScenarioName } from './options.ts';

/** What one run of one case measured. The figures' names are the table's columns. */
export interface Sample {
  readonly scenario: ScenarioName;
  /** What the case was run with; cases with the same one are held against each other. */
  readonly setting: string;
  readonly name: CaseName;
  readonly round: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** Of one case, in one round. */
export type Outcome = Omit<Sample, 'scenario' | 'name' | 'round'>;

/** What has one pair of processes to itself. */
export type Batch = (name: CaseName) => Promise<readonly Outcome[]>;

export interface Scenario {
  /** In place of all, where none were chosen. */
  readonly cases: readonly CaseName[];
  /** The figure whose ratios are told: less is better. */
  readonly main: string;
  /** Different runs of the same case in one round. */
  readonly runs: (options: Options) => readonly Batch[];
}
