import type { Emission } from '../fanout/Emission.ts';
import type { Outbox, Way } from '../fanout/Outbox.ts';

/** What one socket is told, as JSON, in order. */
export class SocketWriter {
  readonly #outbox: Outbox;
  #room: Promise<void> = Promise.resolve();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Resolves when the socket has taken what was written last. Never rejects. */
  get room(): Promise<void> {
    return this.#room;
  }

  /** An event of a subscription, in bytes that are shared. */
  tell(emission: Emission, way: Way): void {
    this.#outbox.deliver(emission, way);
  }

  /** Nothing more of a subscription leaves. */
  forget(way: Way): void {
    this.#outbox.forget(way);
  }

  write(message: object): void {
    this.#room = this.#outbox.send(JSON.stringify(message));
  }
}
