import type { Feed, FeedCondition } from '../brokers/BaseBroker.ts';
import type { FeedState } from '../market/marketData.ts';
import { assertNever } from '../shared/assertNever.ts';
import type { Clock } from '../shared/clock.ts';
import type { FeedHealth, FeedPhase } from './FeedHealth.ts';

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
  readonly #timer: Disposable;

  constructor(options: FeedMonitorOptions) {
    this.#options = options;
    this.#timer = options.clock.every(Math.max(50, options.staleAfterMs / 4), () => {
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

  /** The broker has sent something of this feed. */
  beat(feed: MonitoredFeed): void {
    const { health } = feed;
    health.beat(this.#options.clock.monotonic());
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

  #listen(): void {
    const now = this.#options.clock.monotonic();
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
