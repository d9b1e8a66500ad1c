import type { Seen } from './events.ts';

/** A connection reports to its owner through this. */
export interface Listener {
  /** The subscription was accepted. */
  onOpen(): void;
  onEvent(event: Seen): void;
  /** Something came that the protocol does not have, or an answer that must not be. */
  onFault(text: string): void;
  /** Credentials were given or withdrawn, as the gateway says. */
  onCredentials(held: boolean): void;
  /** Called once; nothing comes any more. */
  onEnd(why: string): void;
}

/** One connection of a client with its subscription. */
export interface Connection {
  /** Ends it in good order. */
  close(): void;
  /** Ends it with a TCP reset, unread data and all. */
  die(): void;
  setPaused(paused: boolean): void;
  /** Does nothing over protocols that can't. */
  setCredentials(held: boolean): void;
}

export interface Resumption {
  /** The last cursors, of all streams. */
  readonly cursors: readonly string[];
  /** The last id of server-sent events. */
  readonly lastEventId: string | null;
}

/** Errors that a client may get while brokers and gateways come and go. */
export const PASSING = ['BROKER_DISABLED', 'BROKER_UNAVAILABLE', 'RATE_LIMITED', 'SLOW_CONSUMER'];
