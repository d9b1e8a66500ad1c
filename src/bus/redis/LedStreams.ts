import type { StreamStart } from '../../market/cursor.ts';
import { addressOf, mayNotBeLost, SHARED } from '../../market/marketData.ts';
import type { MarketData, StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Channel, StreamReceiver } from '../EventBus.ts';
import { formatFrame, formatLine } from './frames.ts';
import { channelName, logName } from './names.ts';
import { Outgoing } from './Outgoing.ts';
import type { Batching, SentFrame } from './Outgoing.ts';
import type { RedisLink } from './RedisLink.ts';

export interface LedStreamsOptions {
  readonly broker: string;
  readonly prefix: string;
  readonly link: Pick<RedisLink, 'send'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly receiver: () => StreamReceiver;
  /** See OutgoingOptions. */
  readonly batching?: Batching;
  /** The streams that other gateways want. */
  readonly wanted: () => ReadonlySet<StreamKey>;
}

/** Events that are kept in Redis of each stream that may not lose any, and how long. */
export const KEPT_EVENTS = 1_000;
const KEPT_MS = 150_000;
/** How often the end of what is kept is put off. */
const PUT_OFF_MS = 20_000;
/** A stream that Redis lacks a part of is sent again whole, at most this often. */
const COMPLETE_MS = 1_000;

interface LedStream {
  readonly key: StreamKey;
  place: StreamStart;
}

/** The channel that the frames of a stream go to, and what of it Redis keeps. */
interface Destination {
  readonly channel: string;
  readonly log: string;
  /** The numbers of events in the newest frames that are kept, and their sum. */
  readonly counts: number[];
  sum: number;
  /** When the end of what is kept was put off, on the monotonic clock. */
  putOffMs: number;
  /** When all of it was sent, on the same clock. */
  completedMs: number;
}

/** Publishes the streams of a leader: to its own subscribers first, then to the gateways that want them. */
export class LedStreams {
  readonly #options: LedStreamsOptions;
  readonly #streams = new Map<StreamKey, LedStream>();
  readonly #destinations = new Map<StreamKey, Destination>();
  /** Streams of which Redis may not have all that it is to keep. */
  #incomplete = new Set<StreamKey>();
  #fence = 0;
  /** Null while nothing may be published to others. */
  #out: Outgoing | null = null;
  #announced: ReadonlyMap<StreamKey, number> = new Map();

  constructor(options: LedStreamsOptions) {
    this.#options = options;
  }

