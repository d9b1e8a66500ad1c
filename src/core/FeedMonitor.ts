import type { Feed, FeedCondition } from '../brokers/BaseBroker.ts';
import type { EventHeader, FeedGap, FeedStanding, FeedState } from '../market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../market/timestamp.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { assertNever } from '../shared/errors.ts';
import type { Clock } from '../shared/clock.ts';
import { seenAs, worstOf } from './StatusView.ts';

/** See FeedStanding. */
export type FeedPhase = FeedStanding['state'];

/** The rhythm of a feed is trusted after this many events. */
const KNOWN_AFTER_EVENTS = 3;
/** A feed is unusually quiet after this many of its usual gaps. */
const QUIET_GAPS = 10;
const SMOOTHING = 0.2;

/** The health of one feed: its phase, and the rhythm of its events. Times are monotonic milliseconds. */
export class FeedHealth {
  #phase: FeedPhase = 'opening';
  #reason: string | null = null;
  #since: Timestamp | null = null;
  #events = 0;
  #lastAtMs = 0;
  #usualGapMs = 0;
  /** The broker itself has called it stale: events may be late ones, and prove nothing. */
  isStaleByBroker = false;

  get phase(): FeedPhase {
    return this.#phase;
  }

  get reason(): string | null {
    return this.#reason;
  }

  /** Since when clients see it in this state; null while it is opening. */
  get since(): Timestamp | null {
    return this.#since;
  }

  /** Its events come, or should. */
  get isFlowing(): boolean {
    return this.#phase === 'live' || this.#phase === 'stale';
  }

