import type { CandleInterval } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { RecordedLine, RecordingHeader } from '../../recording/format.ts';
import { RecordingWriter } from '../../recording/RecordingWriter.ts';
import { TableWriter } from '../../recording/TableWriter.ts';
import type { FeedDescription } from '../gateway/GatewayFeed.ts';
import type { CommandContext } from '../process.ts';

/** The formats of a recording. Only the first one can be replayed. */
export const RECORDING_FORMATS = ['jsonl', 'csv', 'parquet'] as const;
export type RecordingFormat = (typeof RECORDING_FORMATS)[number];

export interface RecorderOptions {
  readonly path: string;
  readonly format: RecordingFormat;
  readonly replaces: boolean;
  readonly interval: CandleInterval;
  readonly depth: number;
  readonly context: Pick<CommandContext, 'clock' | 'errorOutput' | 'version'>;
  /** The file can't be written any more. */
  readonly onFault: () => void;
}

const PROGRESS_MS = 1_000;
const MEGABYTE = 1_000_000;

/** Writes a recording, and says how far it is if somebody looks on. */
export class Recorder implements AsyncDisposable {
  readonly #options: RecorderOptions;
  #writer: RecordingWriter | TableWriter | null = null;
  #progress: Disposable | null = null;
  #beganMs = 0;
  #events = 0;
  #gaps = 0;
  /** Why the file can't be written any more; null if it can. */
  fault: unknown = null;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Begins the file. */
  async begin({ broker, instruments, types }: FeedDescription): Promise<void> {
    const { context, depth, format, interval } = this.#options;
    const { clock, errorOutput, version } = context;
    const header: RecordingHeader = {
      tickgraph: version,
      broker,
      instruments,
      types,
      interval,
      depth,
      startedAt: fromEpochMs(clock.now()),
    };
    const options = {
      ...this.#options,
      clock,
      onFault: (error: unknown) => {
        this.fault ??= error;
        this.#options.onFault();
      },
    };
    this.#writer =
      format === 'jsonl'
        ? await RecordingWriter.create(header, options)
        : await TableWriter.create({ ...options, format, types });
    this.#beganMs = clock.monotonic();
    if (!errorOutput.isTTY) return;
    this.#progress = clock.every(PROGRESS_MS, () => {
      errorOutput.write(`\r${this.#summary()}\u001B[K`);
    });
  }

  write(line: RecordedLine): void {
    if (line.type !== 'raw' && line.type !== 'outage' && line.type !== 'end') this.#events += 1;
    if (line.type === 'outage' || (line.type === 'status' && line.gap !== null)) this.#gaps += 1;
    this.#writer?.write(line);
  }

  /** Says something, behind what was said of the progress. */
  tell(text: string): void {
    this.#options.context.errorOutput.write(`${this.#progress === null ? '' : '\n'}tickgraph: ${text}\n`);
  }

  /** Completes the file and says what it holds. Rejects if that is not possible. */
  async end(): Promise<void> {
    const writer = this.#writer;
    const hasProgress = this.#progress !== null;
    this.#progress?.[Symbol.dispose]();
    this.#progress = null;
    if (writer === null) return;
    this.#writer = null;
    const { clock, errorOutput } = this.#options.context;
    if (this.fault === null) writer.write({ type: 'end', at: fromEpochMs(clock.now()), events: this.#events });
    await writer.close();
    errorOutput.write(`${hasProgress ? '\r' : ''}${this.#summary(writer)}${hasProgress ? '\u001B[K' : ''}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#progress?.[Symbol.dispose]();
    await this.#writer?.[Symbol.asyncDispose]();
  }

  #summary(writer = this.#writer): string {
    const seconds = Math.round((this.#options.context.clock.monotonic() - this.#beganMs) / 1_000);
    const size = ((writer?.bytes ?? 0) / MEGABYTE).toFixed(2);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    return `${this.#events} events, ${size} MB, ${this.#gaps} ${this.#gaps === 1 ? 'gap' : 'gaps'}, ${time}`;
  }
}
