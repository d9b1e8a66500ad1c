import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ACCOUNT, OandaSampleGateway } from '../support/OandaSampleGateway.ts';
import { ERROR_SAMPLE } from '../support/oandaSamples.ts';
import { hasRecordings, recordingLines } from '../support/recordings.ts';
import { waitFor } from '../support/waitFor.ts';

const Line = z.object({ httpStatus: z.int(), where: z.string(), body: z.object({ errorMessage: z.string() }) });
type Line = z.infer<typeof Line>;

/** The lines of the sample, by how their `where` begins. */
const TOKEN = 'any endpoint';
const FOREIGN_ACCOUNT = 'GET /v3/accounts/{id}/summary';
const MALFORMED_ACCOUNT = 'any account path';
const INSTRUMENTS = 'pricing and pricing/stream';
const COUNT = 'candles';
const ORDER = 'order create';
const CREDENTIALS = [TOKEN, FOREIGN_ACCOUNT, MALFORMED_ACCOUNT];

/** What is asked of the venue, and by which query. */
const QUERIES = {
  tick: { path: 'pricing', query: '{ tick(broker: "oanda", symbol: "EUR_USD") { bid } }' },
  orderBook: { path: 'pricing', query: '{ orderBook(broker: "oanda", symbol: "EUR_USD") { kind } }' },
  candles: {
    path: 'instruments/EUR_USD/candles',
    query: '{ candles(broker: "oanda", symbol: "EUR_USD", limit: 100) { openTime open high low close volume closed } }',
  },
} as const;
type Query = keyof typeof QUERIES;

const ANSWERS: readonly (readonly [where: string, query: Query, code: string])[] = [
  ...CREDENTIALS.flatMap((where) =>
    (['tick', 'orderBook', 'candles'] as const).map((query) => [where, query, 'BROKER_AUTHENTICATION_FAILED'] as const),
  ),
  [INSTRUMENTS, 'tick', 'UNKNOWN_SYMBOL'],
  [INSTRUMENTS, 'orderBook', 'UNKNOWN_SYMBOL'],
  [COUNT, 'candles', 'BROKER_UNAVAILABLE'],
  // The venue says it of orders alone: of a price or a candle it makes no sense.
  [ORDER, 'tick', 'BROKER_UNAVAILABLE'],
  [ORDER, 'candles', 'BROKER_UNAVAILABLE'],
];

const REFUSED = expect.stringMatching(/^The venue refuses this (?:token|account)\b/) as string;
const PATIENCE = { timeout: 10_000 };
const Refused = z.object({ errors: z.tuple([z.looseObject({ message: z.string() })]) });

function lines(): Line[] {
  return recordingLines(ERROR_SAMPLE).map((line) => Line.parse(line));
}

function lineOf(where: string): { readonly status: number; readonly body: string; readonly message: string } {
  const line = lines().find((each) => each.where.startsWith(where));
  if (line === undefined) throw new Error(`no line of the sample is about ${where}`);
  return { status: line.httpStatus, body: JSON.stringify(line.body), message: line.body.errorMessage };
}

/** Nothing of the venue's own words has come to a client, over either protocol. */
function expectSilence(gateway: OandaSampleGateway): void {
  const told = JSON.stringify(gateway.frames);
  for (const { body } of lines()) expect(told).not.toContain(body.errorMessage);
  expect(told).not.toContain('errorMessage');
}

