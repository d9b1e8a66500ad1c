import type { BrokerSink, BrokerStatus, Feed, FeedCondition } from '../../src/brokers/BaseBroker.ts';
import type { CandleInterval, FeedEventDraft, FeedType } from '../../src/market/marketData.ts';

export function feedOf(symbol: string, type: FeedType, interval: CandleInterval | null = null): Feed {
  return { symbol, type, interval };
}

/** Everything that a broker has reported, in order. */
export class BrokerRecord {
  readonly reports: { readonly feed: Feed; readonly event?: FeedEventDraft; readonly condition?: FeedCondition }[] = [];
  readonly statuses: BrokerStatus[] = [];
  readonly #events = new Map<Feed, FeedEventDraft[]>();
  readonly #conditions = new Map<Feed, FeedCondition[]>();
  readonly sink: BrokerSink = {
    onEvent: (feed, event) => {
      this.reports.push({ feed, event });
      note(this.#events, feed, event);
    },
    onFeed: (feed, condition) => {
      this.reports.push({ feed, condition });
      note(this.#conditions, feed, condition);
    },
    onStatus: (status) => void this.statuses.push(status),
    onActivity: () => {},
    onCatalog: () => {},
  };

  readonly events = (feed: Feed): readonly FeedEventDraft[] => this.#events.get(feed) ?? [];

  readonly conditions = (feed: Feed): readonly FeedCondition[] => this.#conditions.get(feed) ?? [];

  readonly gaps = (feed: Feed): FeedCondition[] => this.conditions(feed).filter(({ kind }) => kind === 'gap');

  /** Returns the current state of the feed, or undefined if nothing was reported of it. */
  readonly state = (feed: Feed): FeedCondition['kind'] | undefined =>
    this.conditions(feed).findLast(({ kind }) => kind !== 'gap')?.kind;
}

function note<T>(lists: Map<Feed, T[]>, feed: Feed, value: T): void {
  const list = lists.get(feed);
  if (list === undefined) lists.set(feed, [value]);
  else list.push(value);
}
