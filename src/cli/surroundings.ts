import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger, LogOutput } from '../shared/logger.ts';
import type { StopSignal } from './exitCode.ts';

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
