import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ACCOUNT, OandaSampleGateway } from '../support/OandaSampleGateway.ts';
import {
  ACCOUNT_SAMPLES,
  ASK_CANDLE_SAMPLE,
  bookOf,
  CANDLE_SAMPLES,
  ERROR_SAMPLE,
  exactJson,
  INSTRUMENT_SAMPLES,
  LATEST_CANDLE_SAMPLE,
  PRICING_SAMPLES,
  STREAM_FRAGMENT,
  STREAM_SAMPLES,
  tickOf,
  UNPLAYED_SAMPLES,
} from '../support/oandaSamples.ts';
import { hasRecordings, recordingPaths, recordingText } from '../support/recordings.ts';
import { SamplePlayer } from '../venues/oanda/SamplePlayer.ts';

interface Streamed {
  readonly sample: string;
  /** Converts the file's text to the lines that the venue streams. */
  readonly toLines: (text: string) => string;
  /** Reads the prices in the file's text, with its digits. */
  readonly toPrices: (text: string) => readonly object[];
}

const PLAYED_OTHERWISE = [
  ...INSTRUMENT_SAMPLES,
  ...ACCOUNT_SAMPLES,
  ...CANDLE_SAMPLES,
  ASK_CANDLE_SAMPLE,
  LATEST_CANDLE_SAMPLE,
  ERROR_SAMPLE,
];
/** The members that the source of the fragment had cut off. */
const ADDED = { type: 'PRICE', time: '2023-10-26T15:27:26.635352820Z' };

const Line = z.looseObject({ instrument: z.string().optional() });
const Prices = z.object({ prices: z.array(z.looseObject({})) });

const STREAMED: readonly Streamed[] = [
  ...STREAM_SAMPLES.map((sample) => ({
    sample,
    toLines: (text: string) => text,
    toPrices: (text: string) => {
      const lines = text.split(/\r?\n/).filter((line) => line !== '');
      return lines.map((line) => Line.parse(exactJson(line))).filter(({ instrument }) => instrument !== undefined);
    },
  })),
  {
    sample: STREAM_FRAGMENT,
    toLines: (text) => `${JSON.stringify(ADDED).slice(0, -1)},${text.replaceAll(/\s+/g, '').slice(1)}\n`,
    toPrices: (text) => [{ ...ADDED, ...Line.parse(exactJson(text)) }],
  },
  // A REST price has more members than a streamed one, and is otherwise the same.
  ...PRICING_SAMPLES.map((sample) => ({
    sample,
    toLines: (text: string) => {
      const { prices } = Prices.parse(JSON.parse(text));
      return prices.map((price) => `${JSON.stringify(price)}\n`).join('');
    },
    toPrices: (text: string) => Prices.parse(exactJson(text)).prices,
  })),
];

describe.skipIf(!hasRecordings)('a sample of OANDA', () => {
  it.each(STREAMED)(
    '$sample arrives at both protocols with the venue’s digits, each price once and in order',
    async ({ sample, toLines, toPrices }) => {
      await using gateway = await OandaSampleGateway.start();
      const { venue } = gateway;
      const player = new SamplePlayer(venue, sample, toLines);
      await gateway.subscribe({ symbols: player.instruments, types: ['tick', 'orderbook'] });
      await venue.waitForStream(ACCOUNT.id, player.instruments);
      await player.play();

      const prices = toPrices(recordingText(sample));
      expect(prices.length).toBeGreaterThan(0);
      for (const symbol of player.instruments) {
        const own = prices.filter((price) => Line.parse(price).instrument === symbol);
        await gateway.expectReceived('tick', symbol, own.map(tickOf));
        await gateway.expectReceived('orderbook', symbol, own.map(bookOf));
      }
    },
  );

  it('is played, or listed as not played', () => {
    const named = [...STREAMED.map(({ sample }) => sample), ...PLAYED_OTHERWISE, ...UNPLAYED_SAMPLES];
    const there = recordingPaths('oanda').filter((path) => !path.endsWith('README.md'));
    expect(named.toSorted()).toEqual(there.toSorted());
  });
});
