import { fromEpochMs } from '../../market/timestamp.ts';
import type { Timestamp } from '../../market/timestamp.ts';

/** Many events come in one millisecond, and share its stamp. */
export function memoizedStamp(): (epochMs: number) => Timestamp {
  let lastMs = 0;
  let last = fromEpochMs(0);
  return (epochMs) => {
    if (epochMs !== lastMs) {
      last = fromEpochMs(epochMs);
      lastMs = epochMs;
    }
    return last;
  };
}
