import type { Message } from 'graphql-ws';

const MAX_MESSAGES = 64;
/** Of all of them together; one alone may be as long as the socket takes. */
const MAX_CHARACTERS = 65_536;

/** What a client says while its login is being looked at, in order. Over the bound it must go. */
export class WaitingMessages {
  readonly #messages: Message[] = [];
  #characters = 0;

  /** False, and not kept, where there is no room. */
  add(message: Message, characters: number): boolean {
    const isFirst = this.#messages.length === 0;
    if (!isFirst && (this.#messages.length >= MAX_MESSAGES || this.#characters + characters > MAX_CHARACTERS)) {
      return false;
    }
    this.#messages.push(message);
    this.#characters += characters;
    return true;
  }

  take(): readonly Message[] {
    this.#characters = 0;
    return this.#messages.splice(0);
  }
}
