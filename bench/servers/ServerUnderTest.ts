import type { DocumentName, BenchEvent } from '../documents.ts';

/** A server that sends everything that is published to every client that has subscribed. */
export interface ServerUnderTest extends AsyncDisposable {
  readonly port: number;
  /** All of them in one turn of the event loop, as if they had come in one read from a venue. */
  publish(events: readonly BenchEvent[]): void;
}

export type StartServer = (document: DocumentName) => Promise<ServerUnderTest>;
