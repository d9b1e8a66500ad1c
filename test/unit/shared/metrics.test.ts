import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Metrics, TalliedHistogram } from '../../../src/shared/metrics.ts';
import { Histogram, Registry } from 'prom-client';

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

const NAME = 'latency_seconds';
const HELP = 'How long it took.';
const BUCKETS = [0.001, 0.5, 2];

it('a tallied histogram gives what prom-client gives for the same observations', async () => {
  const observation = fc.record({
    venue: fc.constantFrom('a', 'b "quoted"'),
    seconds: fc.oneof(fc.constantFrom(0, ...BUCKETS), fc.double({ min: 0, max: 4, noNaN: true })),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(observation), async (observations) => {
      const [theirs, ours] = [new Registry(), new Registry()];
      const histogram = new Histogram({
        name: NAME,
        help: HELP,
        labelNames: ['venue'],
        buckets: BUCKETS,
        registers: [theirs],
      });
      const tallied = new TalliedHistogram({
        name: NAME,
        help: HELP,
        label: 'venue',
        buckets: BUCKETS,
        registry: ours,
      });
      for (const { venue, seconds } of observations) {
        histogram.observe({ venue }, seconds);
        tallied.observe({ venue }, seconds);
      }
      expect(await ours.metrics()).toBe(await theirs.metrics());
      expect((await tallied.get()).values).toEqual((await histogram.get()).values.map(withoutExemplar));
    }),
  );
});

it('a tallied histogram has one tally for each label value', async () => {
  const registry = new Registry();
  const tallied = new TalliedHistogram({ name: NAME, help: HELP, label: 'venue', buckets: BUCKETS, registry });
  tallied.labels({ venue: 'a' }).observe(1);
  tallied.labels({ venue: 'a' }).observe(1);
  tallied.observe({ venue: 'a' }, 1);
  expect(await registry.getSingleMetricAsString(NAME)).toContain('latency_seconds_count{venue="a"} 3');
});

function withoutExemplar({
  metricName,
  labels,
  value,
}: {
  metricName?: string;
  labels: object;
  value: number;
}): object {
  return { metricName, labels, value };
}
