import { isDeepStrictEqual } from 'node:util';
import { isMap } from './fields.ts';
import type { Path } from './tree.ts';

/** The dotted paths of the settings that differ, without their values. A broker that was added or removed is one path. */
export function changedSettings(before: unknown, after: unknown, path: Path = []): readonly string[] {
  if (isMap(before) && isMap(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changedSettings(before[key], after[key], [...path, key]));
  }
  return isDeepStrictEqual(before, after) ? [] : [path.join('.')];
}
