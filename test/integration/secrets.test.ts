import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { GatewayProcess } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import { StandInOanda } from '../venues/oanda/StandInOanda.ts';

/** Each secret is used once, so that one that is found shows which way it took. */
const SECRETS = {
  good: 'c4na71e5900dc4na71e5900dc4na71e5-900d900d900d900d900d900d900d900d',
  swapped: 'c4na71e55a4bc4na71e55a4bc4na71e5-5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b',
  refused: 'c4na71e5bad0c4na71e5bad0c4na71e5-bad0bad0bad0bad0bad0bad0bad0bad0',
  expired: 'c4na71e5e3d0c4na71e5e3d0c4na71e5-e3d0e3d0e3d0e3d0e3d0e3d0e3d0e3d0',
  revoked: 'c4na71e59999c4na71e59999c4na71e5-99999999999999999999999999999999',
  binanceKey: 'canaryKeyCanaryKeyCanaryKeyCanaryKeyCanaryKeyCanaryKeyCanaryKey1',
  binanceSecret: 'canarySecretCanarySecretCanarySecretCanarySecretCanarySecretCan1',
  login: 'canaryLoginKeyCanaryLoginKeyCanaryLoginKey',
} as const;

const ACCOUNTS = (['good', 'swapped', 'expired', 'revoked'] as const).map((name, index) => ({
  id: `101-004-100000${index}-001`,
  token: SECRETS[name],
}));

const accountOf = (name: keyof typeof SECRETS): string =>
  ACCOUNTS.find(({ token }) => token === SECRETS[name])?.id ?? '101-004-9999999-001';

async function authenticate(client: RawClient, name: keyof typeof SECRETS): Promise<unknown> {
  const credentials = { token: SECRETS[name], accountId: accountOf(name) };
  return client.ask({ action: 'authenticate', broker: 'oanda', credentials });
}

it('no byte of a secret is in what the process wrote, answered or kept', { timeout: 120_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'tickgraph-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const venue = stack.use(
    await StandInOanda.start({ accounts: ACCOUNTS, limits: { connectionsPerSecond: 100 }, heartbeatMs: 200 }),
  );
  const binance = stack.use(await StandInBinance.start());
  const process_ = stack.use(
    new GatewayProcess({
      args: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${folder}`, 'src/index.ts', 'serve'],
      env: {
        PORT: '0',
        LOG_LEVEL: 'trace',
        TICKGRAPH_SESSIONS__IDLE_TIMEOUT_MS: '500',
        TICKGRAPH_BROKERS__OANDA__REST_URL: venue.restUrl,
        TICKGRAPH_BROKERS__OANDA__STREAM_URL: venue.streamUrl,
        TICKGRAPH_BROKERS__BINANCE__REST_URL: binance.restUrl,
        TICKGRAPH_BROKERS__BINANCE__WEBSOCKET_URL: binance.websocketUrl,
      },
    }),
  );
  const url = await process_.listening();
  const answered: string[] = [];
  const ask = async (query: string, variables: object): Promise<string> => {
    const headers = { 'content-type': 'application/json', 'x-api-key': SECRETS.login };
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    answered.push(text);
    return text;
  };

  const client = await RawClient.connect(url);
  expect(await authenticate(client, 'refused')).toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
  expect(await authenticate(client, 'good')).toMatchObject({ status: 'authenticated' });
  await client.subscribe('oanda', ['EUR_USD'], ['tick', 'orderbook', 'candle']);
  await venue.waitForStream(accountOf('good'), ['EUR_USD']);
  expect(await authenticate(client, 'swapped')).toMatchObject({ status: 'authenticated' });
  await venue.waitForStream(accountOf('swapped'), ['EUR_USD']);
  client.send('{"action":"authenticate","broker":"oanda","credentials":{"token":"' + SECRETS.good);
  client.send({ action: 'nonsense', credentials: { token: SECRETS.good } });

  const leaving = await RawClient.connect(url);
  expect(await authenticate(leaving, 'expired')).toMatchObject({ status: 'authenticated' });
  await leaving[Symbol.asyncDispose]();

  const revoked = await RawClient.connect(url);
  expect(await authenticate(revoked, 'revoked')).toMatchObject({ status: 'authenticated' });
  await revoked.subscribe('oanda', ['EUR_USD'], ['tick']);
  await venue.waitForStream(accountOf('revoked'), ['EUR_USD']);
  venue.revoke(SECRETS.revoked);
  venue.faults.stream.silence = false;
  for (const stream of venue.streamsOf(accountOf('revoked'))) stream.end('reset');

  const credentials = { apiKey: SECRETS.binanceKey, apiSecret: SECRETS.binanceSecret };
  const document =
    'mutation ($c: BrokerCredentials!) { authenticateBroker(broker: "binance", credentials: $c) { session } }';
  await ask(document, { c: credentials });
  await ask(document.replace('$c: BrokerCredentials!', '$c: Int!'), { c: credentials });
  await ask(
    'mutation { authenticateBroker(broker: "oanda", credentials: { token: "' + SECRETS.refused + '" }) { session } }',
    {},
  );
  await ask(
    'mutation { authenticateBroker(broker: "oanda", credentials: { tokn: "' + SECRETS.refused + '" }) { session } }',
    {},
  );

  const metrics = await (await fetch(`${url}/metrics`)).text();
  const ready = await (await fetch(`${url}/ready`)).text();
  await revoked[Symbol.asyncDispose]();
  answered.push(JSON.stringify([client.messages, leaving.messages, revoked.messages]));
  await client[Symbol.asyncDispose]();
  // Sessions end 500 ms after their connections, this client's session last: everything that was held is wiped.
  await waitFor(() => venue.openConnections === 0, 'every account to be closed', 20_000);
  // Other work, which a gateway always has, replaces what the engine still keeps of its last work.
  for (let count = 0; count < 20; count += 1) await ask('{ brokers { id state reason } }', {});

  process_.child.kill('SIGUSR2');
  const snapshot = await waitForSnapshot(folder, () => ask('{ __typename }', {}));
  for (const [name, secret] of Object.entries(SECRETS)) {
    expect(process_.out.includes(secret), `${name} in the log`).toBe(false);
    expect(process_.err.includes(secret), `${name} on standard error`).toBe(false);
    expect(
      answered.some((text) => text.includes(secret)),
      `${name} in an answer`,
    ).toBe(false);
    expect(metrics.includes(secret) || ready.includes(secret), `${name} in metrics`).toBe(false);
    expect(snapshot.includes(secret), `${name} in a heap snapshot`).toBe(false);
  }
  expect(snapshot.includes('BrokerAuthenticator')).toBe(true);
});

/**
 * Returns the snapshot's text. The process does nothing else while it writes, so the snapshot is whole once another
 * request is answered.
 */
async function waitForSnapshot(folder: string, askSomething: () => Promise<unknown>): Promise<Buffer> {
  const name = await waitFor(
    async () => (await readdir(folder)).find((file) => file.endsWith('.heapsnapshot')),
    'the heap snapshot',
    60_000,
  );
  await askSomething();
  return readFile(join(folder, name));
}
