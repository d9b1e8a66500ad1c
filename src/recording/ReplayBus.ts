import type {
  BusHealth,
  Channel,
  EventBus,
  Fleet,
  FleetMember,
  FleetSeat,
  StreamPast,
  StreamReceiver,
} from '../bus/EventBus.ts';
import { ReceiverSlot } from '../bus/ReceiverSlot.ts';
import type { StreamStart } from '../market/cursor.ts';
import type { StreamKey } from '../market/marketData.ts';
import { randomId } from '../shared/random.ts';
import type { Replay } from './Replay.ts';

const NO_PAST: StreamPast = { known: [], missed: [] };
const NOTHING: Disposable = { [Symbol.dispose]: () => undefined };

/**
 * The bus of a gateway that serves a recording. The gateway is one of a fleet, whose leader is the file: it follows, and
 * gets finished events, with the numbers that they had.
 */
export class ReplayBus implements EventBus, Fleet {
  readonly health: BusHealth = { engine: 'memory', state: 'ok', reason: null };
  readonly #replay: Replay;
  readonly #receiver = new ReceiverSlot();

  constructor(replay: Replay) {
    this.#replay = replay;
  }

  get fleet(): Fleet {
    return this;
  }

  /** The gateway opens a stream itself only to tell subscribers that the broker is out of service. */
  open(key: StreamKey, start: StreamStart): Channel {
    return this.#receiver.current.receive(key, start, []);
  }

  subscribe(receiver: StreamReceiver): Disposable {
    return this.#receiver.fill(receiver);
  }

  join(_broker: string, _member: FleetMember): FleetSeat {
    this.#replay.open(this.#receiver.current);
    return new ReplaySeat(this.#replay);
  }

  announcePause(): void {}

  onPause(): void {}

  [Symbol.asyncDispose](): Promise<void> {
    this.#receiver.clear();
    return this.#replay.close();
  }
}

class ReplaySeat implements FleetSeat {
  readonly #replay: Replay;

  constructor(replay: Replay) {
    this.#replay = replay;
  }

  /** The recording leads, whatever this gateway could. */
  set canLead(_canLead: boolean) {
    // There is nothing to compete for.
  }

  follow(key: StreamKey): Disposable {
    this.#replay.want(key);
    return NOTHING;
  }

  past(): Promise<StreamPast> {
    return Promise.resolve(NO_PAST);
  }

  /** The book that was recorded is all there is. */
  resync(): void {}

  epoch(): string {
    return randomId();
  }

  knows(epoch: string): boolean {
    return this.#replay.knows(epoch);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#replay.close();
  }
}
