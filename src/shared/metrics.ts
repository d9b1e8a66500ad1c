import { Counter, Gauge, Registry } from 'prom-client';
import type { Histogram } from 'prom-client';
import type { Clock } from './clock.ts';

/** The values of the label `protocol`. */
export type ClientProtocol = 'graphql-ws' | 'graphql-sse' | 'graphql-multipart' | 'graphql-http' | 'raw';

const EVENT_TYPES = ['tick', 'candle', 'orderbook', 'trade', 'status'] as const;
type EventType = (typeof EVENT_TYPES)[number];

/**
 * These events and bytes were written to the clients of one protocol since the last scrape. Writers add to the numbers
 * directly, because a labelled counter would cost too much on every write.
 */
export interface DeliveryTally {
  readonly events: Record<EventType, number>;
  bytes: number;
}

/** How many events of one type one broker has received since the last scrape. */
interface ReceivedTally {
  readonly broker: string;
  readonly type: EventType;
  count: number;
}

const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Every metric of the gateway; docs/operating.md lists them. Each gateway has a registry of its own, so that two of them in one process
 * do not interfere. Label values come from small fixed sets: never an id, a symbol that a client sent, or the text of an error.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly connections = this.#gauge('connections', 'Client connections open now.', ['protocol']);
  readonly subscriptions = this.#gauge('subscriptions', 'Client subscriptions open now.', ['protocol']);
  readonly upstreamConnections = this.#gauge('upstream_connections', 'Connections to the venue open now.', ['broker']);
  readonly upstreamStreams = this.#gauge(
    'upstream_streams',
    'Streams open upstream now, including those that nobody wants any more and that are about to close.',
    ['broker'],
  );
  readonly brokerState = this.#gauge('broker_state', '1 for the state the broker is in, else 0.', ['broker', 'state']);
  readonly eventsReceived: Counter<'broker' | 'type'> = this.#counter(
    'events_received_total',
    'Market events from venues.',
    ['broker', 'type'],
    () => {
      this.#collectReceived();
    },
  );
  readonly eventsDelivered: Counter<'protocol' | 'type'> = this.#counter(
    'events_delivered_total',
    'Market events written to clients.',
    ['protocol', 'type'],
    () => {
      this.#collectEvents();
    },
  );
  readonly bytesSent: Counter<'protocol'> = this.#counter(
    'bytes_sent_total',
    'Bytes written to clients.',
    ['protocol'],
    () => {
      this.#collectBytes();
    },
  );
  readonly conflated = this.#counter('conflated_total', 'Events superseded by newer ones before a slow client read.', [
    'type',
  ]);
  readonly slowConsumersClosed = this.#counter(
    'slow_consumers_closed_total',
    'Clients disconnected because they did not read.',
    ['protocol'],
  );
  readonly reconnects = this.#counter('reconnects_total', 'Connections to the venue that were lost and reopened.', [
    'broker',
  ]);
  readonly resyncs = this.#counter('resyncs_total', 'Order books restarted from a snapshot.', ['broker', 'reason']);
  readonly gaps = this.#counter('gaps_total', 'Gaps in what a venue sent.', ['broker', 'type']);
  readonly invalidMessages = this.#counter('invalid_messages_total', 'Messages dropped as malformed.', ['source']);
  readonly logins = this.#counter('logins_total', "Clients' logins to the gateway itself.", ['outcome']);
  readonly configReloads = this.#counter('config_reloads_total', 'How often the configuration was read again.', [
    'outcome',
  ]);
  readonly configLastReloadSuccessful = this.#gauge(
    'config_last_reload_successful',
    '1 if the configuration was valid when it was last read, else 0.',
    [],
  );
  readonly busState = this.#gauge(
    'bus_state',
    '1 for the state the connection to Redis is in, else 0. Without Redis it is ok.',
    ['state'],
  );
  readonly busLeader = this.#gauge(
    'bus_leader',
    '1 if this gateway is connected to the venue, for all gateways of its fleet, else 0.',
    ['broker'],
  );
  readonly busFramesSent = this.#counter('bus_frames_sent_total', 'Batches of events published to other gateways.', [
    'broker',
  ]);
  readonly busEventsSent = this.#counter('bus_events_sent_total', 'Events published to other gateways.', ['broker']);
  readonly busEventsReceived = this.#counter('bus_events_received_total', 'Events received from other gateways.', [
    'broker',
  ]);
  readonly busWritesDropped = this.#counter(
    'bus_writes_dropped_total',
    'Writes to Redis that were dropped because it was away or too slow.',
    [],
  );
  readonly busLinesDropped = this.#counter(
    'bus_lines_dropped_total',
    'Events of other gateways that were not passed on: of a former leader, received before, or behind a hole.',
    ['broker', 'reason'],
  );
  readonly busResyncs = this.#counter(
    'bus_resyncs_total',
    'Streams that were asked for again because events of another gateway were missing.',
    ['broker'],
  );
  readonly busLatency = this.#histogram(
    'bus_latency_seconds',
    'Seconds from the write to Redis by one gateway to the receipt by another.',
    'broker',
  );
  readonly errors = this.#counter('errors_total', 'Errors sent to clients.', ['code']);
  readonly venueLatency = this.#histogram(
    'venue_latency_seconds',
    "Seconds from the venue's time to receipt.",
    'broker',
  );
  readonly deliveryLatency = this.#histogram(
    'delivery_latency_seconds',
    'Seconds from receipt to the write to a client.',
    'protocol',
  );

  readonly #tallies = new Map<ClientProtocol, DeliveryTally>();

  readonly #received = new Map<string, ReceivedTally>();

  /** The count of received events of one type from one broker. All who receive such events share it. */
  receivedTally(broker: string, type: EventType): { count: number } {
    const name = `${type} ${broker}`;
    const known = this.#received.get(name);
    if (known !== undefined) return known;
    const made: ReceivedTally = { broker, type, count: 0 };
    this.#received.set(name, made);
    return made;
  }

  /** The counts of what is written to the clients of one protocol. All who write share them. */
  deliveryTally(protocol: ClientProtocol): DeliveryTally {
    const known = this.#tallies.get(protocol);
    if (known !== undefined) return known;
    const made: DeliveryTally = { events: { tick: 0, candle: 0, orderbook: 0, trade: 0, status: 0 }, bytes: 0 };
    this.#tallies.set(protocol, made);
    return made;
  }

  #collectReceived(): void {
    for (const tally of this.#received.values()) {
      const { broker, type, count } = tally;
      this.eventsReceived.inc({ broker, type }, count);
      tally.count = 0;
    }
  }

  #collectEvents(): void {
    for (const [protocol, { events }] of this.#tallies) {
      for (const type of EVENT_TYPES) {
        if (events[type] > 0) this.eventsDelivered.inc({ protocol, type }, events[type]);
        events[type] = 0;
      }
    }
  }

  #collectBytes(): void {
    for (const [protocol, tally] of this.#tallies) {
      this.bytesSent.inc({ protocol }, tally.bytes);
      tally.bytes = 0;
    }
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: `tickgraph_${name}`, help, labelNames, registers: [this.registry] });
  }

  /** `collect` is called before each scrape. */
  #counter<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    collect: () => void = () => undefined,
  ): Counter<Label> {
    return new Counter({ name: `tickgraph_${name}`, help, labelNames, collect, registers: [this.registry] });
  }

  #histogram<Label extends string>(name: string, help: string, label: Label): TalliedHistogram<Label> {
    return new TalliedHistogram({
      name: `tickgraph_${name}`,
      help,
      label,
      buckets: LATENCY_BUCKETS,
      registry: this.registry,
    });
  }
}

