import { SharedEvent } from '../fanout/frames/SharedEvent.ts';
import type { SharedUpdate } from '../fanout/frames/SharedEvent.ts';
import type { Subscriber } from '../fanout/routing/Topic.ts';
import type { CandleInterval, FeedStanding, FeedState, FeedStatus, FeedType } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';

/** Names one feed of a symbol. */
export interface FeedName {
  readonly type: FeedType;
  /** The interval of candles; null for every other type. */
  readonly interval: CandleInterval | null;
}

/** A state and its reason, as a subscriber was last sent them. */
export interface SeenState {
  readonly state: FeedState;
  readonly reason: string | null;
}

/** If feeds are in several states, the first of these counts. */
const WORST_FIRST: readonly FeedStanding['state'][] = ['closed', 'recovering', 'withdrawn', 'stale', 'opening', 'live'];

/** The state of several feeds together: the worst of them. Feeds that are still opening say nothing. */
export function worstOf(standings: readonly FeedStanding[]): SeenState & { readonly since: Timestamp | null } {
  for (const state of WORST_FIRST) {
    if (state === 'opening') continue;
    const found = standings.find((standing) => standing.state === state);
    if (found === undefined) continue;
    const seen = seenAs(state);
    return { state: seen, reason: found.reason, since: sinceOf(standings, seen) };
  }
  return { state: 'recovering', reason: null, since: null };
}

/** The state in which clients see a feed: whether only its last value is out of date does not matter to them. */
export function seenAs(state: Exclude<FeedStanding['state'], 'opening'>): FeedState {
  return state === 'withdrawn' ? 'stale' : state;
}

/** Trouble is as old as the first feed that has it, and all is well since it is so for the last one. */
function sinceOf(standings: readonly FeedStanding[], seen: FeedState): Timestamp | null {
  let found: Timestamp | null = null;
  for (const { state, since } of standings) {
    if (state === 'opening' || since === null || seenAs(state) !== seen) continue;
    if (found === null || (seen === 'live' ? since > found : since < found)) found = since;
  }
  return found;
}

/** A status means this to one subscriber. */
export interface SeenStatus {
  /** Events of its feeds were lost. */
  readonly gap: SharedEvent | null;
  /** The state of its feeds, if that has changed. */
  readonly state: SharedEvent | null;
}

export interface StatusViewOptions {
  /** The feeds that the subscriber has now. */
  readonly feeds: () => readonly FeedName[];
  /** The subscriber takes this for granted before its first status; null: nothing. */
  readonly assumed: SeenState | null;
  readonly cache: StatusCache;
}

/**
 * How one subscriber sees the status of a symbol: by the feeds that it has itself, whatever others have. It is sent
 * every change of the state and of its reason, once.
 */
export class StatusView {
  readonly #options: StatusViewOptions;
  #seen: SeenState | null;
  #latest: SharedEvent | null = null;

  constructor(options: StatusViewOptions) {
    this.#options = options;
    this.#seen = options.assumed;
  }

  /** `isBeginning`: the status was known before the subscriber came, so that a gap in it does not concern it. */
  see(source: SharedEvent, isBeginning: boolean): SeenStatus {
    const { event } = source;
    if (event.type !== 'status') return { gap: null, state: null };
    this.#latest = source;
    const own = this.#own(event);
    const worst = event.feeds === undefined ? event : worstOf(own ?? []);
    const seen = { ...worst, since: worst.since ?? event.time };
    const { gap } = isBeginning ? { gap: null } : this.gapIn(source);
    const state = this.#isNews(worst, own) ? this.#derived(source, { ...seen, gap: null }) : null;
    if (state !== null) this.#seen = { state: worst.state, reason: worst.reason };
    return { gap, state };
  }

