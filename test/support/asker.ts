import type { Asker } from '../../src/shared/FairQueue.ts';

/** The connection of one client. */
export const ASKER: Asker = { owner: 'somebody' };
