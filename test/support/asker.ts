import type { Asker } from '../../src/shared/FairQueue.ts';

/** One client's connection. */
export const ASKER: Asker = { owner: 'somebody' };
