import type { ConfigDifference } from '../config/difference.ts';
import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../shared/clock.ts';
import type { Replay } from '../recording/Replay.ts';
import type { Random } from '../shared/random.ts';
import type { Logger, LogOutput } from '../shared/logger.ts';
import type { WatchableFiles } from './FileWatch.ts';

/** The exit codes of the process. `usage`: a wrong command line or configuration. */
export const EXIT_CODES = { ok: 0, failed: 1, usage: 2 } as const;

/** The exit codes after a second signal, as shells use them: 128 plus the signal's number. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** Ctrl+C under npm delivers the signal twice: the terminal does to all its processes, and npm passes it on. */
export const SAME_SIGNAL_MS = 1_000;
/** A signal that stops the gateway. */
export type StopSignal = keyof typeof SIGNAL_EXIT_CODES;

/** The parts of a started gateway that its operator wants to know of. */
export interface RunningParts {
  readonly brokers: readonly {
    readonly id: string;
    readonly kind: string;
    readonly synthetic: boolean;
    readonly state: string;
  }[];
  readonly bus: { readonly engine: string; readonly state: string };
}

/** The outcome of reading the configuration again. `unchanged`: nothing of it was to be applied. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'refused';

/** A started gateway. MarketDataServer is one. */
export interface RunningServer {
  readonly parts: RunningParts;
  readonly urls: { readonly http: string; readonly graphql: string; readonly raw: string };
  /** Applies what can be applied of a valid configuration, and returns what has changed. If it throws, nothing has. */
  reconfigure(next: Config): ConfigDifference;
  /** Counts that the configuration was read again. */
  countReload(outcome: ReloadOutcome): void;
  /** Ends within this time, as far as that depends on clients. */
  close(withinMs: number): Promise<void>;
}

/** A gateway is started with these options. */
export interface StartOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  /** A recording that is served as a broker. @default none */
  readonly replay?: Replay;
  /** Is told each frame of the venues' live data, as it came. @default nobody wants them */
  readonly onFrame?: (text: string) => void;
}

/** Standard output as a command uses it whose output is data, or a screen. */
export interface DataOutput {
  readonly isTTY: boolean;
  /** The size of the terminal, if it is one. */
  readonly size: { readonly columns: number; readonly rows: number };
  /** Takes a text. `gone`: nobody reads any more. `full`: the reader is too far behind, and the text was dropped. */
  write(text: string): 'taken' | 'gone' | 'full';
  /** Calls the listener when the reader has gone or the size has changed, until disposed of. */
  onChange(listener: () => void): Disposable;
  readonly isGone: boolean;
}

type ProcessEvent = StopSignal | 'SIGHUP' | 'uncaughtException' | 'unhandledRejection';

/** The signals and unhandled errors of a process. */
export interface ProcessEvents {
  on(event: ProcessEvent, listener: (subject: unknown) => void): unknown;
  off(event: ProcessEvent, listener: (subject: unknown) => void): unknown;
}

/** Everything that a command uses of the process that it runs in. Tests pass a fake one. */
export interface CommandContext {
  readonly version: string;
  readonly env: Environment;
  readonly cwd: string;
  readonly clock: Clock;
  readonly output: LogOutput;
  readonly errorOutput: LogOutput;
  readonly dataOutput: DataOutput;
  readonly random: Random;
  readonly events: ProcessEvents;
  readonly readFile: (path: string) => string;
  readonly files: WatchableFiles;
  readonly start: (options: StartOptions) => Promise<RunningServer>;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}
