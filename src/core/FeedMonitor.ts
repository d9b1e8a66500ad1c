import type { Feed, FeedCondition } from '../brokers/BaseBroker.ts';
import type { EventHeader, FeedState } from '../market/marketData.ts';
import { toEpochMs } from '../market/timestamp.ts';
import { assertNever } from '../shared/assertNever.ts';
import type { Clock } from '../shared/clock.ts';

/** `opening`: asked for, and nothing known yet. */
export type FeedPhase = FeedState | 'opening';

/** Events that must have come before a feed's rhythm is trusted. */
const KNOWN_AFTER_EVENTS = 3;
/** A feed is quiet against its habit after this many of its usual gaps. */
const QUIET_GAPS = 10;
const SMOOTHING = 0.2;

/** How one feed does: its phase, and the rhythm in which its events come. Times are monotonic milliseconds. */
export class FeedHealth {
  #phase: FeedPhase = 'opening';
  #reason: string | null = null;
  #events = 0;
  #lastAtMs = 0;
  #usualGapMs = 0;

  get phase(): FeedPhase {
    return this.#phase;
  }

  get reason(): string | null {
    return this.#reason;
  }

  /** True where that changed anything. */
  set(phase: FeedPhase, reason: string | null): boolean {
    if (phase === this.#phase && reason === this.#reason) return false;
    // A silence that had a cause says nothing of the feed's rhythm.
    if (phase === 'live' && this.#phase !== 'live') this.#events = 0;
    this.#phase = phase;
    this.#reason = reason;
    return true;
  }

  beat(nowMs: number): void {
    if (this.#events > 0) {
      const gap = nowMs - this.#lastAtMs;
      this.#usualGapMs = this.#events === 1 ? gap : this.#usualGapMs + SMOOTHING * (gap - this.#usualGapMs);
    }
    this.#events += 1;
    this.#lastAtMs = nowMs;
  }

  /** True where the feed has been silent for `staleAfterMs` though it normally is not. */
  quiet(nowMs: number, staleAfterMs: number): boolean {
    if (this.#phase !== 'live' || this.#events < KNOWN_AFTER_EVENTS) return false;
    return nowMs - this.#lastAtMs >= Math.max(staleAfterMs, QUIET_GAPS * this.#usualGapMs);
  }
}

/** What subscribers of a symbol are told. */
export interface SymbolStatus {
  readonly state: FeedState;
  readonly reason: string | null;
  readonly gap: boolean;
}

/** A feed that carries its own health, so that an event of it costs no look-up. */
export interface MonitoredFeed extends Feed {
  readonly health: FeedHealth;
}

export interface FeedMonitorOptions {
  readonly clock: Clock;
  readonly staleAfterMs: number;
  readonly tell: (symbol: string, status: SymbolStatus) => void;
}

type EventTimes = Pick<EventHeader, 'time' | 'receivedAt'>;

/** The timer comes so much too late only where the process did not run. */
const HELD_UP_MS = 1_500;
/** An event this much older than its receipt has waited somewhere; clocks differ by less. */
const LATE_MS = 2_000;

/** From the one that is told first to the one that is told only where there is nothing else. */
const WORST_FIRST: readonly FeedPhase[] = ['closed', 'recovering', 'stale', 'opening', 'live'];

/**
 * Knows of each wanted feed whether it can be trusted, and tells each symbol's status when that changes: the worst of its
 * feeds. Silence counts only against a feed's own habit, so that a quiet market is not called stale.
 */
export class FeedMonitor implements Disposable {
  readonly #options: FeedMonitorOptions;
  readonly #symbols = new Map<string, Set<MonitoredFeed>>();
  readonly #told = new Map<string, SymbolStatus>();
  readonly #periodMs: number;
  readonly #timer: Disposable;
  /** Monotonic: when the timer came last. */
  #listenedAtMs: number;
  /** The process did not run for a while: what comes now may have waited for it. */
  #isCatchingUp = false;

  constructor(options: FeedMonitorOptions) {
    this.#options = options;
    this.#periodMs = Math.max(50, options.staleAfterMs / 4);
    this.#listenedAtMs = options.clock.monotonic();
    this.#timer = options.clock.every(this.#periodMs, () => {
      this.#listen();
    });
  }

  /** A feed is wanted from now on; `outage` says why nothing can come of it just now. */
  open(feed: MonitoredFeed, outage: string | null): void {
    const feeds = this.#symbols.get(feed.symbol) ?? new Set();
    this.#symbols.set(feed.symbol, feeds);
    if (outage !== null) feed.health.set('recovering', outage);
    feeds.add(feed);
    this.#assess(feed.symbol);
  }

  close(feed: MonitoredFeed): void {
    const feeds = this.#symbols.get(feed.symbol);
    if (feeds === undefined || !feeds.delete(feed)) return;
    if (feeds.size > 0) {
      this.#assess(feed.symbol);
      return;
    }
    this.#symbols.delete(feed.symbol);
    this.#told.delete(feed.symbol);
  }

  /** True where a feed of the symbol is wanted. */
  has(symbol: string): boolean {
    return this.#symbols.has(symbol);
  }

  /** The broker has sent this event of the feed. To be called before it is told to anybody. */
  beat(feed: MonitoredFeed, event: EventTimes): void {
    const { health } = feed;
    const now = this.#options.clock.monotonic();
    if (now - this.#listenedAtMs > this.#periodMs + HELD_UP_MS) this.#noticeHoldUp(now);
    health.beat(now);
    if (this.#isCatchingUp && this.#mayBeLate(event)) return;
    // A book is in step, and a market open, when its broker says so; of the others any event is the proof.
    const proven = health.phase === 'stale' || (feed.type !== 'orderbook' && health.phase !== 'closed');
    if (proven && health.phase !== 'live' && health.set('live', null)) this.#assess(feed.symbol);
  }

  condition(feed: MonitoredFeed, condition: FeedCondition): void {
    const { health } = feed;
    switch (condition.kind) {
      case 'live':
        health.set('live', null);
        break;
      case 'stale':
      case 'recovering':
      case 'closed':
        health.set(condition.kind, condition.reason);
        break;
      case 'gap':
        this.#tell(feed.symbol, { ...this.#worst(feed.symbol), reason: condition.reason, gap: true });
        return;
      default:
        assertNever(condition);
    }
    this.#assess(feed.symbol);
  }

  /** The connection to the venue is gone: nothing that was sent can be relied on. */
  outage(reason: string): void {
    for (const [symbol, feeds] of this.#symbols) {
      for (const { health } of feeds) if (health.phase !== 'closed') health.set('recovering', reason);
      this.#assess(symbol);
    }
  }

  /** The same for all feeds, whatever they were. */
  setAll(phase: FeedState, reason: string): void {
    for (const [symbol, feeds] of this.#symbols) {
      for (const { health } of feeds) health.set(phase, reason);
      this.#assess(symbol);
    }
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#symbols.clear();
    this.#told.clear();
  }

  /** Suspended, or too busy to listen. What waited in the sockets meanwhile is not how things are now. */
  #noticeHoldUp(now: number): void {
    const heldUpMs = now - this.#listenedAtMs;
    this.#listenedAtMs = now;
    this.#isCatchingUp = true;
    const reason = `The gateway did not run for ${Math.round(heldUpMs / 1_000)} s; what comes until it has caught up is late.`;
    for (const [symbol, feeds] of this.#symbols) {
      for (const { health } of feeds) if (health.phase === 'live') health.set('stale', reason);
      this.#assess(symbol);
    }
  }

  /** An event without a time of the venue's own can't show that it is none of those that waited. */
  #mayBeLate({ time, receivedAt }: EventTimes): boolean {
    return time === receivedAt || this.#options.clock.now() - toEpochMs(time) > LATE_MS;
  }

  #listen(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#listenedAtMs > this.#periodMs + HELD_UP_MS) this.#noticeHoldUp(now);
    else this.#isCatchingUp = false;
    this.#listenedAtMs = now;
    for (const [symbol, feeds] of this.#symbols) {
      for (const { type, health } of feeds) {
        if (!health.quiet(now, this.#options.staleAfterMs)) continue;
        health.set('stale', `No ${type} has come for a while.`);
        this.#assess(symbol);
      }
    }
  }

  #assess(symbol: string): void {
    const status = this.#worst(symbol);
    const told = this.#told.get(symbol);
    if (told?.state === status.state && told.reason === status.reason) return;
    const phases = [...(this.#symbols.get(symbol) ?? [])].map(({ health }) => health.phase);
    // Of a feed that opens in good order nothing is told before it is known how it does.
    if (phases.includes('opening') && (status.state === 'live' || told === undefined) && status.reason === null) return;
    this.#tell(symbol, status);
  }

  #worst(symbol: string): SymbolStatus {
    const all = [...(this.#symbols.get(symbol) ?? [])];
    for (const phase of WORST_FIRST) {
      if (phase === 'opening') continue;
      const feed = all.find(({ health }) => health.phase === phase);
      if (feed !== undefined) return { state: phase, reason: feed.health.reason, gap: false };
    }
    return { state: 'recovering', reason: null, gap: false };
  }

  #tell(symbol: string, status: SymbolStatus): void {
    this.#told.set(symbol, { ...status, reason: status.gap ? null : status.reason, gap: false });
    this.#options.tell(symbol, status);
  }
}
