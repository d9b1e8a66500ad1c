import type { StreamStart } from '../market/cursor.ts';
import type { MarketData, StreamKey } from '../market/marketData.ts';

/** One end of one stream on the bus. Whoever opened it disposes of it when the stream ends. */
export interface Channel extends Disposable {
  /** Passes on the next event of the stream. */
  publish(event: MarketData): void;
  /** The last value of this stream no longer holds. The next event of a book is a snapshot. */
  reset(): void;
}

/** Takes the streams that come out of the bus. */
export interface StreamReceiver {
  /**
   * Returns the channel for the events of a stream that starts. `past`: events that came before it, oldest first, which
   * are kept but delivered to nobody.
   */
  receive(key: StreamKey, start: StreamStart, past: readonly MarketData[]): Channel;
  /** Returns the events that are kept of a stream: those that may not be lost, oldest first, then its last value or whole book. */
  known(key: StreamKey): readonly MarketData[];
  /** Resolves when the stream's subscribers can take more without leaving anything out; null if they can now. @default null */
  room?(key: StreamKey): Promise<unknown> | null;
}

/** The events that other gateways have published of a stream that this one produces now, oldest first. */
export interface StreamPast {
  /** The subscribers of this gateway have it, or there are none. */
  readonly known: readonly MarketData[];
  /** They don't have it yet, and get it now. */
  readonly missed: readonly MarketData[];
}

/** How the bus is. With any state but `ok` the gateway is not ready. */
export interface BusHealth {
  readonly engine: 'memory' | 'redis';
  readonly state: 'ok' | 'connecting' | 'lost';
  /** A short sentence; null if all is well. */
  readonly reason: string | null;
}

/**
 * Carries numbered events from the account that produces a stream to the part that serves it to clients, in this gateway
 * and in others. It keeps the order within a stream. A stream is looked up once, when it starts, and not for each event.
 */
export interface EventBus extends AsyncDisposable {
  readonly health: BusHealth;
  /** The gateways that share their upstreams over this bus; null if this one is alone. */
  readonly fleet: Fleet | null;
  /** Opens a stream for publishing, whose numbering goes on from `start`, behind these events of the past. */
  open(key: StreamKey, start: StreamStart, past?: StreamPast): Channel;
  /** The receiver gets each stream that starts from now on. Only one receiver is active. */
  subscribe(receiver: StreamReceiver): Disposable;
}

/** Gateways of which exactly one leads each broker: it is connected to the venue, and the others follow its streams. */
export interface Fleet {
  /** Takes part in the fleet for one broker. The member follows at first. */
  join(broker: string, member: FleetMember): FleetSeat;
  /** Tells the others that a venue's host wants no requests for so long. */
  announcePause(host: string, durationMs: number): void;
  /** Calls the listener for each pause that another gateway announces, and for those that are in force. */
  onPause(listener: (host: string, durationMs: number) => void): void;
}

/** The fleet asks this of a gateway for one broker. */
export interface FleetMember {
  /** This gateway leads from now on: it produces the streams that it wants itself, and those that others want. */
  lead(): void;
  /** Another gateway leads, or nobody for now. */
  follow(): void;
  /** Others want exactly these streams. Only the leader is asked for it. */
  serve(wanted: ReadonlySet<StreamKey>): void;
}

/** A gateway's place in the fleet for one broker. When it is disposed of, another gateway takes over at once. */
export interface FleetSeat extends AsyncDisposable {
  /** Whether this gateway could lead. One that leads and can't any more gives up. */
  set canLead(canLead: boolean);
  /**
   * Receives a stream from the leader, until disposed of. `goesOn`: this gateway has just produced it, and its
   * subscribers go on behind the last event that they have.
   */
  follow(key: StreamKey, goesOn: boolean): Disposable;
  /**
   * Resolves with the newest events of a lossless stream, by whichever gateway. `goesOn`: this gateway has followed it.
   * Never rejects.
   */
  past(key: StreamKey, goesOn: boolean): Promise<StreamPast>;
  /** A book that is followed can't be right: it is asked for again. */
  resync(key: StreamKey): void;
  /** Makes an epoch for a stream of this leader. Later leaders have greater ones. */
  epoch(): string;
  /** The epoch is one that this leader, or one before it, has made. */
  knows(epoch: string): boolean;
}
