import type { Spread } from '../../src/fanout/Turn.ts';

/** For tests that look at what was handed out right after it was published: every event is a turn of its own. */
export const turnAtOnce = {
  spread(spread: Spread): void {
    spread.hand();
  },
  end(): void {},
};
