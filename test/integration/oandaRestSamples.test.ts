import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ACCOUNT, asRaw, OandaSampleGateway, SELECTIONS } from '../support/OandaSampleGateway.ts';
import {
  ACCOUNT_SAMPLES,
  ASK_CANDLE_SAMPLE,
  asMids,
  bookOf,
  CANDLE_SAMPLES,
  candlesOf,
  exactJson,
  exactSample,
  INSTRUMENT_SAMPLES,
  PRICING_SAMPLES,
  seriesOf,
  tickOf,
  utcDays,
} from '../support/oandaSamples.ts';
import { hasRecordings, recordingJson, recordingText } from '../support/recordings.ts';
import { waitFor } from '../support/waitFor.ts';
import { listingsOf } from '../venues/oanda/instruments.ts';

const Info = z.object({
  name: z.string(),
  displayName: z.string(),
  displayPrecision: z.string(),
  tradeUnitsPrecision: z.string(),
});
const Instruments = z.object({ instruments: z.array(Info) });
const Accounts = z.object({ accounts: z.array(z.object({ id: z.string() })) });
const Times = z.object({ candles: z.array(z.object({ time: z.string() })) });
const Answer = z.object({ answer: z.looseObject({}) });
const Prices = z.object({ prices: z.array(z.looseObject({ instrument: z.string() })) });

const INSTRUMENTS = `{ instruments(broker: "oanda", first: 1000) {
  totalCount edges { node { symbol displayName base quote tickSize lotSize tradable } }
} }`;
const AUTHENTICATE = `mutation ($credentials: BrokerCredentials!) {
  authenticateBroker(broker: "oanda", credentials: $credentials) { broker { authenticated } }
}`;
const CANDLES = `query ($symbol: String!, $interval: CandleInterval!, $from: Timestamp, $to: Timestamp, $limit: Int!) {
  candles(broker: "oanda", symbol: $symbol, interval: $interval, from: $from, to: $to, limit: $limit) { ${SELECTIONS.candle} }
}`;

/** One unit of the last of this many decimal places. */
function step(places: string): string {
  return places === '0' ? '1' : `0.${'1'.padStart(Number(places), '0')}`;
}

describe.skipIf(!hasRecordings).each(INSTRUMENT_SAMPLES)('the instruments in %s', (sample) => {
  const start = (): Promise<OandaSampleGateway> =>
    OandaSampleGateway.start({
      // The stand-in streams prices for the instruments of the sample; the list of instruments is the sample itself.
      venue: { listings: listingsOf(recordingJson(sample)) },
      before: (venue) => {
        venue.faults.rest.nextReply(200, {
          path: `/v3/accounts/${ACCOUNT.id}/instruments`,
          body: recordingText(sample),
        });
      },
    });

  it('are listed by GraphQL, completely, with their names and steps', async () => {
    await using gateway = await start();
    const { instruments } = Instruments.parse(exactSample(sample));
    const nodes = instruments.map(({ name, displayName, displayPrecision, tradeUnitsPrecision }) => {
      const [base, quote] = name.split('_');
      const steps = { tickSize: step(displayPrecision), lotSize: step(tradeUnitsPrecision) };
      return { symbol: name, displayName, base, quote, ...steps, tradable: true };
    });
    const edges = nodes.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1)).map((node) => ({ node }));
    expect(await gateway.ask(INSTRUMENTS)).toEqual({ data: { instruments: { totalCount: edges.length, edges } } });
    expect(gateway.asked('instruments')).toHaveLength(1);
  });

  it('are each routed to the broker, in both protocols', async () => {
    await using gateway = await start();
    const symbols = Instruments.parse(exactSample(sample)).instruments.map(({ name }) => name);
    const answer = await gateway.subscribe({ broker: null, symbols, types: ['tick'] });
    expect(answer).toMatchObject({ status: 'subscribed', broker: 'oanda', symbols, rejected: [] });
    for (const symbol of symbols) {
      const both = await waitFor(() => {
        const { raw, graphql } = gateway.received('tick', symbol);
        return raw.length > 0 && graphql.length > 0 ? [raw[0], graphql[0]] : null;
      }, `ticks of ${symbol}`);
      const bid = gateway.venue.lastPrice(ACCOUNT.id, symbol)?.bids[0]?.price;
      expect(both).toMatchObject([{ bid }, { bid }]);
    }
  });
});

