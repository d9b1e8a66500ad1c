import { NO_EPOCH, parseCursor } from '../../market/cursor.ts';
import type { StreamStart } from '../../market/cursor.ts';
import { addressOf, mayNotBeLost } from '../../market/marketData.ts';
import type { MarketData, StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Random } from '../../shared/random.ts';
import { randomId } from '../../shared/random.ts';
import { assertNever } from '../../shared/errors.ts';
import type { Channel, FleetMember, FleetSeat, StreamPast, StreamReceiver } from '../EventBus.ts';
import { parseControl } from './control.ts';
import type { ControlMessage } from './control.ts';
import { FollowedStreams } from './FollowedStreams.ts';
import { isPlausible, parseFrame } from './frames.ts';
import { Lease } from './Lease.ts';
import { KEPT_EVENTS, LedStreams } from './LedStreams.ts';
import { brokerNames, logName } from './names.ts';
import type { BrokerNames } from './names.ts';
import type { Batching } from './Outgoing.ts';
import type { RedisLink } from './RedisLink.ts';
import { indexBehind } from './StreamReader.ts';
import { Wanted } from './Wanted.ts';

export interface BrokerSeatOptions {
  readonly broker: string;
  /** Names this gateway, and this life of it. */
  readonly node: string;
  readonly prefix: string;
  readonly onLoss: 'stale' | 'direct';
  readonly link: RedisLink;
  readonly member: FleetMember;
  readonly receiver: () => StreamReceiver;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** See OutgoingOptions. */
  readonly batching?: Batching;
  readonly onEnd: () => void;
}

/** The leader says that it is there so often. */
const BEAT_MS = 1_000;
/** Without a word from a leader for so long, nothing that it sent can be relied on. */
const SILENT_MS = 2_500;
/** How often that is looked at. */
const WATCH_MS = 250;
/** Followers repeat what they want so often. */
const REPEAT_MS = 5_000;
/** With `onLoss: direct`, a gateway connects to venues itself after so long without Redis. */
const DIRECT_MS = 10_000;
/** Epochs begin with the fence in this many characters of base64url. */
const FENCE_CHARACTERS = 6;
/** Fences are about the time in seconds. Leaders of so long ago are not told from those of other fleets. */
const KNOWN_S = 30 * 86_400;

const WAITING = 'Waits for the gateway that is connected to the venue.';
const NO_REDIS = 'Redis can not be reached; another gateway has the data.';
const NO_LEADER = 'No gateway is connected to the venue just now; another one takes over.';
const REFUSED = 'Redis refuses what it is asked; no gateway can connect to the venue for the others.';
const TAKEN_OVER = 'Another gateway has taken over the connection to the venue.';

/**
 * This gateway's part in the fleet for one broker: it competes for the lease, leads while it holds it, and otherwise
 * follows the gateway that does.
 */
export class BrokerSeat implements FleetSeat {
  readonly #options: BrokerSeatOptions;
  readonly #names: BrokerNames;
  readonly #lease: Lease;
  readonly #wanted: Wanted;
  readonly #led: LedStreams;
  readonly #followed: FollowedStreams;
  readonly #timers = new DisposableStack();
  #isLeading = false;
  #canLead = false;
  /** The fence of the leader that was heard last; 0: none was. */
  #leader = 0;
  /** Monotonic time at which it was heard last. */
  #heardMs: number;

