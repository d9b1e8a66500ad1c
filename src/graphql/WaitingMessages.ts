import type { Message } from 'graphql-ws';

/** A message, and how long its text was. */
export interface ReceivedMessage {
  readonly message: Message;
  readonly characters: number;
}

const MAX_MESSAGES = 64;
/** Of all of them together; one alone may be as long as the socket takes. */
const MAX_CHARACTERS = 65_536;

/** What a client says while its login is being looked at, in order. Over the bound it must go. */
export class WaitingMessages {
  readonly #messages: ReceivedMessage[] = [];
  #characters = 0;

  /** False, and not kept, where there is no room. */
  add(received: ReceivedMessage): boolean {
    const { characters } = received;
    const isFirst = this.#messages.length === 0;
    if (!isFirst && (this.#messages.length >= MAX_MESSAGES || this.#characters + characters > MAX_CHARACTERS)) {
      return false;
    }
    this.#messages.push(received);
    this.#characters += characters;
    return true;
  }

  take(): readonly ReceivedMessage[] {
    this.#characters = 0;
    return this.#messages.splice(0);
  }
}
