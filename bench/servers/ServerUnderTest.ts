import type { DocumentName, BenchEvent } from '../documents.ts';

/** A server that sends everything that is published to every client that has subscribed. */
export interface ServerUnderTest extends AsyncDisposable {
  readonly port: number;
  /** Publishes all events in one turn of the event loop, as if they had come in one read from a venue. */
  publish(events: readonly BenchEvent[]): void;
  /** True while it holds back bytes that its sockets have not received yet. A server without this member never does. */
  readonly isBehind?: () => boolean;
}

export interface StartOptions {
  readonly document: DocumentName;
  /** The number of symbols. */
  readonly universe: number;
  readonly compressed: boolean;
}

export type StartServer = (options: StartOptions) => Promise<ServerUnderTest>;
