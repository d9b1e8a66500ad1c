import type { Emission } from '../fanout/Emission.ts';
import type { Encoder } from '../fanout/PerEncoder.ts';
import type { MarketData } from '../market/marketData.ts';
import type { Clock } from '../shared/clock.ts';
import type { ClientProtocol, Metrics } from '../shared/metrics.ts';

export interface DeliveryMeterOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Counts what GraphQL subscribers are told. How late it is told is observed once for each emission, not for each client. */
export class DeliveryMeter {
  readonly #options: DeliveryMeterOptions;
  /** Live events that no client was told of yet. */
  readonly #fresh = new WeakSet<Emission>();
  readonly #measured = new WeakMap<Encoder, Encoder>();

  constructor(options: DeliveryMeterOptions) {
    this.#options = options;
  }

  /** An event that just came in; what a subscriber begins with is as old as it is, and no measure of us. */
  arrived(emission: Emission): void {
    this.#fresh.add(emission);
  }

  /** The encoder, measuring with each event that it is asked for, once for all who get it, how late that is. */
  measured(encoder: Encoder): Encoder {
    let measured = this.#measured.get(encoder);
    if (measured === undefined) {
      measured = {
        encode: (event) => {
          this.#observe(event, 'graphql-ws');
          return encoder.encode(event);
        },
      };
      this.#measured.set(encoder, measured);
    }
    return measured;
  }

  told(emission: Emission, protocol: ClientProtocol): void {
    const { metrics } = this.#options;
    const { event } = emission;
    metrics.eventsDelivered.inc({ protocol, type: event.type });
    if (this.#fresh.delete(emission)) this.#observe(event, protocol);
  }

  #observe(event: MarketData, protocol: ClientProtocol): void {
    const { clock, metrics } = this.#options;
    const seconds = (clock.now() - Date.parse(event.receivedAt)) / 1_000;
    metrics.deliveryLatency.observe({ protocol }, Math.max(0, seconds));
  }
}
