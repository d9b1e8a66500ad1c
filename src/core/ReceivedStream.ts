import type { Channel } from '../bus/EventBus.ts';
import type { Topic } from '../fanout/Topic.ts';
import type { MarketData } from '../market/marketData.ts';
import type { StreamState } from './StreamState.ts';

export interface ReceivedStreamOptions {
  readonly state: StreamState;
  readonly topic: Topic;
  /** Its book can't be right, and is forgotten. */
  readonly onCrossed: (event: MarketData) => void;
  readonly onEnd: () => void;
}

/** A stream as it comes out of the bus: its state takes an event in, then those who listen are told. */
export class ReceivedStream implements Channel {
  readonly #state: StreamState;
  readonly #topic: Topic;
  readonly #options: ReceivedStreamOptions;

  constructor(options: ReceivedStreamOptions) {
    this.#state = options.state;
    this.#topic = options.topic;
    this.#options = options;
  }

  publish(event: MarketData): void {
    const outcome = this.#state.apply(event);
    if (outcome === 'applied') this.#topic.publish(event, this.#state.book);
    else if (outcome === 'crossed') this.#options.onCrossed(event);
  }

  reset(): void {
    this.#state.forget();
  }

  [Symbol.dispose](): void {
    this.#options.onEnd();
  }
}
