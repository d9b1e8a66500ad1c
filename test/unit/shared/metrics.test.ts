import { expect, it } from 'vitest';
import { Metrics } from '../../../src/shared/metrics.ts';

const PROMISED: Readonly<Record<string, readonly string[]>> = {
  tickgraph_connections: ['protocol'],
  tickgraph_subscriptions: ['protocol'],
  tickgraph_upstream_connections: ['broker'],
  tickgraph_upstream_streams: ['broker'],
  tickgraph_broker_state: ['broker', 'state'],
  tickgraph_events_received_total: ['broker', 'type'],
  tickgraph_events_delivered_total: ['protocol', 'type'],
  tickgraph_bytes_sent_total: ['protocol'],
  tickgraph_conflated_total: ['type'],
  tickgraph_slow_consumers_closed_total: ['protocol'],
  tickgraph_reconnects_total: ['broker'],
  tickgraph_resyncs_total: ['broker', 'reason'],
  tickgraph_gaps_total: ['broker', 'type'],
  tickgraph_invalid_messages_total: ['source'],
  tickgraph_errors_total: ['code'],
  tickgraph_venue_latency_seconds: ['broker'],
  tickgraph_delivery_latency_seconds: ['protocol'],
};

it.each(Object.entries(PROMISED))('%s has the labels %j and no others', (name, labels) => {
  const metric = new Metrics().registry.getSingleMetric(name);
  expect(metric).toHaveProperty('labelNames', labels);
});