describe.skipIf(!hasRecordings)('an error of the venue', () => {
  it.each(ANSWERS)('(%s) to the request for %s is %s, in our own words', async (where, query, code) => {
    await using gateway = await OandaSampleGateway.start();
    await gateway.subscribe({ symbols: ['USD_JPY'], types: ['tick'] });
    await waitFor(() => gateway.told('tick', 'USD_JPY').graphql.length > 0);
    const { status, body } = lineOf(where);
    gateway.answer(QUERIES[query].path, body, { status, times: 10 });
    const answer = await gateway.ask(QUERIES[query].query);
    expect(answer).toMatchObject({ errors: [{ extensions: { code } }] });
    // Bad credentials concern all that the account serves; any other error the query alone.
    const [{ message }] = Refused.parse(answer).errors;
    const standing = CREDENTIALS.includes(where) ? { state: 'recovering', reason: message } : { state: 'live' };
    await expect.poll(() => gateway.standing('USD_JPY'), PATIENCE).toMatchObject({ raw: standing, graphql: standing });
    expectSilence(gateway);
  });

  it.each(CREDENTIALS)('(%s) to what lists instruments is told to both protocols, in our own words', async (where) => {
    const { status, body } = lineOf(where);
    await using gateway = await OandaSampleGateway.start({
      before: ({ faults }) => {
        faults.rest.nextReply(status, { body, path: `/v3/accounts/${ACCOUNT.id}/instruments` });
      },
    });
    await gateway.subscribe({ symbols: ['EUR_USD'], types: ['tick'] });
    const standing = { state: 'recovering', reason: REFUSED };
    await expect.poll(() => gateway.standing('EUR_USD'), PATIENCE).toEqual({ raw: standing, graphql: standing });
    expectSilence(gateway);
  });

  it.each(CREDENTIALS)('(%s) to what opens a stream is told to both protocols, in our own words', async (where) => {
    const { status, body } = lineOf(where);
    await using gateway = await OandaSampleGateway.start({
      before: ({ faults }) => {
        faults.opening.nextReply(status, { body });
      },
    });
    await gateway.subscribe({ symbols: ['EUR_USD'], types: ['tick'] });
    const standing = { state: 'recovering', reason: REFUSED };
    await expect.poll(() => gateway.standing('EUR_USD'), PATIENCE).toEqual({ raw: standing, graphql: standing });
    expectSilence(gateway);
  });

  it(`(${TOKEN}) to credentials that a client brings is BROKER_AUTHENTICATION_FAILED, in both protocols`, async () => {
    await using gateway = await OandaSampleGateway.start({ shared: false });
    const { status, body } = lineOf(TOKEN);
    gateway.venue.faults.rest.nextReply(status, { path: '/v3/accounts', body, times: 2 });
    const credentials = { token: ACCOUNT.token, accountId: ACCOUNT.id };
    const refused = { code: 'BROKER_AUTHENTICATION_FAILED', retryable: false };
    const raw = await gateway.raw.ask({ action: 'authenticate', broker: 'oanda', credentials });
    expect(raw).toMatchObject(refused);
    const graphql = await gateway.ask(
      'mutation ($credentials: BrokerCredentials!) { authenticateBroker(broker: "oanda", credentials: $credentials) { session } }',
      { credentials },
    );
    expect(graphql).toMatchObject({ errors: [{ extensions: refused }] });
    expectSilence(gateway);
  });

  it(`(${INSTRUMENTS}) to a stream closes the symbol that the venue does not quote, in both protocols`, async () => {
    const { status, body } = lineOf(INSTRUMENTS);
    await using gateway = await OandaSampleGateway.start({
      before: ({ faults }) => {
        faults.opening.nextReply(status, { body });
      },
    });
    gateway.answer('pricing', body, { status, times: 10 });
    await gateway.subscribe({ symbols: ['EUR_USD'], types: ['tick'] });
    const standing = { state: 'closed', reason: 'The venue refused EUR_USD.' };
    await expect.poll(() => gateway.standing('EUR_USD'), PATIENCE).toEqual({ raw: standing, graphql: standing });
    expectSilence(gateway);
  });

  it(`(${COUNT}) to a large page of candles is no error: smaller ones bring the same`, async () => {
    const nowMs = Date.now();
    await using gateway = await OandaSampleGateway.start({ venue: { now: () => nowMs } });
    const { path, query } = QUERIES.candles;
    const whole = await gateway.ask(query);
    const { status, body } = lineOf(COUNT);
    gateway.answer(path, body, { status });
    expect(await gateway.ask(query)).toEqual(whole);
    expect(gateway.asked(path).map(({ count }) => count)).toEqual(['100', '100', '50', '50']);
    expectSilence(gateway);
  });

  it('has its place here, whichever line of the sample it is', () => {
    const places = [...CREDENTIALS, INSTRUMENTS, COUNT, ORDER];
    for (const { where } of lines()) expect(places.filter((place) => where.startsWith(place))).toHaveLength(1);
    expect(lines()).toHaveLength(places.length);
  });
});
