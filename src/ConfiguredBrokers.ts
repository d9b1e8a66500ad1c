import type { BinanceHosts } from './brokers/binance/BinanceHosts.ts';
import type { OandaBudgets } from './brokers/oanda/OandaBudgets.ts';
import type { BrokerDifference } from './config/difference.ts';
import type { Config } from './config/schema.ts';
import type { BrokerDefinition } from './core/Broker.ts';
import type { BrokerManager } from './core/BrokerManager.ts';
import { defineBroker } from './createBroker.ts';
import type { Clock } from './shared/clock.ts';
import type { Logger } from './shared/logger.ts';
import type { Metrics } from './shared/metrics.ts';
import { systemRandom } from './shared/random.ts';

export interface ConfiguredBrokersOptions {
  readonly manager: BrokerManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Shared by all brokers, and by those that replace them. */
  readonly binanceHosts: BinanceHosts;
  readonly oandaBudgets: OandaBudgets;
  /** The present settings; a broker keeps those that it was opened with. */
  readonly feeds: () => Config['feeds'];
  /** See BrokerContext.onFrame. */
  readonly onFrame?: ((text: string) => void) | undefined;
}

/** Keeps the manager's brokers as the configuration wants them: at the start, which is a change too, and at every other. */
export class ConfiguredBrokers {
  readonly #options: ConfiguredBrokersOptions;

  constructor(options: ConfiguredBrokersOptions) {
    this.#options = options;
  }

  /**
   * Prepares a change, and returns the function that makes it, which never throws: a broker that fails is logged, and the
   * others are changed. A broker that somebody switched stays so, unless its own `enabled` is among the changes.
   */
  prepare({ added, removed, reopened, enabled, disabled }: BrokerDifference, brokers: Config['brokers']): () => void {
    const { manager } = this.#options;
    const adding = this.#define(added, brokers);
    const reopening = this.#define(reopened, brokers);
    return () => {
      // A broker that becomes disabled is not opened once more before.
      for (const id of disabled) this.#attempt(id, () => this.#switch(id, false));
      for (const id of removed) this.#attempt(id, () => manager.removeBroker(id));
      for (const definition of reopening) {
        const { id } = definition;
        this.#attempt(id, () => this.#reopen(definition, enabled.includes(id)));
      }
      for (const id of enabled) this.#attempt(id, () => this.#switch(id, true));
      for (const definition of adding) this.#attempt(definition.id, () => manager.addBroker(definition));
      manager.arrange(Object.keys(brokers));
    };
  }

  #attempt(broker: string, change: () => void): void {
    try {
      change();
    } catch (err) {
      this.#options.logger.error({ broker, err }, 'broker could not be changed');
    }
  }

  #reopen(definition: BrokerDefinition, isEnabledNext: boolean): void {
    const { logger, manager } = this.#options;
    const broker = manager.configured(definition.id);
    broker.redefine(definition);
    if (broker.enabled === definition.enabled || isEnabledNext) return;
    logger.info({ broker: broker.id, enabled: broker.enabled }, 'broker stays as it was switched');
  }

  #define(ids: readonly string[], brokers: Config['brokers']): readonly BrokerDefinition[] {
    const { manager: _manager, feeds, ...options } = this.#options;
    return ids.flatMap((id) => {
      const config = brokers[id];
      if (config === undefined) return [];
      const logger = options.logger.child({ broker: id });
      const surroundings = {
        ...options,
        id,
        logger,
        random: systemRandom,
        // Each adapter is made with what holds then.
        get staleAfterMs() {
          return feeds().staleAfterMs;
        },
        get reconnect() {
          return feeds().reconnect;
        },
      };
      return [defineBroker(config, surroundings)];
    });
  }

  #switch(id: string, enabled: boolean): void {
    const { logger, manager } = this.#options;
    const broker = manager.configured(id);
    if (broker.enabled === enabled) logger.info({ broker: id, enabled }, 'broker was switched like this before');
    broker.setEnabled(enabled);
  }
}
