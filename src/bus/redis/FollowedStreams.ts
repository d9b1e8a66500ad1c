import { cursorPrefix, formatCursor, NO_EPOCH, parseCursor, streamMark } from '../../market/cursor.ts';
import { addressOf, streamKey } from '../../market/marketData.ts';
import type { FeedGap, FeedStatus, StreamKey } from '../../market/marketData.ts';
import { fromEpochMs } from '../../market/timestamp.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { StreamReceiver } from '../EventBus.ts';
import { isPlausible, parseFrame } from './frames.ts';
import { channelName } from './names.ts';
import type { RedisLink } from './RedisLink.ts';
import { StreamReader } from './StreamReader.ts';

export interface FollowedStreamsOptions {
  readonly broker: string;
  readonly prefix: string;
  readonly link: Pick<RedisLink, 'subscribe' | 'unsubscribe'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly receiver: () => StreamReceiver;
  /** Something came from a leader with this fence. */
  readonly onLeader: (fence: number) => void;
  /** Asks the leader for snapshots of these streams, which this gateway follows already. */
  readonly ask: (keys: readonly StreamKey[]) => void;
  /** Redis passes the stream on from now on, so that the leader can be asked for it. */
  readonly onJoined: (key: StreamKey) => void;
  readonly onLeft: (key: StreamKey) => void;
}

/** Why the streams of a broker can't be relied on. */
export interface Trouble {
  readonly state: 'stale' | 'recovering';
  readonly reason: string;
}

interface Followed {
  readonly reader: StreamReader;
  readonly listener: (text: string) => void;
}

/** The streams of one broker that come from its leader, and what subscribers are told while they don't. */
export class FollowedStreams implements Disposable {
  readonly #options: FollowedStreamsOptions;
  readonly #followed = new Map<StreamKey, Followed>();
  readonly #asked = new Set<StreamKey>();
  #asking: Disposable | null = null;
  #trouble: Trouble | null = null;
  readonly #latency: ReturnType<Metrics['busLatency']['labels']>;

  constructor(options: FollowedStreamsOptions) {
    this.#options = options;
    this.#latency = options.metrics.busLatency.labels({ broker: options.broker });
  }