/** The name, the help text, the label and the buckets of a TalliedHistogram. */
export interface TalliedHistogramOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly label: Label;
  /** Upper bounds, ascending. The last bucket, which has no bound, is not listed. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/** The observations for one value of the label. */
class Tally {
  readonly counts: number[];
  sum = 0;
  readonly #buckets: readonly number[];

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.counts = Array.from({ length: buckets.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const buckets = this.#buckets;
    let at = 0;
    while (at < buckets.length && value > (buckets[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram with one label, for hundreds of thousands of observations a second. prom-client's own checks and joins the labels
 * on every observation. The registry, and whoever scrapes it, see no difference.
 */
export class TalliedHistogram<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly labelNames: readonly Label[];
  readonly #options: TalliedHistogramOptions<Label>;
  readonly #tallies = new Map<string, Tally>();

  constructor(options: TalliedHistogramOptions<Label>) {
    this.#options = options;
    this.name = options.name;
    this.help = options.help;
    this.labelNames = [options.label];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a registry reads name, help, type and values only
    options.registry.registerMetric(this as unknown as Histogram<Label>);
  }

  /** The part of the histogram for one label value. Callers that observe often should keep it. */
  labels(labels: Readonly<Record<Label, string>>): Tally {
    const value = labels[this.#options.label];
    const known = this.#tallies.get(value);
    if (known !== undefined) return known;
    const tally = new Tally(this.#options.buckets);
    this.#tallies.set(value, tally);
    return tally;
  }

  /** Adds one observation. */
  observe(labels: Readonly<Record<Label, string>>, value: number): void {
    this.labels(labels).observe(value);
  }

  /** Called by the registry on each scrape. */
  get(): Promise<{ readonly name: string; readonly help: string; readonly type: string; readonly values: Line[] }> {
    const { name, help, type } = this;
    const values = [...this.#tallies].flatMap(([label, tally]) => this.#lines(label, tally));
    return Promise.resolve({ name, help, type, values });
  }

  #lines(labelValue: string, { counts, sum }: Tally): Line[] {
    const { name, label, buckets } = this.#options;
    const own = { [label]: labelValue };
    let count = 0;
    const bounded = counts.map((each, at) => {
      count += each;
      return { metricName: `${name}_bucket`, labels: { le: buckets[at] ?? '+Inf', ...own }, value: count };
    });
    return [
      ...bounded,
      { metricName: `${name}_sum`, labels: own, value: sum },
      { metricName: `${name}_count`, labels: own, value: count },
    ];
  }
}

/** Events that are sent to clients together, as far as they are counted. */
interface CountedUpdate {
  readonly type: EventType;
  readonly size: number;
  readonly events: readonly { readonly event: { readonly receivedAt: string } }[];
  isFirstDelivery(protocol: ClientProtocol): boolean;
}

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

  get protocol(): ClientProtocol {
    return this.#options.protocol;
  }

  delivered(update: CountedUpdate): void {
    this.#tally.events[update.type] += update.size;
    if (update.isFirstDelivery(this.#options.protocol)) this.#observe(update);
  }

  sent(bytes: number): void {
    this.#tally.bytes += bytes;
  }

  #observe({ events }: CountedUpdate): void {
    const { clock, metrics, protocol } = this.#options;
    const now = clock.now();
    for (const { event } of events) {
      const tookMs = now - Date.parse(event.receivedAt);
      metrics.deliveryLatency.observe({ protocol }, Math.max(0, tookMs) / 1_000);
    }
  }
}
