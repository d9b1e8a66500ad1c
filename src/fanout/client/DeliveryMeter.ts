import type { Clock } from '../../shared/clock.ts';
import type { ClientProtocol, DeliveryTally, Metrics } from '../../shared/metrics.ts';
import type { SharedUpdate } from '../frames/SharedEvent.ts';

export interface DeliveryMeterOptions {
  readonly protocol: ClientProtocol;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Counts what the clients of one protocol are sent, and how late. Latency is observed once for each event, not for each
 * client.
 */
export class DeliveryMeter {
  readonly #options: DeliveryMeterOptions;
  readonly #tally: DeliveryTally;

  constructor(options: DeliveryMeterOptions) {
    this.#options = options;
    this.#tally = options.metrics.deliveryTally(options.protocol);
  }

  delivered(update: SharedUpdate): void {
    this.#tally.events[update.type] += update.size;
    if (update.isFirstDelivery(this.#options.protocol)) this.#observe(update);
  }

  sent(bytes: number): void {
    this.#tally.bytes += bytes;
  }

  #observe({ events }: SharedUpdate): void {
    const { clock, metrics, protocol } = this.#options;
    const now = clock.now();
    for (const { event } of events) {
      const tookMs = now - Date.parse(event.receivedAt);
      metrics.deliveryLatency.observe({ protocol }, Math.max(0, tookMs) / 1_000);
    }
  }
}
