import type { StreamKey } from '../../market/marketData.ts';
import type { Clock } from '../../shared/clock.ts';

/** A gateway that has said nothing for so long is gone. Gateways repeat what they want every five seconds. */
const FORGOTTEN_MS = 15_000;

interface Gateway {
  readonly keys: Set<StreamKey>;
  heardMs: number;
}

/** Remembers which streams other gateways want of the leader. */
export class Wanted {
  readonly #clock: Clock;
  readonly #gateways = new Map<string, Gateway>();
  #all: ReadonlySet<StreamKey> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The streams that some gateway wants. */
  get all(): ReadonlySet<StreamKey> {
    return this.#all;
  }

  /** Returns the streams that this gateway did not want before. */
  want(node: string, keys: readonly StreamKey[], isAll: boolean): readonly StreamKey[] {
    const gateway = this.#gateways.get(node) ?? { keys: new Set<StreamKey>(), heardMs: 0 };
    this.#gateways.set(node, gateway);
    gateway.heardMs = this.#clock.monotonic();
    const added = keys.filter((key) => !gateway.keys.has(key));
    if (isAll) {
      const wanted = new Set(keys);
      for (const key of gateway.keys) if (!wanted.has(key)) gateway.keys.delete(key);
    }
    for (const key of added) gateway.keys.add(key);
    this.#unite();
    return added;
  }

  leave(node: string, keys: readonly StreamKey[]): void {
    const gateway = this.#gateways.get(node);
    for (const key of keys) gateway?.keys.delete(key);
    this.#unite();
  }

  /** Forgets gateways that are gone. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const [node, { heardMs }] of this.#gateways) if (now - heardMs > FORGOTTEN_MS) this.#gateways.delete(node);
    this.#unite();
  }

  clear(): void {
    this.#gateways.clear();
    this.#unite();
  }

  #unite(): void {
    this.#all = new Set([...this.#gateways.values()].flatMap(({ keys }) => [...keys]));
  }
}
