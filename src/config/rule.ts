import type { z } from 'zod';
import { isMap } from './fields.ts';

export interface Rule {
  /** Whether the settings go together. Any of them may be missing or at fault: such a one breaks no rule. */
  readonly holds: (settings: Readonly<Record<string, unknown>>) => boolean;
  readonly expected: string;
  /** The setting that the fault is told of. */
  readonly at: string;
}

/** A rule between the settings of one section, checked even where the section has other faults, so that all are told at once. */
export function withRule<Section extends z.ZodObject>(section: Section, { holds, expected, at }: Rule): Section {
  return section.refine((settings) => holds(settings), {
    error: expected,
    path: [at],
    when: ({ value }) => isMap(value),
  });
}
