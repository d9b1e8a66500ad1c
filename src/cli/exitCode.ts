/** What the process tells its parent: fine, failed, or called wrongly (usage or configuration). */
export const EXIT_CODES = { ok: 0, failed: 1, usage: 2 } as const;

/** As shells report a process that a signal ended: 128 and the signal's number. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
export type StopSignal = keyof typeof SIGNAL_EXIT_CODES;
