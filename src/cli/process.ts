import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger, LogOutput } from '../shared/logger.ts';

/** What the process tells its parent: fine, failed, or called wrongly (usage or configuration). */
export const EXIT_CODES = { ok: 0, failed: 1, usage: 2 } as const;

/** As shells report a process that a signal ended: 128 and the signal's number. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
export type StopSignal = keyof typeof SIGNAL_EXIT_CODES;

const MINIMUM = [24, 15] as const;

/** A sentence where this Node is too old to run the gateway; null where it is not. */
export function nodeTooOld(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fine = major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
  return fine ? null : `tickgraph needs Node ${MINIMUM.join('.')} or newer, and this is Node ${version}.`;
}

/** A gateway that serves; MarketDataServer is one. */
export interface RunningServer {
  readonly urls: { readonly http: string; readonly graphql: string; readonly raw: string };
  close(): Promise<void>;
}

export interface StartOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
}

/** What a process hears beside its work. */
export interface ProcessEvents {
  on(event: StopSignal | 'uncaughtException' | 'unhandledRejection', listener: (subject: unknown) => void): unknown;
  off(event: StopSignal | 'uncaughtException' | 'unhandledRejection', listener: (subject: unknown) => void): unknown;
}

/** Everything that a command takes from the process it runs in. */
export interface Surroundings {
  readonly version: string;
  readonly env: Environment;
  readonly cwd: string;
  readonly clock: Clock;
  readonly output: LogOutput;
  readonly errorOutput: LogOutput;
  readonly events: ProcessEvents;
  readonly readFile: (path: string) => string;
  readonly start: (options: StartOptions) => Promise<RunningServer>;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}
