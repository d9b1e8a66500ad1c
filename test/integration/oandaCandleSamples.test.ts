import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { OandaSampleGateway } from '../support/OandaSampleGateway.ts';
import type { OandaSampleOptions } from '../support/OandaSampleGateway.ts';
import {
  ASK_CANDLE_SAMPLE,
  asMids,
  CANDLE_SAMPLES,
  candlesOf,
  exactJson,
  intervalOf,
  LATEST_CANDLE_SAMPLE,
  seriesOf,
  utcDays,
} from '../support/oandaSamples.ts';
import type { Interval } from '../support/oandaSamples.ts';
import { hasRecordings, recordingText } from '../support/recordings.ts';
import { waitFor } from '../support/waitFor.ts';

const Latest = z.object({
  latestCandles: z.array(z.looseObject({ instrument: z.string(), granularity: z.string() })),
});

const MISSED = [
  ...CANDLE_SAMPLES.map((sample) => ({ sample, toAnswer: (text: string) => text })),
  { sample: ASK_CANDLE_SAMPLE, toAnswer: (text: string) => utcDays(asMids(text, 'ask')) },
];
const PATIENCE = { timeout: 10_000 };
const LATEST = [
  { entry: 0, component: 'ask' },
  { entry: 1, component: 'bid' },
  { entry: 2, component: 'bid' },
  { entry: 2, component: 'ask' },
] as const;

/** Resolves when both protocols have received a candle that grows. */
async function subscribed(
  symbol: string,
  interval: Interval,
  options: OandaSampleOptions,
): Promise<OandaSampleGateway> {
  const gateway = await OandaSampleGateway.start(options);
  await gateway.subscribe({ symbols: [symbol], types: ['candle'], interval });
  await waitFor(() => Object.values(gateway.received('candle', symbol)).every(({ length }) => length > 0), 'a candle');
  return gateway;
}

describe.skipIf(!hasRecordings)('live candles of OANDA', () => {
  // How much is fetched after an interruption depends on its length, so the gateway runs at the time of the sample.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(MISSED)(
    'that were missed arrive at both protocols with the values of $sample',
    async ({ sample, toAnswer }) => {
      const { symbol, interval } = seriesOf(sample);
      const text = recordingText(sample);
      const candles = candlesOf(exactJson(asMids(text, 'ask')), interval);
      let nowMs = Date.parse(candles[0]?.openTime ?? '') + 1_000;
      vi.setSystemTime(nowMs);
      await using gateway = await subscribed(symbol, interval, { venue: { now: () => nowMs } });
      nowMs = Date.parse(candles.at(-1)?.closeTime ?? '');
      vi.setSystemTime(nowMs);
      gateway.answer(`instruments/${symbol}/candles`, toAnswer(text));
      await gateway.venue.faults.hangUp();
      const closed = (): object => {
        const { raw, graphql } = gateway.received('candle', symbol);
        const [ofRaw, ofGraphql] = [raw, graphql].map((received) =>
          received.filter((candle) => candle['closed'] === true),
        );
        return { raw: ofRaw, graphql: ofGraphql };
      };
      await expect.poll(closed, PATIENCE).toEqual({ raw: candles, graphql: candles });
    },
  );

  it.each(LATEST)(
    `of entry $entry ($component) of ${LATEST_CANDLE_SAMPLE} end and grow in both protocols with its values`,
    async ({ entry, component }) => {
      const text = asMids(recordingText(LATEST_CANDLE_SAMPLE), component);
      const latest = Latest.parse(JSON.parse(text)).latestCandles[entry];
      const { instrument = '', granularity = '' } = latest ?? {};
      const interval = intervalOf(granularity);
      const [ended, growing] = candlesOf(Latest.parse(exactJson(text)).latestCandles[entry], interval);
      let nowMs = Date.parse(ended?.openTime ?? '') + 1_000;
      vi.setSystemTime(nowMs);
      await using gateway = await subscribed(instrument, interval, { venue: { now: () => nowMs, heartbeatMs: 50 } });
      const newest = (): object => {
        const { raw, graphql } = gateway.received('candle', instrument);
        return { raw: raw.at(-1), graphql: graphql.at(-1) };
      };
      gateway.answer('candles/latest', JSON.stringify({ latestCandles: [latest] }));
      nowMs += interval.ms;
      vi.setSystemTime(nowMs);
      await expect.poll(newest, PATIENCE).toEqual({ raw: ended, graphql: ended });
      expect(gateway.asked('candles/latest')).toMatchObject([
        { candleSpecifications: `${instrument}:${granularity}:M` },
      ]);
      gateway.answer(`instruments/${instrument}/candles`, JSON.stringify(latest));
      await gateway.venue.faults.hangUp();
      await expect.poll(newest, PATIENCE).toEqual({ raw: growing, graphql: growing });
    },
  );
});
