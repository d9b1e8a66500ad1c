import type { Clock } from '../shared/clock.ts';
import type { ClientProtocol, DeliveryTally, Metrics } from '../shared/metrics.ts';
import type { Delivery } from './Emission.ts';

export interface DeliveryMeterOptions {
  readonly protocol: ClientProtocol;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Counts what the clients of one protocol are told, and how late: that once for each event, not for each client. */
export class DeliveryMeter {
  readonly #options: DeliveryMeterOptions;
  readonly #tally: DeliveryTally;

  constructor(options: DeliveryMeterOptions) {
    this.#options = options;
    this.#tally = options.metrics.deliveryTally(options.protocol);
  }

  told(delivery: Delivery): void {
    this.#tally.events[delivery.type] += delivery.size;
    if (delivery.firstTold(this.#options.protocol)) this.#observe(delivery);
  }

  sent(bytes: number): void {
    this.#tally.bytes += bytes;
  }

  #observe({ emissions }: Delivery): void {
    const { clock, metrics, protocol } = this.#options;
    const now = clock.now();
    for (const { event } of emissions) {
      const tookMs = now - Date.parse(event.receivedAt);
      metrics.deliveryLatency.observe({ protocol }, Math.max(0, tookMs) / 1_000);
    }
  }
}