  /** The gap that a status reports of the subscriber's feeds, which comes behind one of their events. */
  gapIn(source: SharedEvent): Pick<SeenStatus, 'gap'> {
    const { event } = source;
    if (event.type !== 'status') return { gap: null };
    const own = this.#own(event);
    const gap = own === null ? event.gap : (own.find((standing) => standing.gap !== null)?.gap ?? null);
    if (gap === null) return { gap: null };
    const worst = event.feeds === undefined ? event : worstOf(own ?? []);
    const content = { ...worst, since: worst.since ?? event.time, reason: event.reason, gap };
    return { gap: this.#derived(source, content) };
  }

  /** The subscriber has other feeds now: their state, if it is not what the subscriber was sent last. */
  look(): SharedEvent | null {
    return this.#latest === null ? null : this.see(this.#latest, true).state;
  }

  /** Null if the status concerns every subscriber. */
  #own({ feeds }: FeedStatus): readonly FeedStanding[] | null {
    if (feeds === undefined) return null;
    return this.#options.feeds().map(
      ({ type, interval }) =>
        feeds.find((each) => each.type === type && each.interval === interval) ?? {
          type,
          interval,
          state: 'opening',
          reason: null,
          since: null,
          gap: null,
        },
    );
  }

  #isNews({ state, reason }: SeenState, own: readonly FeedStanding[] | null): boolean {
    if (this.#seen?.state === state && this.#seen.reason === reason) return false;
    if (own === null || reason !== null) return true;
    // A feed that opens normally is not reported before its first event.
    return own.every((standing) => standing.state !== 'opening');
  }

  #derived(source: SharedEvent, content: StatusContent): SharedEvent {
    return this.#options.cache.derived(source, content);
  }
}

/** Passes on what a subscriber sees of the statuses of a symbol. */
export class StatusViewer implements Subscriber {
  readonly #view: StatusView;
  readonly #receiver: Subscriber;
  readonly #isTold: (type: FeedType) => boolean;
  readonly #what: 'all' | 'gaps';

  /** `isTold`: the gaps of this feed reach the subscriber in another way. */
  constructor(
    view: StatusView,
    receiver: Subscriber,
    isTold: (type: FeedType) => boolean,
    what: 'all' | 'gaps' = 'all',
  ) {
    this.#view = view;
    this.#receiver = receiver;
    this.#isTold = isTold;
    this.#what = what;
  }

  deliver({ events }: SharedUpdate): void {
    for (const event of events) for (const seen of this.eventsOf(event)) this.#receiver.deliver(seen);
  }

  /** Passes on a status that was known before. */
  begin(event: SharedEvent): void {
    const { state } = this.#view.see(event, true);
    if (state !== null) this.#receiver.deliver(state);
  }

  /** Sees a status, and returns what the subscriber gets of it. */
  eventsOf(source: SharedEvent): readonly SharedEvent[] {
    const { gap, state } =
      this.#what === 'all' ? this.#view.see(source, false) : { ...this.#view.gapIn(source), state: null };
    const isNews = gap?.event.type === 'status' && gap.event.gap !== null && !this.#isTold(gap.event.gap.type);
    const told = isNews && gap !== null ? [gap] : [];
    // A gap has the state too, but not its reason.
    const isSaid = told.length > 0 && state?.event.type === 'status' && state.event.reason === null;
    return state === null || isSaid ? told : [...told, state];
  }
}

type StatusContent = Pick<FeedStatus, 'state' | 'reason' | 'since' | 'gap'>;

/** Subscribers who see the same share an event, and with it its encodings. */
export class StatusCache {
  readonly #known = new WeakMap<SharedEvent, Map<string, SharedEvent>>();

  /** The event itself if it has this content already. */
  derived(source: SharedEvent, { state, reason, since, gap }: StatusContent): SharedEvent {
    const { event, key } = source;
    if (event.type !== 'status') return source;
    const isSame = event.state === state && event.reason === reason && event.since === since && event.gap === gap;
    if (isSame) return source;
    const content = JSON.stringify([state, reason, since, gap]);
    const known = this.#known.get(source) ?? new Map<string, SharedEvent>();
    this.#known.set(source, known);
    const made = known.get(content) ?? new SharedEvent(key, { ...event, state, reason, since, gap });
    known.set(content, made);
    return made;
  }
}