describe.skipIf(!hasRecordings).each(ACCOUNT_SAMPLES)('the accounts in %s', (sample) => {
  it('are each open to both protocols, and no other account is', async () => {
    const { accounts } = Accounts.parse(exactSample(sample));
    const { token } = ACCOUNT;
    for (const { id } of accounts) {
      await using gateway = await OandaSampleGateway.start({
        shared: false,
        venue: { accounts: accounts.map((account) => ({ ...account, token })) },
      });
      gateway.venue.faults.rest.nextReply(200, { path: '/v3/accounts', body: recordingText(sample), times: 4 });
      const authenticate = async (credentials: { token: string; accountId: string }): Promise<unknown[]> => {
        const raw = await gateway.raw.ask({ action: 'authenticate', broker: 'oanda', credentials });
        return [raw, await gateway.ask(AUTHENTICATE, { credentials })];
      };
      const refused = { code: 'BROKER_AUTHENTICATION_FAILED' };
      // Another token is used here, which spares the few connections of the first.
      const foreign = await authenticate({ token: `${token}b`, accountId: ACCOUNT.id });
      expect(foreign).toMatchObject([refused, { errors: [{ extensions: refused }] }]);
      const welcome = { data: { authenticateBroker: { broker: { authenticated: true } } } };
      expect(await authenticate({ token, accountId: id })).toMatchObject([{ status: 'authenticated' }, welcome]);
      await gateway.subscribe({ symbols: ['EUR_USD'], types: ['tick'] });
      await gateway.venue.waitForStream(id, ['EUR_USD']);
      const { bids } = gateway.venue.price(id, 'EUR_USD', { bid: '1.08400' });
      await waitFor(() => {
        const last = Object.values(gateway.received('tick', 'EUR_USD')).map((ticks) => ticks.at(-1));
        return last.every((tick) => tick !== undefined && 'bid' in tick && tick.bid === bids[0]?.price);
      }, 'the price of the account');
    }
  });
});

describe.skipIf(!hasRecordings).each(PRICING_SAMPLES)('the prices in %s', (sample) => {
  it('answer queries for a tick and a book, each for the requested instrument', async () => {
    await using gateway = await OandaSampleGateway.start();
    const ask = async (field: string, selection: string): Promise<unknown> => {
      gateway.answer('pricing', recordingText(sample));
      const { data, errors } = await gateway.ask(`{ answer: ${field} { ${selection} } }`);
      return errors ?? asRaw(Answer.parse(data).answer);
    };
    const { prices } = Prices.parse(exactSample(sample));
    for (const price of prices) {
      const of = `(broker: "oanda", symbol: "${price.instrument}")`;
      expect(await ask(`tick${of}`, SELECTIONS.tick)).toEqual(tickOf(price));
      expect(await ask(`orderBook${of}`, SELECTIONS.orderbook)).toEqual(bookOf(price));
    }
    const asked = prices.flatMap(({ instrument }) => [instrument, instrument]);
    expect(gateway.asked('pricing').map(({ instruments }) => instruments)).toEqual(asked);
    expect(await ask('tick(broker: "oanda", symbol: "GBP_USD")', 'bid')).toMatchObject([
      { extensions: { code: 'BROKER_UNAVAILABLE' } },
    ]);
  });
});

describe.skipIf(!hasRecordings)('candles', () => {
  /** Queries the time span of these candles, and lets the venue give this answer. */
  const query = async (
    { symbol, interval }: ReturnType<typeof seriesOf>,
    answer: string,
  ): Promise<{ answered: unknown; asked: unknown; times: string[] }> => {
    await using gateway = await OandaSampleGateway.start();
    const path = `instruments/${symbol}/candles`;
    gateway.answer(path, answer);
    const times = Times.parse(exactJson(answer)).candles.map(({ time }) => time);
    const span = { from: times[0], to: times.at(-1), limit: times.length };
    const answered = await gateway.ask(CANDLES, { symbol, interval: interval.graphql, ...span });
    return { answered, asked: gateway.asked(path), times };
  };

  it.each(CANDLE_SAMPLES)(
    'of %s are the result of a query for them, all of them and digit for digit',
    async (sample) => {
      const { interval, ...series } = seriesOf(sample);
      const { answered, asked, times } = await query({ interval, ...series }, recordingText(sample));
      expect(answered).toEqual({ data: { candles: candlesOf(exactSample(sample), interval) } });
      const from = expect.stringContaining(times[0]?.slice(0, 19) ?? 'a time') as string;
      expect(asked).toMatchObject([
        { price: 'M', granularity: interval.granularity, count: String(times.length), from },
      ]);
    },
  );

  it('of asks are not passed off as mids, nor days with another alignment than the requested one', async () => {
    const asks = recordingText(ASK_CANDLE_SAMPLE);
    for (const text of [utcDays(asks), asMids(asks, 'ask')]) {
      const { answered, asked } = await query(seriesOf(ASK_CANDLE_SAMPLE), text);
      expect(answered).toMatchObject({ errors: [{ extensions: { code: 'BROKER_UNAVAILABLE' } }] });
      expect(asked).toMatchObject([{ price: 'M', dailyAlignment: '0', alignmentTimezone: 'UTC' }]);
    }
  });

  it('of a day are returned digit for digit if they are aligned as requested, with Sundays and without Saturdays', async () => {
    const series = seriesOf(ASK_CANDLE_SAMPLE);
    const text = asMids(recordingText(ASK_CANDLE_SAMPLE), 'ask');
    const { answered, times } = await query(series, utcDays(text));
    const candles = candlesOf(exactJson(text), series.interval);
    expect(candles).toHaveLength(times.length);
    expect(answered).toEqual({ data: { candles } });
  });
});
