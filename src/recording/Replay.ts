import { basename } from 'node:path';
import type { Channel, StreamReceiver } from '../bus/EventBus.ts';
import { cursorPrefix, EPOCH_LENGTH, parseCursor } from '../market/cursor.ts';
import type { StreamStart } from '../market/cursor.ts';
import { addressOf, MARKET_DATA_TYPES, streamKey } from '../market/marketData.ts';
import type { MarketData, StreamKey } from '../market/marketData.ts';
import { toEpochMs } from '../market/timestamp.ts';
import { sleep } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import { assertNever } from '../shared/errors.ts';
import { randomId } from '../shared/random.ts';
import { recordedFeeds } from './feeds.ts';
import { recordedAddress, RecordingFault } from './format.ts';
import type { RecordedLine, RecordingHeader } from './format.ts';
import { keyOfEvent } from './Recording.ts';
import type { Recording } from './Recording.ts';
import { RecordedHistory } from './RecordedHistory.ts';
import { ReplayedStatuses } from './ReplayedStatuses.ts';

export interface ReplayOptions {
  readonly recording: Recording;
  /** How many times as fast as it was recorded. Infinity: as fast as the clients take it. */
  readonly speed: number;
  /** It begins anew when it has ended. */
  readonly loops: boolean;
  readonly clock: Clock;
}

/** Is told how the replay goes on. */
export interface ReplayWatcher {
  /** `note` has changed. */
  onNote(): void;
  onEvent(): void;
}

interface OpenStream {
  readonly epoch: string;
  readonly channel: Channel;
}

/** After the first subscription it waits this long, so that all those with which a page begins miss nothing. */
const GATHER_MS = 500;
/** Before it begins anew it waits this long: it may be short. */
const REST_MS = 1_000;
const HOLE = 'The recording has a hole here: its recorder had lost the gateway.';
const ENDED = 'The recording has ended.';
const ANEW = 'The recording has ended, and begins anew.';

/**
 * Plays a recording into the streams of a gateway, with the numbers, cursors and times that the events have. It begins
 * with the first subscription. All streams are open from the start, so that those who come later get what is known.
 */
