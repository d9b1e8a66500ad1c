import { parseJson } from '../../../src/transport/json.ts';
import { WebSocketFeed } from '../../../src/transport/WebSocketFeed.ts';
import type { WebSocketFeedOptions } from '../../../src/transport/WebSocketFeed.ts';
import { Quote } from './messages.ts';

export interface AcmeConnectionOptions extends Pick<WebSocketFeedOptions, 'url' | 'open' | 'clock' | 'logger'> {
  readonly onOpen: () => void;
  readonly onQuote: (quote: Quote) => void;
  readonly onActivity: () => void;
  readonly onInvalid: () => void;
}

/** One connection: keeps what it is subscribed to equal to a wanted set. */
export class AcmeConnection extends WebSocketFeed {
  #wanted: readonly string[] = [];

  constructor({ onOpen, onQuote, onActivity, onInvalid, ...options }: AcmeConnectionOptions) {
    super({
      ...options,
      deadAfterMs: 30_000,
      maxInvalidPerMinute: 50,
      listener: {
        onOpen: () => {
          this.#subscribe();
          onOpen();
        },
        onText: (text) => {
          const { data } = Quote.safeParse(parseJson(text));
          if (data !== undefined) onQuote(data);
          return data !== undefined;
        },
        onActivity,
        onInvalid,
        onEnd: () => {},
      },
    });
  }

  want(symbols: readonly string[]): void {
    this.#wanted = symbols;
    this.#subscribe();
  }

  /** This venue takes the whole set in one frame. `send` does nothing before the connection is open. */
  #subscribe(): void {
    this.send(JSON.stringify({ subscribe: this.#wanted }));
  }
}
