import type { Outbox } from '../fanout/Outbox.ts';

/** What one socket is told, as JSON, in order. */
export class SocketWriter {
  /** What is written goes through this, and market data goes there directly. */
  readonly outbox: Outbox;
  #room: Promise<void> = Promise.resolve();

  constructor(outbox: Outbox) {
    this.outbox = outbox;
  }

  /** Resolves when the socket has taken what was written last. Never rejects. */
  get room(): Promise<void> {
    return this.#room;
  }

  write(message: object): void {
    this.writeText(JSON.stringify(message));
  }

  writeText(message: string): void {
    this.#room = this.outbox.send(message);
  }
}