export class Replay {
  readonly history = new RecordedHistory();
  readonly #options: ReplayOptions;
  readonly #streams = new Map<StreamKey, OpenStream>();
  readonly #statuses: ReadonlyMap<string, ReplayedStatuses>;
  readonly #watchers = new Set<ReplayWatcher>();
  #receiver: StreamReceiver | null = null;
  #playing: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;
  /** Why it has ended, as a sentence; null if it has not. */
  #ended: string | null = null;
  /** Distinguishes the rounds: only in the first one the cursors are those of the recording. */
  #round = 0;
  readonly #epochs = new Map<string, string>();

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { broker, instruments } = this.header;
    const feeds = recordedFeeds(this.header);
    this.#statuses = new Map(
      instruments.map(({ symbol }) => [symbol, new ReplayedStatuses({ broker: broker.id, symbol }, feeds)]),
    );
  }

  get header(): RecordingHeader {
    return this.#options.recording.header;
  }

  /** A sentence that clients should know of the broker. */
  get note(): string {
    const { path, summary } = this.#options.recording;
    const { startedAt, broker } = this.header;
    const until = summary.endedAt === null ? '' : ` to ${summary.endedAt}`;
    const end = this.#ended === null ? '' : ` ${this.#ended}`;
    return `A replay of ${basename(path)}: ${broker.id} from ${startedAt}${until}.${end}`;
  }

  knows(epoch: string): boolean {
    return this.#round === 0
      ? this.#options.recording.summary.epochs.has(epoch)
      : [...this.#epochs.values()].includes(epoch);
  }

  watch(watcher: ReplayWatcher): Disposable {
    this.#watchers.add(watcher);
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(watcher);
      },
    };
  }

  /** The gateway takes the streams from now on. */
  open(receiver: StreamReceiver): void {
    this.#receiver = receiver;
    this.#ended = null;
    this.history.clear();
    this.#openStreams();
  }

  /** Somebody has subscribed. Never for nothing: of what was not recorded, that is said. */
  want(key: StreamKey): void {
    this.#playing ??= this.#begin();
    const { symbol, type, interval } = addressOf(key);
    if (type === 'status') return;
    const status = this.#statuses.get(symbol)?.lacks({ type, interval }, this.#options.clock.now()) ?? null;
    if (status !== null) this.#publish(status);
  }

  /** Ends the replay. It may be opened again, and begins anew then. */
  async close(): Promise<void> {
    const playing = this.#playing;
    this.#playing = null;
    playing?.abort.abort();
    await playing?.ended;
    if (playing !== null) this.#round += 1;
    for (const { channel } of this.#streams.values()) channel[Symbol.dispose]();
    this.#streams.clear();
    this.#receiver = null;
    for (const statuses of this.#statuses.values()) statuses.clear();
  }

  #begin(): { readonly abort: AbortController; readonly ended: Promise<void> } {
    const abort = new AbortController();
    return { abort, ended: this.#play(abort.signal) };
  }

  async #play(signal: AbortSignal): Promise<void> {
    const { clock, loops } = this.#options;
    await sleep(clock, GATHER_MS, signal);
    while (!signal.aborted) {
      const fault = await this.#playOnce(signal).then(() => null, sentenceOf);
      if (signal.aborted) return;
      if (fault !== null || !loops) {
        this.#end(fault ?? ENDED);
        return;
      }
      this.#tellAll('closed', ANEW);
      await sleep(clock, REST_MS, signal);
      if (!signal.aborted) this.#beginAnew();
    }
  }

  #end(reason: string): void {
    this.#ended = reason;
    this.#tellAll('closed', reason);
    for (const watcher of this.#watchers) watcher.onNote();
  }

  async #playOnce(signal: AbortSignal): Promise<void> {
    const { recording } = this.#options;
    const pace = new Pace(this.#options);
    for await (const line of recording.lines()) {
      if (signal.aborted || line.type === 'end') return;
      await pace.until(line, signal);
      if (signal.aborted) return;
      this.#playLine(line);
      await this.#nextTurn(line);
    }
  }

  #playLine(line: RecordedLine): void {
    switch (line.type) {
      case 'tick':
      case 'candle':
      case 'orderbook':
      case 'trade':
        this.history.add(line);
        this.#publish(this.#renumbered(line));
        for (const watcher of this.#watchers) watcher.onEvent();
        break;
      case 'status':
        this.#loseBookIn(line);
        this.#publish(this.#statuses.get(line.symbol)?.recorded(this.#renumbered(line)) ?? line);
        break;
      case 'outage':
        for (const symbol of this.#statuses.keys()) this.#loseBook(symbol);
        this.#tellAll('recovering', HOLE);
        break;
      case 'raw':
      case 'end':
        break;
      default:
        assertNever(line);
    }
  }

  /** Each event in a turn of its own, so that those of several streams keep their order on their way to a subscriber. */
  async #nextTurn(line: RecordedLine): Promise<void> {
    const { clock, speed } = this.#options;
    if (line.type === 'raw' || line.type === 'outage' || line.type === 'end') return;
    await new Promise<void>((resolve) => {
      clock.turn(resolve);
    });
    if (speed !== Infinity) return;
    // It never gets so far ahead of a subscriber that anything would be left out.
    const room = this.#receiver?.room?.(keyOfEvent(this.header, line)) ?? null;
    if (room !== null) await room;
  }

  #publish(event: MarketData): void {
    const key = keyOfEvent(this.header, event);
    const epoch = parseCursor(event.cursor)?.epoch ?? '';
    const open = this.#streams.get(key);
    // The gateway that was recorded may have been started anew meanwhile.
    const isOther = open !== undefined && open.epoch !== epoch && event.sequence > 0;
    if (isOther) this.#openStream(key, { epoch, sequence: event.sequence - 1 });
    this.#streams.get(key)?.channel.publish(event);
  }

  #tellAll(state: 'closed' | 'recovering', reason: string): void {
    for (const statuses of this.#statuses.values()) {
      this.#publish(statuses.own(state, reason, this.#options.clock.now()));
    }
  }

  /** While it recovers, and when it is closed, a book does not hold. The next one is a snapshot. */
  #loseBookIn({ symbol, state }: MarketData & { readonly type: 'status' }): void {
    if (state === 'recovering' || state === 'closed') this.#loseBook(symbol);
  }

  #loseBook(symbol: string): void {
    this.history.loseBook(symbol);
    this.#streams.get(streamKey(recordedAddress(this.header, symbol, 'orderbook')))?.channel.reset();
  }

  /** The numbers are the same again, and the cursors are others: nobody can take an event for one of the last round. */
  #beginAnew(): void {
    this.#round += 1;
    this.#epochs.clear();
    this.history.clear();
    this.#openStreams();
  }

  #renumbered<Event extends MarketData>(event: Event): Event {
    if (this.#round === 0) return event;
    const cursor = parseCursor(event.cursor);
    if (cursor === null) return event;
    const head = cursorPrefix(cursor.stream, this.#epochOf(cursor.epoch));
    return { ...event, cursor: head + event.cursor.slice(head.length) };
  }

  #epochOf(epoch: string): string {
    if (this.#round === 0) return epoch;
    const known = this.#epochs.get(epoch) ?? randomId().slice(0, EPOCH_LENGTH);
    this.#epochs.set(epoch, known);
    return known;
  }

  #openStreams(): void {
    const { summary } = this.#options.recording;
    for (const { symbol } of this.header.instruments) {
      for (const type of MARKET_DATA_TYPES) {
        if (type !== 'status' && !this.header.types.includes(type)) continue;
        const key = streamKey(recordedAddress(this.header, symbol, type));
        const { epoch, sequence } = summary.starts.get(key) ?? { epoch: randomId(), sequence: 0 };
        this.#openStream(key, { epoch: this.#epochOf(epoch), sequence });
      }
    }
  }

  #openStream(key: StreamKey, start: StreamStart): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    const former = this.#streams.get(key);
    this.#streams.set(key, { epoch: start.epoch, channel: receiver.receive(key, start, []) });
    former?.channel[Symbol.dispose]();
  }
}

/** Why a recording can't be read; throws everything else. */
function sentenceOf(error: unknown): string {
  if (error instanceof RecordingFault) return error.message;
  throw error;
}

/** Waits until it is time for an event, by the times of receipt. */
class Pace {
  readonly #options: Pick<ReplayOptions, 'clock' | 'speed'>;
  #first: { readonly recordedMs: number; readonly playedMs: number } | null = null;

  constructor(options: Pick<ReplayOptions, 'clock' | 'speed'>) {
    this.#options = options;
  }

  async until(line: RecordedLine, signal: AbortSignal): Promise<void> {
    const { clock, speed } = this.#options;
    if (speed === Infinity || line.type === 'raw' || line.type === 'end') return;
    const recordedMs = toEpochMs(line.type === 'outage' ? line.from : line.receivedAt);
    const now = clock.monotonic();
    this.#first ??= { recordedMs, playedMs: now };
    const aheadMs = this.#first.playedMs + (recordedMs - this.#first.recordedMs) / speed - now;
    if (aheadMs > 0) await sleep(clock, aheadMs, signal);
  }
}