  constructor(options: BrokerSeatOptions) {
    this.#options = options;
    const { broker, clock, link, node, prefix } = options;
    this.#names = brokerNames(prefix, broker);
    this.#wanted = new Wanted(clock);
    this.#heardMs = clock.monotonic();
    this.#led = new LedStreams({ ...options, wanted: () => this.#wanted.all });
    this.#followed = new FollowedStreams({
      ...options,
      onLeader: (fence) => {
        if (fence >= this.#leader) this.#noteLeader(fence);
      },
      ask: (keys) => {
        this.#say({ kind: 'ask', node, keys: [...keys] });
      },
      onJoined: (key) => {
        this.#say({ kind: 'want', node, keys: [key], isAll: false });
      },
      onLeft: (key) => {
        this.#say({ kind: 'leave', node, keys: [key] });
      },
    });
    this.#followed.trouble = { state: 'recovering', reason: WAITING };
    this.#lease = new Lease({
      ...options,
      names: this.#names,
      onHeld: (fence) => {
        this.#lead(fence);
      },
      onLost: () => {
        this.#led.end();
      },
      onTaken: () => {
        if (this.#isLeading) this.#standDown();
      },
    });
    void link.subscribe(this.#names.control, this.#onControl);
    this.#every(BEAT_MS, () => {
      this.#beat();
    });
    this.#every(WATCH_MS, () => {
      this.#watch();
    });
    this.#every(REPEAT_MS, () => {
      this.#repeat();
    });
  }

  set canLead(canLead: boolean) {
    this.#canLead = canLead;
    this.#lease.isWanted = canLead;
    if (canLead || !this.#isLeading) return;
    this.#isLeading = false;
    this.#options.member.follow();
  }

  epoch(): string {
    const fence = this.#lease.fence ?? Math.floor(this.#options.clock.now() / 1_000);
    const bytes = Buffer.alloc(6);
    bytes.writeUIntBE(Math.min(fence, 2 ** 36 - 1) * 2 ** 12, 0, 6);
    const tenure = bytes.toString('base64url').slice(0, FENCE_CHARACTERS);
    return tenure + randomId().slice(FENCE_CHARACTERS);
  }

  knows(epoch: string): boolean {
    const fence = Math.floor(Buffer.from(epoch.slice(0, 8), 'base64url').readUIntBE(0, 6) / 2 ** 12);
    return fence <= this.#leader && fence > this.#leader - KNOWN_S;
  }

  /** A stream that this gateway produces. */
  open(key: StreamKey, start: StreamStart, local: Channel): Channel {
    return this.#led.open(key, start, local);
  }

  follow(key: StreamKey, goesOn: boolean): Disposable {
    return this.#followed.follow(key, goesOn);
  }

  async past(key: StreamKey, goesOn: boolean): Promise<StreamPast> {
    const { link, prefix, receiver } = this.#options;
    let kept: readonly MarketData[] = [];
    try {
      const frames = await link.tail(logName(prefix, key), KEPT_EVENTS);
      const address = addressOf(key);
      kept = frames.flatMap((text) => parseFrame(address, text)?.lines.filter(isKept) ?? []);
    } catch {
      // This gateway has to make do with the events that it has itself.
    }
    const own = receiver().known(key).filter(isKept);
    const newest = kept.at(-1);
    const all = newest === undefined ? own : [...kept, ...own.slice(indexBehind(own, newest))];
    const past = rising(all).slice(-KEPT_EVENTS);
    const last = goesOn ? own.at(-1) : undefined;
    const from = last === undefined ? past.length : indexBehind(past, last);
    return { known: past.slice(0, from), missed: past.slice(from) };
  }

  resync(key: StreamKey): void {
    this.#followed.resync(key);
  }

  /** Both connections to Redis are there. Whatever was published meanwhile has been missed. */
  connected(): void {
    if (this.#isLeading || this.#leader === 0) this.#lease.try();
    else this.#lease.postpone();
    this.#followed.lose();
    this.#repeat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { link, node, onEnd } = this.#options;
    this.#timers.dispose();
    this.#followed[Symbol.dispose]();
    this.#led.flush();
    this.#say({ kind: 'want', node, keys: [], isAll: true });
    await this.#lease[Symbol.asyncDispose]();
    void link.unsubscribe(this.#names.control, this.#onControl);
    onEnd();
  }

  readonly #onControl = (text: string): void => {
    const { broker, clock, metrics, node } = this.#options;
    const message = parseControl(broker, text);
    if (message === null || (message.kind === 'beat' && !isPlausible(message.fence, clock.now()))) {
      metrics.invalidMessages.inc({ source: 'bus' });
      return;
    }
    if (message.node === node) return;
    switch (message.kind) {
      case 'beat':
        if (message.fence < this.#leader) return;
        this.#noteLeader(message.fence);
        this.#followed.expect(message.fence, message.next);
        break;
      case 'want':
        this.#want(message);
        break;
      case 'leave':
        this.#wanted.leave(message.node, message.keys);
        this.#serve();
        break;
      case 'ask':
        for (const key of message.keys) this.#led.sendSnapshot(key);
        break;
      case 'released':
        this.#lease.try();
        break;
      default:
        assertNever(message);
    }
  };

  #lead(fence: number): void {
    this.#leader = fence;
    const wasLeading = this.#isLeading;
    this.#isLeading = true;
    this.#followed.trouble = null;
    this.#led.begin(fence, () => this.#lease.fence === fence);
    // A gateway that had lost Redis may have led all the time, for its own subscribers.
    if (!wasLeading) this.#options.member.lead();
    this.#beat();
    this.#serve();
  }

  /** Another gateway leads, with this fence. */
  #noteLeader(fence: number): void {
    this.#heardMs = this.#options.clock.monotonic();
    const isNew = fence > this.#leader;
    const isFirst = this.#leader === 0;
    this.#leader = fence;
    if (this.#isLeading) {
      // It stands down when Redis has said who holds the lease: without it, there would be nobody to follow.
      this.#lease.abandon();
      this.#lease.try();
      return;
    }
    if (isNew && !isFirst) this.#followed.trouble = { state: 'recovering', reason: TAKEN_OVER };
    if (isNew) this.#repeat();
    this.#followed.trouble = null;
  }

  #standDown(): void {
    this.#lease.abandon();
    this.#isLeading = false;
    this.#led.end();
    this.#wanted.clear();
    this.#options.member.follow();
  }

  #want({ node, keys, isAll }: Extract<ControlMessage, { kind: 'want' }>): void {
    const added = this.#wanted.want(node, keys, isAll);
    this.#serve();
    for (const key of isAll ? added : keys) this.#led.sendSnapshot(key);
  }

  #serve(): void {
    if (this.#isLeading) this.#options.member.serve(this.#wanted.all);
  }

  #beat(): void {
    const { fence } = this.#lease;
    if (fence === null) return;
    this.#wanted.sweep();
    this.#serve();
    // A beat announces only lines that have been sent.
    this.#led.flush();
    this.#say({ kind: 'beat', node: this.#options.node, fence, next: this.#led.newPlaces() });
  }

  #watch(): void {
    const { clock, link, member, onLoss } = this.#options;
    if (this.#isLeading) return;
    const silentMs = clock.monotonic() - this.#heardMs;
    if (silentMs > SILENT_MS) {
      const reason = link.refusal === null ? NO_LEADER : REFUSED;
      this.#followed.trouble = { state: 'stale', reason: link.isReady ? reason : NO_REDIS };
    }
    if (onLoss !== 'direct' || link.isReady || silentMs < DIRECT_MS || !this.#canLead) return;
    this.#isLeading = true;
    member.lead();
  }

  #repeat(): void {
    if (this.#isLeading) return;
    this.#say({ kind: 'want', node: this.#options.node, keys: [...this.#followed.keys], isAll: true });
  }

  #say(message: ControlMessage): void {
    this.#options.link.send([['PUBLISH', this.#names.control, JSON.stringify(message)]]);
  }

  #every(periodMs: number, task: () => void): void {
    this.#timers.use(this.#options.clock.every(periodMs, task));
  }
}

/** Not what this gateway told its own subscribers before it knew of any leader. */
function isKept(event: MarketData | null): event is MarketData {
  return event !== null && mayNotBeLost(event) && parseCursor(event.cursor)?.epoch !== NO_EPOCH;
}

/** Leaves out what two leaders numbered at the same time. */
function rising(events: readonly MarketData[]): readonly MarketData[] {
  const kept: MarketData[] = [];
  for (const event of events) if (event.sequence > (kept.at(-1)?.sequence ?? -1)) kept.push(event);
  return kept;
}
