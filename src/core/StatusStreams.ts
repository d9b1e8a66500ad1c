import type { Channel, EventBus, StreamPast } from '../bus/EventBus.ts';
import type { Scope } from '../market/marketData.ts';
import { fromEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
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
  /** Resolves with the statuses that other gateways have published of the symbol; null if there are no other gateways. */
  readonly past: (symbol: string) => Promise<StreamPast> | null;
}

interface OpenStatuses {
  readonly stream: NumberedStream;
  readonly channel: Channel;
}

interface Report {
  readonly status: SymbolStatus;
  readonly time: Timestamp;
}

/** Statuses wait until it is known what there were before. A symbol has few. */
type StatusStream = OpenStatuses | { readonly waiting: Report[] };

const NO_PAST: StreamPast = { known: [], missed: [] };

/** The status streams of an account, one for each symbol of which there is something to report. */
export class StatusStreams implements Disposable {
  readonly #options: StatusStreamsOptions;
  readonly #streams = new Map<string, StatusStream>();

  constructor(options: StatusStreamsOptions) {
    this.#options = options;
  }

  publish(symbol: string, status: SymbolStatus): void {
    const report = { status, time: fromEpochMs(this.#options.clock.now()) };
    const stream = this.#streams.get(symbol) ?? this.#open(symbol);
    if ('waiting' in stream) stream.waiting.push(report);
    else send(stream, report);
  }

  /** Another gateway has something to report now. */
  clear(): void {
    this[Symbol.dispose]();
  }

  /** Nobody wants the symbol any more. */
  close(symbol: string): void {
    const open = this.#streams.get(symbol);
    this.#streams.delete(symbol);
    if (open === undefined || 'waiting' in open) return;
    this.#options.numberings.keep(open.stream);
    open.channel[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const stream of this.#streams.values()) if ('channel' in stream) stream.channel[Symbol.dispose]();
    this.#streams.clear();
  }

  #open(symbol: string): StatusStream {
    const past = this.#options.past(symbol);
    if (past === null) return this.#begin(symbol, NO_PAST);
    const pending = { waiting: [] };
    this.#streams.set(symbol, pending);
    void this.#beginBehind(past, symbol, pending);
    return pending;
  }

  async #beginBehind(
    past: Promise<StreamPast>,
    symbol: string,
    pending: { readonly waiting: readonly Report[] },
  ): Promise<void> {
    const known = await past;
    // It may have been closed meanwhile, or another gateway leads again.
    if (this.#streams.get(symbol) !== pending) return;
    const open = this.#begin(symbol, known);
    for (const report of pending.waiting) send(open, report);
  }

  #begin(symbol: string, past: StreamPast): OpenStatuses {
    const { bus, id: broker, numberings, scope } = this.#options;
    const address = { scope, broker, symbol, type: 'status', interval: null } as const;
    const start = numberings.startBehind(address, past.missed.at(-1) ?? past.known.at(-1));
    const stream = new NumberedStream(address, start);
    const opened = { stream, channel: bus.open(stream.key, start, past) };
    this.#streams.set(symbol, opened);
    return opened;
  }
}

function send({ stream, channel }: OpenStatuses, { status, time }: Report): void {
  const stamped = { type: 'status', time, receivedAt: time, replay: null } as const;
  channel.publish(stream.stamp({ ...stamped, ...status, since: status.since ?? time }));
}
