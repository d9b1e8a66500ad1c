import { expect, it } from 'vitest';
import { DeflateChains } from '../../../src/fanout/frames/DeflateChain.ts';
import { DeliveryMeter, Metrics } from '../../../src/shared/metrics.ts';
import { SharedEvent } from '../../../src/fanout/frames/SharedEvent.ts';
import { key, tick } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';

it('a live event is timed from its receipt to the first write of a protocol, and the time is never negative', async () => {
  const clock = new FakeClock(Date.parse(tick(1).receivedAt) + 250);
  const metrics = new Metrics();
  const raw = new DeliveryMeter({ protocol: 'raw', clock, metrics });
  const sse = new DeliveryMeter({ protocol: 'graphql-sse', clock, metrics });
  const live = (sequence: number): SharedEvent =>
    new SharedEvent(key('tick'), tick(sequence), { chains: new DeflateChains() });
  const first = live(1);
  raw.delivered(first);
  raw.delivered(first);
  sse.delivered(first);
  clock.jumpWall(-3_600_000);
  raw.delivered(live(2));
  raw.delivered(new SharedEvent(key('tick'), tick(3)));
  const { values } = await metrics.deliveryLatency.get();
  const of = (suffix: string, protocol: string) =>
    values.find(({ metricName, labels }) => metricName?.endsWith(suffix) && labels['protocol'] === protocol)?.value;
  expect([of('_count', 'raw'), of('_sum', 'raw')]).toEqual([2, 0.25]);
  expect([of('_count', 'graphql-sse'), of('_sum', 'graphql-sse')]).toEqual([1, 0.25]);
  const counts = await metrics.eventsDelivered.get();
  expect(counts.values.map(({ labels, value }) => [labels.protocol, value])).toEqual([
    ['raw', 4],
    ['graphql-sse', 1],
  ]);
});
