import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { TalliedHistogram } from '../../../src/shared/TalliedHistogram.ts';

const NAME = 'latency_seconds';
const HELP = 'How long it took.';
const BUCKETS = [0.001, 0.5, 2];

it('is what prom-client would make of the same observations', async () => {
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

it('has one place for each label value, whoever asks for it', async () => {
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
