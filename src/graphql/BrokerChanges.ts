import type { BrokerManager } from '../core/BrokerManager.ts';
import type { BrokerInfo } from '../core/brokerInfo.ts';
import type { BrokerAccess } from '../core/subscription.ts';
import { EventQueue } from '../fanout/client/EventQueue.ts';

export interface BrokerChangesOptions {
  readonly manager: Pick<BrokerManager, 'watch'>;
  /** Whose view of the brokers it is. */
  readonly access: BrokerAccess;
  /** Null: all of them. */
  readonly broker: string | null;
  /** Called exactly once, at the end. */
  readonly onClose: () => void;
}

/** The changes of brokers' states; of each broker only the newest while nobody takes them, so that it stays small. */
export class BrokerChanges implements AsyncIterable<BrokerInfo, undefined> {
  readonly #pending = new Map<string, BrokerInfo>();
  readonly #queue: EventQueue<BrokerInfo>;

  constructor({ manager, access, broker, onClose }: BrokerChangesOptions) {
    const watch = manager.watch(access, (info) => {
      if (broker !== null && info.id !== broker) return;
      this.#pending.set(info.id, info);
      this.#queue.wake();
    });
    this.#queue = new EventQueue({
      take: () => this.#take(),
      onClose: () => {
        watch[Symbol.dispose]();
        this.#pending.clear();
        onClose();
      },
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<BrokerInfo, undefined> {
    return this.#queue;
  }

  #take(): BrokerInfo | undefined {
    for (const [id, info] of this.#pending) {
      this.#pending.delete(id);
      return info;
    }
    return undefined;
  }
}