  /** Publishes to other gateways from now on, as long as `isHeld` says that this tenure lasts. */
  begin(fence: number, isHeld: () => boolean): void {
    this.end();
    this.#destinations.clear();
    this.#announced = new Map();
    this.#fence = fence;
    // Their events went only to subscribers of this gateway meanwhile.
    this.#incomplete = new Set(this.#streams.keys());
    this.#out = new Outgoing({
      ...this.#options,
      fence,
      send: (frames) => {
        if (isHeld()) this.#write(frames);
      },
    });
    for (const key of this.#options.wanted()) this.sendSnapshot(key);
  }

  /** Publishes nothing to other gateways any more. What waits is given up. */
  end(): void {
    this.#out?.[Symbol.dispose]();
    this.#out = null;
  }

  flush(): void {
    this.#out?.flush();
  }

  /** A stream that this gateway produces begins. */
  open(key: StreamKey, start: StreamStart, local: Channel): Channel {
    const stream: LedStream = { key, place: start };
    this.#streams.set(key, stream);
    if (this.#options.wanted().has(key)) this.sendSnapshot(key);
    return {
      publish: (event) => {
        local.publish(event);
        stream.place = { epoch: start.epoch, sequence: event.sequence };
        this.#send(key, event);
      },
      reset: () => {
        local.reset();
        this.#send(key, null);
      },
      [Symbol.dispose]: () => {
        if (this.#streams.get(key) === stream) this.#streams.delete(key);
        local[Symbol.dispose]();
      },
    };
  }

  /** Sends where the stream stands to all who follow it. */
  sendSnapshot(key: StreamKey): void {
    const stream = this.#streams.get(key);
    if (stream !== undefined) this.#out?.addSnapshot(key, stream.place, this.#options.receiver().known(key));
  }

  /** The number of the line that comes next, of each stream that others want and that has changed since it was last asked. */
  newPlaces(): [StreamKey, number][] {
    const places = this.#out?.places ?? new Map<StreamKey, number>();
    const wanted = this.#options.wanted();
    const changed = [...places].filter(([key, place]) => wanted.has(key) && this.#announced.get(key) !== place);
    this.#announced = places;
    return changed;
  }

  #send(key: StreamKey, event: MarketData | null): void {
    const isKept = event !== null && mayNotBeLost(event);
    if (isKept || this.#options.wanted().has(key)) this.#out?.add(key, event, isKept);
  }

  #write(frames: readonly SentFrame[]): void {
    const { broker, link, metrics, wanted } = this.#options;
    const all = wanted();
    const commands: string[][] = [];
    let [sentFrames, sentEvents] = [0, 0];
    for (const { key, frame, kept, lines } of frames) {
      const destination = this.#destinations.get(key) ?? this.#destinationOf(key);
      if (kept > 0 && this.#isToBeCompleted(key, destination)) this.#keepAll(key, destination, commands);
      else if (kept > 0) this.#keep(destination, frame, kept, commands);
      if (!all.has(key)) continue;
      commands.push(['PUBLISH', destination.channel, frame]);
      sentFrames += 1;
      sentEvents += lines;
    }
    metrics.busFramesSent.inc({ broker }, sentFrames);
    metrics.busEventsSent.inc({ broker }, sentEvents);
    link.send(commands, () => {
      for (const { key, kept } of frames) if (kept > 0) this.#incomplete.add(key);
    });
  }

  #destinationOf(key: StreamKey): Destination {
    // Nothing that flows because of a client's own credentials may leave this gateway.
    if (addressOf(key).scope !== SHARED) throw new Error('a stream of a client was about to be published');
    const { prefix } = this.#options;
    const made = {
      channel: channelName(prefix, key),
      log: logName(prefix, key),
      counts: [],
      sum: 0,
      putOffMs: -Infinity,
      completedMs: -Infinity,
    };
    this.#destinations.set(key, made);
    return made;
  }

  /** Keeps a frame in Redis, and of those before it as many as have the newest events. */
  #keep(destination: Destination, frame: string, events: number, commands: string[][]): void {
    const { counts, log } = destination;
    counts.push(events);
    destination.sum += events;
    while (destination.sum - (counts[0] ?? 0) >= KEPT_EVENTS) destination.sum -= counts.shift() ?? 0;
    // Until this tenure has as many, what leaders before it have kept stays: in a thousand frames there are enough.
    const frames = destination.sum < KEPT_EVENTS ? KEPT_EVENTS : counts.length;
    commands.push(['XADD', log, 'MAXLEN', '~', String(frames), '*', 'f', frame]);
    this.#putOff(destination, commands);
  }

  #isToBeCompleted(key: StreamKey, destination: Destination): boolean {
    const now = this.#options.clock.monotonic();
    // A Redis that refuses it is not asked with each event.
    if (!this.#incomplete.has(key) || now - destination.completedMs < COMPLETE_MS) return false;
    destination.completedMs = now;
    return this.#incomplete.delete(key);
  }

  /** Replaces what Redis keeps of a stream by what this gateway has of it: whoever leads next takes it for complete. */
  #keepAll(key: StreamKey, destination: Destination, commands: string[][]): void {
    const events = this.#options.receiver().known(key).filter(mayNotBeLost);
    const place = { fence: this.#fence, first: 1, sentMs: this.#options.clock.now(), start: null };
    const frame = formatFrame({ ...place, lines: events.map(formatLine) });
    destination.counts.splice(0, Infinity, events.length);
    destination.sum = events.length;
    commands.push(['XADD', destination.log, 'MAXLEN', '1', '*', 'f', frame]);
    this.#putOff(destination, commands);
  }

  #putOff(destination: Destination, commands: string[][]): void {
    const now = this.#options.clock.monotonic();
    if (now - destination.putOffMs < PUT_OFF_MS) return;
    destination.putOffMs = now;
    commands.push(['PEXPIRE', destination.log, String(KEPT_MS)]);
  }
}