  /** Returns true if that changed anything. */
  set(phase: Exclude<FeedPhase, 'opening'>, reason: string | null, epochMs: number): boolean {
    if (phase === this.#phase && reason === this.#reason) return false;
    // A silence that had a cause says nothing about the feed's rhythm.
    if (phase === 'live' && this.#phase !== 'live') this.#events = 0;
    if (this.#phase === 'opening' || seenAs(phase) !== seenAs(this.#phase)) this.#since = fromEpochMs(epochMs);
    this.#phase = phase;
    this.#reason = reason;
    return true;
  }

  recordEvent(nowMs: number): void {
    if (this.#events > 0) {
      const gap = nowMs - this.#lastAtMs;
      this.#usualGapMs = this.#events === 1 ? gap : this.#usualGapMs + SMOOTHING * (gap - this.#usualGapMs);
    }
    this.#events += 1;
    this.#lastAtMs = nowMs;
  }

  /** True if the feed has been silent for `staleAfterMs`, although it normally is not. */
  isQuiet(nowMs: number, staleAfterMs: number): boolean {
    if (this.#phase !== 'live' || this.#events < KNOWN_AFTER_EVENTS) return false;
    return nowMs - this.#lastAtMs >= Math.max(staleAfterMs, QUIET_GAPS * this.#usualGapMs);
  }
}

/** The status of a symbol: the worst of its feeds, and how each of them is. */
export interface SymbolStatus {
  readonly state: FeedState;
  readonly reason: string | null;
  readonly since: Timestamp | null;
  readonly gap: FeedGap | null;
  /** Feeds of which something is known. */
  readonly feeds: readonly FeedStanding[];
}

/** A feed that carries its own health, so that an event needs no lookup. */
export interface MonitoredFeed extends Feed {
  readonly health: FeedHealth;
  /** The time of its last event; null if none has come. */
  readonly lastTime: Timestamp | null;
}

export interface FeedMonitorOptions {
  readonly clock: Clock;
  readonly staleAfterMs: number;
  readonly report: (symbol: string, status: SymbolStatus) => void;
}

type EventTimes = Pick<EventHeader, 'time' | 'receivedAt'>;

/** The timer is this late only if the process did not run. */
const HELD_UP_MS = 1_500;
/** An event that is this much older than its receipt has waited somewhere; clocks differ by less. */
const LATE_MS = 2_000;

/**
 * Knows whether each wanted feed can be trusted, and reports a symbol's status when that of one of its feeds changes.
 * Silence counts only against a feed's own habit, so that a quiet market is not called stale.
 */
export class FeedMonitor implements Disposable {
  readonly #options: Omit<FeedMonitorOptions, 'staleAfterMs'>;
  #staleAfterMs: number;
  readonly #symbols = new Map<string, Set<MonitoredFeed>>();
  /** The last report of each symbol, as text. */
  readonly #reported = new Map<string, string>();
  #periodMs = 0;
  #timer: Disposable;
  /** Monotonic time at which the timer last fired. */
  #listenedAtMs: number;
  /** True after the process did not run for a while: what arrives now may have waited meanwhile. */
  #isCatchingUp = false;

  constructor({ staleAfterMs, ...options }: FeedMonitorOptions) {
    this.#options = options;
    this.#staleAfterMs = staleAfterMs;
    this.#listenedAtMs = options.clock.monotonic();
    this.#timer = this.#listenRegularly();
  }

  /** Silence is measured by this from now on. */
  set staleAfterMs(staleAfterMs: number) {
    if (staleAfterMs === this.#staleAfterMs) return;
    this.#staleAfterMs = staleAfterMs;
    this.#timer[Symbol.dispose]();
    this.#listen();
    this.#timer = this.#listenRegularly();
  }

  /** Watches a feed. `outage` is the reason why nothing can come at the moment, or null. */
  open(feed: MonitoredFeed, outage: string | null): void {
    const feeds = this.#symbols.get(feed.symbol) ?? new Set();
    this.#symbols.set(feed.symbol, feeds);
    if (outage !== null) feed.health.set('recovering', outage, this.#now);
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
    this.#reported.delete(feed.symbol);
  }

  /** True if a feed of the symbol is watched. */
  has(symbol: string): boolean {
    return this.#symbols.has(symbol);
  }

  /** Call this for each event of the feed, before anybody gets it. */
  recordEvent(feed: MonitoredFeed, event: EventTimes): void {
    const { health } = feed;
    const now = this.#options.clock.monotonic();
    if (now - this.#listenedAtMs > this.#periodMs + HELD_UP_MS) this.#noticeHoldUp(now);
    health.recordEvent(now);
    if (health.phase === 'stale' && health.isStaleByBroker) return;
    if (this.#isCatchingUp && this.#mayBeLate(event)) return;
    // A book is in step, and a market open, only when the broker says so; any other feed proves itself with an event.
    const proven =
      health.phase === 'stale' ||
      health.phase === 'withdrawn' ||
      (feed.type !== 'orderbook' && health.phase !== 'closed');
    if (proven && health.phase !== 'live' && health.set('live', null, this.#now)) this.#assess(feed.symbol);
  }

  condition(feed: MonitoredFeed, condition: FeedCondition): void {
    const { health } = feed;
    if (condition.kind !== 'gap') health.isStaleByBroker = condition.kind === 'stale';
    switch (condition.kind) {
      case 'live':
        health.set('live', null, this.#now);
        break;
      case 'stale':
      case 'recovering':
      case 'closed':
      case 'withdrawn':
        health.set(condition.kind, condition.reason, this.#now);
        break;
      case 'gap':
        this.#reportGap(feed, condition);
        return;
      default:
        assertNever(condition);
    }
    this.#assess(feed.symbol);
  }

  /** The connection to the venue is lost: no feed can be relied on. */
  outage(reason: string): void {
    for (const [symbol, feeds] of this.#symbols) {
      for (const { health } of feeds) if (health.phase !== 'closed') health.set('recovering', reason, this.#now);
      this.#assess(symbol);
    }
  }

  /** Like `setAll`; everything is reported, because nothing of what was reported before is known any more. */
  setAnew(phase: FeedState, reason: string): void {
    this.#reported.clear();
    this.setAll(phase, reason);
  }

  /** Sets all feeds, whatever they were before. */
  setAll(phase: FeedState, reason: string): void {
    for (const [symbol, feeds] of this.#symbols) {
      for (const { health } of feeds) health.set(phase, reason, this.#now);
      this.#assess(symbol);
    }
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#symbols.clear();
    this.#reported.clear();
  }

  /** The process was suspended or too busy. What waited in the sockets meanwhile is not the present state. */
  #noticeHoldUp(now: number): void {
    const heldUpMs = now - this.#listenedAtMs;
    this.#listenedAtMs = now;
    this.#isCatchingUp = true;
    const reason = `The gateway did not run for ${Math.round(heldUpMs / 1_000)} s; what comes until it has caught up is late.`;
    for (const [symbol, feeds] of this.#symbols) {
      for (const { health } of feeds) if (health.phase === 'live') health.set('stale', reason, this.#now);
      this.#assess(symbol);
    }
  }

  /** An event without the venue's own time can't prove that it did not wait. */
  #mayBeLate({ time, receivedAt }: EventTimes): boolean {
    return time === receivedAt || this.#options.clock.now() - toEpochMs(time) > LATE_MS;
  }

  get #now(): number {
    return this.#options.clock.now();
  }

  #listenRegularly(): Disposable {
    this.#periodMs = Math.max(50, this.#staleAfterMs / 4);
    return this.#options.clock.every(this.#periodMs, () => {
      this.#listen();
    });
  }

  #listen(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#listenedAtMs > this.#periodMs + HELD_UP_MS) this.#noticeHoldUp(now);
    else this.#isCatchingUp = false;
    this.#listenedAtMs = now;
    for (const [symbol, feeds] of this.#symbols) {
      for (const { type, health } of feeds) {
        if (!health.isQuiet(now, this.#staleAfterMs)) continue;
        health.set('stale', `No ${type} has come for a while.`, this.#now);
        this.#assess(symbol);
      }
    }
  }

  #assess(symbol: string): void {
    const feeds = this.#standings(symbol);
    const text = JSON.stringify(feeds);
    // While nothing is known of a symbol there is nothing to report.
    if ((this.#reported.get(symbol) ?? NOTHING) === text) return;
    this.#reported.set(symbol, text);
    this.#options.report(symbol, { ...worstOf(feeds), gap: null, feeds });
  }

  #reportGap(feed: MonitoredFeed, { reason, to }: Pick<FeedCondition & { kind: 'gap' }, 'reason' | 'to'>): void {
    const { symbol, type, interval, lastTime } = feed;
    const gap = { type, from: lastTime, to };
    const all = this.#standings(symbol);
    const feeds = all.map((each) => (each.type === type && each.interval === interval ? { ...each, gap } : each));
    if (feeds.every((each) => each.gap === null)) feeds.push({ ...OPENING, type, interval, gap });
    this.#options.report(symbol, { ...worstOf(all), reason, gap, feeds });
  }

  /** A feed that opens normally is left out: nothing is known of it yet. */
  #standings(symbol: string): FeedStanding[] {
    const standings: FeedStanding[] = [];
    for (const { type, interval, health } of this.#symbols.get(symbol) ?? []) {
      const { phase: state, reason, since } = health;
      if (state !== 'opening') standings.push({ type, interval, state, reason, since, gap: null });
    }
    return standings;
  }
}

const NOTHING = '[]';
const OPENING = { state: 'opening', reason: null, since: null } as const;
