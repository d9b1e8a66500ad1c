import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type ClientProtocol = 'graphql-ws' | 'graphql-sse' | 'graphql-http' | 'raw';

type EventType = 'tick' | 'candle' | 'orderbook' | 'trade' | 'status';

/** Counters of what one protocol's clients are written, with their labels already found: they are told of every write. */
export interface DeliveryCounters {
  readonly events: Readonly<Record<EventType, { inc(value: number): void }>>;
  readonly bytes: { inc(value: number): void };
}

const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Every metric of the gateway (contract, section 2), in a registry of its own so that two gateways in one process don't
 * meet. Label values come from small fixed sets: never an id, a symbol that a client sent, or an error's text.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly connections = this.#gauge('connections', 'Client connections open now.', ['protocol']);
  readonly subscriptions = this.#gauge('subscriptions', 'Client subscriptions open now.', ['protocol']);
  readonly upstreamConnections = this.#gauge('upstream_connections', 'Connections to the venue open now.', ['broker']);
  readonly upstreamStreams = this.#gauge('upstream_streams', 'Streams wanted of the venue now.', ['broker']);
  readonly brokerState = this.#gauge('broker_state', '1 for the state the broker is in, else 0.', ['broker', 'state']);
  readonly eventsReceived = this.#counter('events_received_total', 'Market events from venues.', ['broker', 'type']);
  readonly eventsDelivered = this.#counter('events_delivered_total', 'Market events written to clients.', [
    'protocol',
    'type',
  ]);
  readonly bytesSent = this.#counter('bytes_sent_total', 'Bytes written to clients.', ['protocol']);
  readonly conflated = this.#counter('conflated_total', 'Events superseded by newer ones before a slow client read.', [
    'type',
  ]);
  readonly slowConsumersClosed = this.#counter('slow_consumers_closed_total', 'Clients closed for not reading.', [
    'protocol',
  ]);
  readonly reconnects = this.#counter('reconnects_total', 'Connections to the venue lost and begun again.', ['broker']);
  readonly resyncs = this.#counter('resyncs_total', 'Order books begun again from a snapshot.', ['broker', 'reason']);
  readonly gaps = this.#counter('gaps_total', 'Holes in what a venue sent.', ['broker', 'type']);
  readonly invalidMessages = this.#counter('invalid_messages_total', 'Messages dropped as malformed.', ['source']);
  readonly logins = this.#counter('logins_total', "Clients' logins to the gateway itself.", ['outcome']);
  readonly errors = this.#counter('errors_total', 'Errors told to clients.', ['code']);
  readonly venueLatency = this.#histogram('venue_latency_seconds', "From the venue's time to receipt.", ['broker']);
  readonly deliveryLatency = this.#histogram('delivery_latency_seconds', 'From receipt to write.', ['protocol']);

  readonly #deliveryCounters = new Map<ClientProtocol, DeliveryCounters>();

  deliveryCounters(protocol: ClientProtocol): DeliveryCounters {
    const known = this.#deliveryCounters.get(protocol);
    if (known !== undefined) return known;
    const of = (type: EventType): { inc(value: number): void } => this.eventsDelivered.labels({ protocol, type });
    const made: DeliveryCounters = {
      events: {
        tick: of('tick'),
        candle: of('candle'),
        orderbook: of('orderbook'),
        trade: of('trade'),
        status: of('status'),
      },
      bytes: this.bytesSent.labels({ protocol }),
    };
    this.#deliveryCounters.set(protocol, made);
    return made;
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: `tickgraph_${name}`, help, labelNames, registers: [this.registry] });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `tickgraph_${name}`, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(name: string, help: string, labelNames: Label[]): Histogram<Label> {
    return new Histogram({
      name: `tickgraph_${name}`,
      help,
      labelNames,
      buckets: LATENCY_BUCKETS,
      registers: [this.registry],
    });
  }
}
