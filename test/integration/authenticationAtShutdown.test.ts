import { expect, it } from 'vitest';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

const ACCOUNT = { id: '101-004-1000001-001', token: `${'1'.repeat(32)}-${'a'.repeat(32)}` };
const CREDENTIALS = { token: ACCOUNT.token, accountId: ACCOUNT.id };

it('a client that waits for a venue when the gateway closes gets an error or is closed, and the venue gets no request', async () => {
  await using stack = new AsyncDisposableStack();
  const venue = stack.use(await StandInOanda.start({ accounts: [ACCOUNT] }));
  venue.faults.rest.hold = true;
  const oanda = { kind: 'oanda', restUrl: venue.restUrl, streamUrl: venue.streamUrl };
  // A client that really had to wait for the venue would wait longer than this test may take.
  const gateway = stack.use(
    await startGateway({ config: { server: { shutdownTimeoutMs: 60_000 }, brokers: { oanda } } }),
  );
  const answer = fetch(gateway.urls.graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: `mutation ($credentials: BrokerCredentials!) {
        authenticateBroker(broker: "oanda", credentials: $credentials) { session } }`,
      variables: { credentials: CREDENTIALS },
    }),
  });
  const client = stack.use(await RawClient.connect(gateway.urls.raw));
  client.send({ action: 'authenticate', broker: 'oanda', credentials: CREDENTIALS });
  await waitFor(() => venue.requests.length === 2, 'both to be asked for');

  await gateway.close();
  expect(await (await answer).json()).toMatchObject({
    errors: [{ message: expect.stringContaining('shutting down'), extensions: { code: 'BROKER_UNAVAILABLE' } }],
  });
  expect((await client.waitForClose()).code).toBe(1001);
  expect([venue.requests.length, venue.streamAttempts()]).toEqual([2, 0]);
});
