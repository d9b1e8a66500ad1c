import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { mutated } from '../support/mutations.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const QUERY = 'query Q($symbol: String) { brokers { id } __typename @skip(if: false) }';
const TICKS = 'subscription S($of: [String!]!) { marketData(symbols: $of) { ... on Tick { bid } } }';
const VALID = [
  { id: '1', type: 'subscribe', payload: { query: QUERY, operationName: 'Q', variables: { symbol: 'X' } } },
  { id: '2', type: 'subscribe', payload: { query: TICKS, variables: { of: ['BTCUSDT'] }, extensions: { a: [1] } } },
  {
    id: '3',
    type: 'subscribe',
    payload: { query: '', extensions: { persistedQuery: { version: 1, sha256Hash: 'ab' } } },
  },
  { id: '2', type: 'complete' },
  { type: 'ping', payload: { a: { b: [1] } } },
  { type: 'pong' },
  { type: 'connection_init', payload: { Authorization: 'Bearer x' } },
].map((message) => JSON.stringify(message));

/** Those of the protocol, and those of the WebSocket itself for bytes that are no text, or too many. */
const CLOSE_CODES = [4400, 4401, 4403, 4409, 4429, 1007, 1009];

it('any messages are answered or close that client with a code of the protocol, and a neighbour notices nothing', async () => {
  await using gateway = await GraphqlGateway.start();
  await using neighbour = await TransportWsClient.connect(gateway.wsUrl);
  neighbour.subscribe('mine', TICKS, { of: ['ETHUSDT'] });
  await gateway.wanted('tick ETHUSDT');
  const changed = fc.constantFrom(...VALID).chain((text) => fc.oneof(mutated(text), fc.constant(text)));
  const other = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  const frames = fc.array(fc.oneof({ arbitrary: changed, weight: 4 }, other), { minLength: 1, maxLength: 6 });
  let price = 100;
  await fc.assert(
    fc.asyncProperty(frames, fc.boolean(), async (messages, isAdmitted) => {
      await using client = isAdmitted
        ? await TransportWsClient.connect(gateway.wsUrl)
        : await TransportWsClient.open(gateway.wsUrl);
      for (const message of messages) client.socket.send(message);
      client.send({ type: 'ping', payload: { end: true } });
      const isAnswered = (): boolean =>
        client.messages.some(({ payload }) => JSON.stringify(payload) === '{"end":true}');
      await waitFor(() => client.closed !== null || isAnswered(), 'an answer or the end');
      if (client.closed !== null) expect(CLOSE_CODES).toContain(client.closed.code);
      for (const { type } of client.messages) {
        expect(['connection_ack', 'pong', 'next', 'error', 'complete', 'ping']).toContain(type);
      }
      price += 1;
      gateway.tick(`${price}.5`, 'ETHUSDT');
      await waitFor(() => JSON.stringify(neighbour.messages.at(-1)).includes(`${price}.5`), 'a price at the neighbour');
    }),
    { numRuns: 100 },
  );
  await waitFor(
    () => gateway.broker().wantedNames.join() === 'tick ETHUSDT',
    'only the neighbour’s interest to be left',
  );
  expect(gateway.logged.filter((line) => /"level":(50|60)|INTERNAL/.test(line))).toEqual([]);
});

it('any body over HTTP is answered with JSON and a status that blames the request, never the gateway', async () => {
  await using gateway = await GraphqlGateway.start();
  const valid = [
    { query: QUERY, operationName: 'Q', variables: { symbol: 'X' }, extensions: { a: 1 } },
    { query: '{ instruments(broker: "binance", search: "B") { symbol } }' },
    { extensions: { persistedQuery: { version: 1, sha256Hash: 'ab'.repeat(32) } } },
  ].map((body) => JSON.stringify(body));
  const body = fc.oneof(
    { arbitrary: fc.constantFrom(...valid).chain(mutated), weight: 4 },
    fc.json(),
    fc.string({ unit: 'binary' }),
  );
  const type = fc.constantFrom(
    'application/json',
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'x',
  );
  await fc.assert(
    fc.asyncProperty(body, type, async (text, contentType) => {
      const headers = { 'content-type': contentType, accept: 'application/graphql-response+json, application/json' };
      const response = await fetch(gateway.url, { method: 'POST', headers, body: text });
      expect([200, 400, 413, 415, 422]).toContain(response.status);
      const answer = JSON.parse(await response.text()) as { data?: unknown; errors?: unknown };
      expect(answer.data !== undefined || Array.isArray(answer.errors)).toBe(true);
    }),
    { numRuns: 200 },
  );
  expect(gateway.logged.filter((line) => /"level":(50|60)|INTERNAL/.test(line))).toEqual([]);
});
