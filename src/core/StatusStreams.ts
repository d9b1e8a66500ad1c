import type { Channel, EventBus } from '../bus/EventBus.ts';
import type { Scope } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Clock } from '../shared/clock.ts';
import type { SymbolStatus } from './FeedMonitor.ts';
import { NumberedStream } from './NumberedStream.ts';
import type { Numberings } from './NumberedStream.ts';

export interface StatusStreamsOptions {
  /** The broker's. */
  readonly id: string;
  readonly scope: Scope;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly numberings: Numberings;
}

interface StatusStream {
  readonly stream: NumberedStream;
  readonly channel: Channel;
}

/** The status streams of an account, one for each symbol of which there is something to report. */
export class StatusStreams implements Disposable {
  readonly #options: StatusStreamsOptions;
  readonly #streams = new Map<string, StatusStream>();

  constructor(options: StatusStreamsOptions) {
    this.#options = options;
  }

  publish(symbol: string, status: SymbolStatus): void {
    const { stream, channel } = this.#streams.get(symbol) ?? this.#open(symbol);
    const now = fromEpochMs(this.#options.clock.now());
    const stamped = { type: 'status', time: now, receivedAt: now, replay: null } as const;
    channel.publish(stream.stamp({ ...stamped, ...status, since: status.since ?? now }));
  }

  /** Another gateway has something to report now. */
  clear(): void {
    this[Symbol.dispose]();
  }

  /** Nobody wants the symbol any more. */
  close(symbol: string): void {
    const open = this.#streams.get(symbol);
    if (open === undefined) return;
    this.#streams.delete(symbol);
    this.#options.numberings.keep(open.stream);
    open.channel[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const { channel } of this.#streams.values()) channel[Symbol.dispose]();
    this.#streams.clear();
  }

  #open(symbol: string): StatusStream {
    const { bus, id: broker, numberings, scope } = this.#options;
    const address = { scope, broker, symbol, type: 'status', interval: null } as const;
    const start = numberings.start(address);
    const stream = new NumberedStream(address, start);
    const opened = { stream, channel: bus.open(stream.key, start) };
    this.#streams.set(symbol, opened);
    return opened;
  }
}
