import type { DocumentName, BenchEvent } from '../documents.ts';

/** A server that sends everything that is published to every client that has subscribed. */
export interface ServerUnderTest extends AsyncDisposable {
  readonly port: number;
  /** All of them in one turn of the event loop, as if they had come in one read from a venue. */
  publish(events: readonly BenchEvent[]): void;
  /** True while it holds back what its sockets have not been given yet. Not there: it never does. */
  readonly isBehind?: () => boolean;
}

export interface StartOptions {
  readonly document: DocumentName;
  /** Symbols that there are. */
  readonly universe: number;
  readonly compressed: boolean;
}

export type StartServer = (options: StartOptions) => Promise<ServerUnderTest>;