  get keys(): readonly StreamKey[] {
    return [...this.#followed.keys()];
  }

  /** Receives the stream until disposed of. See FleetSeat.follow. */
  follow(key: StreamKey, goesOn: boolean): Disposable {
    const { link, onLeft, prefix } = this.#options;
    const reader = this.#makeReader(key, goesOn);
    const listener = (text: string): void => {
      this.#take(reader, text);
    };
    const followed: Followed = { reader, listener };
    this.#followed.set(key, followed);
    const channel = channelName(prefix, key);
    void this.#join(channel, followed);
    if (this.#trouble !== null) this.#tellTrouble(reader, this.#trouble);
    return {
      [Symbol.dispose]: () => {
        if (this.#followed.get(key) === followed) {
          this.#followed.delete(key);
          onLeft(key);
        }
        void link.unsubscribe(channel, listener);
        reader[Symbol.dispose]();
      },
    };
  }

  /** Asks for everything again: frames may have been lost. */
  lose(): void {
    for (const { reader } of this.#followed.values()) reader.lose();
  }

  /** The leader says which lines come next. */
  expect(fence: number, next: readonly (readonly [StreamKey, number])[]): void {
    for (const [key, place] of next) this.#followed.get(key)?.reader.expect(fence, place);
    for (const { reader } of this.#followed.values()) if (!reader.isInStep(fence)) reader.lose();
  }

  resync(key: StreamKey): void {
    this.#followed.get(key)?.reader.resync();
  }

  /** Tells subscribers that what they have can't be relied on, or (null) that it can again, once the leader says how it is. */
  set trouble(trouble: Trouble | null) {
    const former = this.#trouble;
    if (former?.state === trouble?.state && former?.reason === trouble?.reason) return;
    this.#trouble = trouble;
    for (const { reader } of this.#followed.values()) {
      if (trouble !== null) this.#tellTrouble(reader, trouble);
      else if (addressOf(reader.key).type === 'status') reader.lose();
    }
  }

  [Symbol.dispose](): void {
    this.#asking?.[Symbol.dispose]();
    this.#asking = null;
  }

  #makeReader(key: StreamKey, goesOn: boolean): StreamReader {
    const { broker, metrics, receiver } = this.#options;
    const last = goesOn ? (receiver().known(key).at(-1) ?? null) : null;
    return new StreamReader({
      key,
      receiver: receiver(),
      last,
      start: { epoch: parseCursor(last?.cursor ?? '')?.epoch ?? NO_EPOCH, sequence: last?.sequence ?? 0 },
      ask: () => {
        this.#ask(key);
      },
      onDropped: (reason, lines) => {
        metrics.busLinesDropped.inc({ broker, reason }, lines);
      },
      onLost: () => {
        metrics.busResyncs.inc({ broker });
      },
      onGap: (gap) => {
        metrics.gaps.inc({ broker, type: addressOf(key).type });
        this.#tellGap(key, gap);
      },
    });
  }

  async #join(channel: string, followed: Followed): Promise<void> {
    const { link, onJoined } = this.#options;
    const { key } = followed.reader;
    await link.subscribe(channel, followed.listener);
    if (this.#followed.get(key) === followed) onJoined(key);
  }

  #take(reader: StreamReader, text: string): void {
    const { broker, clock, metrics, onLeader } = this.#options;
    // Frames that this gateway published while it led may still come back to it.
    if (this.#followed.get(reader.key)?.reader !== reader) return;
    const frame = parseFrame(reader.address, text);
    if (frame === null || !isPlausible(frame.fence, clock.now())) {
      metrics.invalidMessages.inc({ source: 'bus' });
      return;
    }
    metrics.busEventsReceived.inc({ broker }, frame.lines.length);
    this.#latency.observe(Math.max(0, clock.now() - frame.sentMs) / 1_000);
    onLeader(frame.fence);
    reader.take(frame);
  }

  /** Collects what is asked for in a turn of the event loop. */
  #ask(key: StreamKey): void {
    this.#asked.add(key);
    this.#asking ??= this.#options.clock.turn(() => {
      this.#asking = null;
      const keys = [...this.#asked];
      this.#asked.clear();
      this.#options.ask(keys);
    });
  }

  #tellTrouble(reader: StreamReader, { state, reason }: Trouble): void {
    if (addressOf(reader.key).type === 'status') reader.tell(this.#status(reader, { state, reason }));
  }

  #tellGap(key: StreamKey, range: Pick<FeedGap, 'from' | 'to'>): void {
    const { broker, scope, symbol, type, interval } = addressOf(key);
    const statusKey = streamKey({ scope, broker, symbol, type: 'status', interval: null });
    const reader = this.#followed.get(statusKey)?.reader;
    if (reader === undefined || type === 'status') return;
    const gap = { type, ...range };
    const feeds = reader.last?.type === 'status' ? (reader.last.feeds ?? []) : [];
    const others = feeds.filter((feed) => feed.type !== type || feed.interval !== interval);
    const own = feeds.find((feed) => feed.type === type && feed.interval === interval);
    const feed = { ...(own ?? { type, interval, state: 'live' as const, reason: null, since: null }), gap };
    reader.tell(this.#status(reader, { reason: LOST_BETWEEN, gap, feeds: [...others, feed] }));
  }

  /** A status of this gateway's own, where its subscribers are among those of the leader. */
  #status({ key, last }: StreamReader, content: Partial<FeedStatus>): FeedStatus {
    const address = addressOf(key);
    const { broker, symbol } = address;
    const now = fromEpochMs(this.#options.clock.now());
    const nowhere = { sequence: 0, cursor: formatCursor(cursorPrefix(streamMark(address), NO_EPOCH), 0) };
    const { sequence, cursor } = last ?? nowhere;
    const state = last?.type === 'status' ? last.state : 'live';
    const rest = { time: now, receivedAt: now, since: now, state, reason: null, gap: null, replay: null };
    return { type: 'status', broker, symbol, sequence, cursor, ...rest, ...content };
  }
}

const LOST_BETWEEN = 'Events were lost between two gateways.';
