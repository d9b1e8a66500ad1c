import type { Feed, FeedCondition } from '../../../../src/brokers/BaseBroker.ts';
import type { MockFault } from '../../../../src/brokers/mock/FaultSchedule.ts';
import type { MockBrokerOptions } from '../../../../src/brokers/mock/MockBroker.ts';
import type { FeedEventDraft } from '../../../../src/market/marketData.ts';
import type { FaultKind } from '../../../../src/market/mockFault.ts';
import { OrderBook } from '../../../../src/market/OrderBook.ts';
import { Recorder } from './recorder.ts';

export function fault(kind: FaultKind, overrides: Partial<MockFault> = {}): MockFault {
  return { kind, afterMs: 5_000, forMs: 2_000, everyMs: null, symbols: null, ...overrides };
}

/** Like the gateway, it has a crossed book begun again, and passes the event on to nobody. */
export class WatchfulRecorder extends Recorder {
  readonly #books = new Map<Feed, OrderBook>();
  crossings = 0;
  /** Changes of books that were not known. */
  strays = 0;

  override onEvent(wanted: Feed, event: FeedEventDraft): void {
    if (event.type === 'orderbook') {
      const known = this.#books.get(wanted);
      if (known === undefined && event.kind === 'delta') this.strays += 1;
      const kept = known ?? new OrderBook();
      this.#books.set(wanted, kept);
      kept.apply(event);
      if (kept.crossed) {
        this.crossings += 1;
        this.onFeed(wanted, { kind: 'recovering', reason: 'crossed' });
        this.broker.resync(wanted);
        return;
      }
    }
    super.onEvent(wanted, event);
  }

  override onFeed(wanted: Feed, condition: FeedCondition): void {
    if (condition.kind === 'recovering' || condition.kind === 'closed') this.#books.delete(wanted);
    super.onFeed(wanted, condition);
  }
}

export function watchful(options: MockBrokerOptions, ...feeds: readonly Feed[]): WatchfulRecorder {
  const recorder = new WatchfulRecorder(options);
  recorder.broker.start();
  recorder.want(...feeds);
  return recorder;
}

/** Conditions and events of one feed, in order: a condition by its kind, events by their number. */
export function story(mock: Recorder, wanted: Feed): readonly string[] {
  const told: string[] = [];
  let events = 0;
  const close = (): void => {
    if (events > 0) told.push('events');
    events = 0;
  };
  for (const fact of mock.timeline) {
    if (fact.kind === 'status' || fact.feed !== wanted) continue;
    if (fact.kind === 'event') events += 1;
    else {
      close();
      told.push(fact.condition.kind);
    }
  }
  close();
  return told;
}

/** How far each number is from the one before. */
export function steps(ids: readonly number[]): readonly number[] {
  return ids.slice(1).map((id, index) => id - (ids[index] ?? 0));
}

/** What of an event the seed decides: all but the times, and how it came. */
export function content(event: FeedEventDraft): unknown {
  const backfilled = 'backfilled' in event ? { backfilled: false } : {};
  return { ...event, ...backfilled, time: null, receivedAt: null };
}
