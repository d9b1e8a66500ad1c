import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { BinanceHosts } from '../../src/brokers/binance/BinanceHosts.ts';
import { BinanceRest } from '../../src/brokers/binance/BinanceRest.ts';
import { accountHost, checkBinanceCredentials } from '../../src/brokers/binance/checkBinanceCredentials.ts';
import type { BinanceCredentials } from '../../src/brokers/binance/checkBinanceCredentials.ts';
import { createLogger, silentLogger } from '../../src/shared/logger.ts';
import { Metrics } from '../../src/shared/metrics.ts';
import { seededRandom } from '../../src/shared/random.ts';
import { FakeClock } from '../support/FakeClock.ts';
import { logLines } from '../support/logLines.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway, standInBroker } from '../support/startGateway.ts';
import { waitFor } from '../support/waitFor.ts';
import { ScriptedServer } from '../unit/transport/ScriptedServer.ts';
import { DEFAULT_ACCOUNT } from '../venues/binance/account.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';
import type { StandInOptions } from '../venues/binance/StandInBinance.ts';

const HMAC: BinanceCredentials = { apiKey: DEFAULT_ACCOUNT.apiKey, apiSecret: DEFAULT_ACCOUNT.secret };
const ACCOUNT = '/api/v3/account';
const TIME = '/api/v3/time';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** One gateway's side of a check, with everything that it wrote. */
class Asker {
  readonly clock = new FakeClock();
  readonly random = seededRandom(1);
  readonly hosts = new BinanceHosts(this);
  readonly metrics = new Metrics();
  /** Its log, and everything that it threw, as deep as one can look. */
  written = '';

  check(restUrl: string, credentials: BinanceCredentials, signal = new AbortController().signal): Promise<void> {
    const { clock, random, hosts, metrics } = this;
    const output = {
      isTTY: false,
      write: (line: string): boolean => {
        this.written += line;
        return true;
      },
    };
    const logger = createLogger({ level: 'trace', pretty: false, output });
    const options = { restUrl, hosts, brokerId: 'binance', clock, random, logger, metrics };
    return checkBinanceCredentials(credentials, options, signal).catch((thrown: unknown) => {
      this.written += inspect(thrown, { depth: 20, showHidden: true });
      throw thrown;
    });
  }

  /** Advances time until the promise has settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await waitFor(() => {
      // Time advances so little in total that an exchange on loopback does not run into its deadline.
      if (!settled && this.clock.pending > 0) void this.clock.advance(10);
      return settled;
    });
    return promise;
  }

  async invalidMessages(): Promise<number> {
    return (await this.metrics.invalidMessages.get()).values.reduce((sum, { value }) => sum + value, 0);
  }
}

interface Scene {
  readonly venue: StandInBinance;
  readonly asker: Asker;
  readonly check: (credentials?: BinanceCredentials) => Promise<void>;
  /** Returns the paths that were requested from the venue, in order. */
  readonly paths: () => string[];
}

/** Starts a venue whose clock is `aheadMs` ahead of ours, and checks in the end that nothing secret was written. */
async function set({ aheadMs = 0, ...options }: Partial<StandInOptions> & { aheadMs?: number } = {}): Promise<Scene> {
  const asker = new Asker();
  const venue = stack.use(await StandInBinance.start({ now: () => asker.clock.now() + aheadMs, ...options }));
  const secrets = new Set<string>();
  const check = (credentials = HMAC): Promise<void> => {
    for (const secret of secretsOf(credentials)) secrets.add(secret);
    return asker.check(venue.restUrl, credentials);
  };
  stack.defer(() => {
    const signatures = venue.requests.flatMap(({ query }) => query.getAll('signature'));
    const encoded = signatures.map((signature) => encodeURIComponent(signature));
    for (const secret of [...secrets, ...signatures, ...encoded]) expect(asker.written).not.toContain(secret);
    expect(asker.clock.pending).toBe(0);
  });
  return { venue, asker, check, paths: () => venue.requests.map(({ path }) => path) };
}

/** Returns the secrets, a private key line by line because written text may have other line ends. */
function secretsOf({ apiKey, apiSecret }: BinanceCredentials): string[] {
  return [apiKey, ...apiSecret.split('\n')].filter((text) => text !== '' && !text.startsWith('-----'));
}

const ed25519 = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });

function accountOf({ publicKey, privateKey }: typeof rsa): { credentials: BinanceCredentials; publicKey: string } {
  const apiSecret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return {
    credentials: { apiKey: 'e'.repeat(64), apiSecret },
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

describe('checkBinanceCredentials', () => {
  it('asks once, with a signature, and sends the key in a header only', async () => {
    const { check, venue, asker } = await set();
    await check();
    const [request] = venue.requests;
    expect(venue.requests).toHaveLength(1);
    expect(request).toMatchObject({ path: ACCOUNT, status: 200, headers: { 'x-mbx-apikey': HMAC.apiKey } });
    expect([...(request?.query.keys() ?? [])]).toEqual(['omitZeroBalances', 'recvWindow', 'timestamp', 'signature']);
    expect(Object.fromEntries(request?.query ?? [])).toMatchObject({
      omitZeroBalances: 'true',
      recvWindow: '5000',
      timestamp: String(asker.clock.now()),
    });
    expect(asker.written).toBe('');
  });

  it.each([
    ['Ed25519', ed25519],
    ['RSA', rsa],
  ])('signs with the private key if the secret is one: %s', async (_name, pair) => {
    const { credentials, publicKey } = accountOf(pair);
    const { check, venue, asker } = await set({ accounts: [{ apiKey: credentials.apiKey, publicKey }] });
    // The signature depends on the time: among so many there are some with every character that has to be encoded.
    for (let round = 0; round < 10; round += 1) {
      await check(credentials);
      await asker.clock.advance(1);
    }
    expect(venue.requests.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  });

  it.each([
    ['a key of another form (-2014)', { ...HMAC, apiKey: 'short-key' }, /form of this API key/],
    ['an unknown key (-2015)', { ...HMAC, apiKey: 'x'.repeat(64) }, /refuses this API key/],
    ['a secret of another key (-1022)', { ...HMAC, apiSecret: 'y'.repeat(64) }, /secret does not belong/],
    [
      'an Ed25519 key of another account (-1022)',
      { ...accountOf(ed25519).credentials, apiKey: HMAC.apiKey },
      /secret does not belong/,
    ],
  ])('reports that the venue refuses %s, and asks only once', async (_name, credentials, message) => {
    const { check, paths } = await set();
    await expect(check(credentials)).rejects.toMatchObject({
      code: 'BROKER_AUTHENTICATION_FAILED',
      message: expect.stringMatching(message) as unknown,
    });
    expect(paths()).toEqual([ACCOUNT]);
  });

  it('reports that the venue refuses a key without permission to read the account (-1002)', async () => {
    const { check, venue } = await set();
    venue.faults.rest.nextStatus(401, { body: '{"code":-1002,"msg":"You are not authorized."}' });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
  });

  it.each([3_600_000, -3_600_000])(
    "corrects a clock that is off by %i ms by the venue's clock, once (-1021)",
    async (aheadMs) => {
      const { check, paths, venue } = await set({ aheadMs });
      await check();
      expect(paths()).toEqual([ACCOUNT, TIME, ACCOUNT]);
      expect(venue.requests.map(({ status }) => status)).toEqual([400, 200, 200]);
    },
  );

  it('still distinguishes wrong credentials from right ones after the clock was off', async () => {
    const { check } = await set({ aheadMs: 3_600_000 });
    await expect(check({ ...HMAC, apiSecret: 'y'.repeat(64) })).rejects.toMatchObject({
      code: 'BROKER_AUTHENTICATION_FAILED',
    });
  });

  it('corrects its clock by a time in microseconds, too', async () => {
    const { check, asker, venue } = await set({ aheadMs: 3_600_000 });
    const micros = (asker.clock.now() + 3_600_000) * 1_000 + 345;
    venue.faults.rest.nextStatus(200, { path: TIME, body: JSON.stringify({ serverTime: micros }) });
    await check();
  });

  it('does not blame the credentials if the venue refuses its own time, and does not ask again and again', async () => {
    const { check, paths, venue } = await set();
    venue.faults.rest.nextStatus(400, { path: ACCOUNT, times: 9, body: '{"code":-1021,"msg":"Timestamp …"}' });
    await expect(check()).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: 'The venue of broker binance refuses the time of a request twice.',
    });
    expect(paths()).toEqual([ACCOUNT, TIME, ACCOUNT]);
  });

  it.each([
    [429, 7],
    [418, 120],
  ])('does not ask again before the venue allows it (%i)', async (status, retryAfterSeconds) => {
    const { check, paths, venue, asker } = await set();
    venue.faults.rest.nextStatus(status, { retryAfterSeconds });
    await expect(check()).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      details: { retryAfterMs: retryAfterSeconds * 1_000 },
    });
    expect(paths()).toEqual([ACCOUNT]);
    expect(logLines(asker.written).map(({ msg }) => msg)).toEqual(['venue wants no requests']);
  });

  it.each([429, 418])(
    'observes the pause that the answer to another check ordered, until it ends (%i)',
    async (status) => {
      const { check, paths, venue, asker } = await set();
      venue.faults.rest.nextStatus(status, { retryAfterSeconds: 7 });
      await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
      await asker.clock.advance(6_000);
      await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', details: { retryAfterMs: 1_000 } });
      expect(paths()).toEqual([ACCOUNT]);
      const elsewhere = stack.use(await StandInBinance.start({ now: () => asker.clock.now() }));
      await asker.check(elsewhere.restUrl, HMAC);
      await asker.clock.advance(1_000);
      await check();
      expect(paths()).toEqual([ACCOUNT, ACCOUNT]);
    },
  );

  it('observes the limit that all checks of a minute use up together, whichever credentials they were for', async () => {
    const { check, asker, venue } = await set();
    // Each check weighs 20; the venue allows 6000 in a minute, of which clients may use 60 %.
    for (let count = 0; count < 180; count += 1) await check();
    await expect(check({ ...HMAC, apiKey: 'x'.repeat(64) })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { retryAfterMs: 60_000 },
    });
    expect(venue.requests).toHaveLength(180);
    await asker.clock.advance(60_000);
    await check();
  });

  it('shares pauses with the broker, in both directions, if its market data comes from the same host', async () => {
    const { check, paths, venue, asker } = await set();
    const { clock, random, hosts, metrics } = asker;
    const rest = stack.use(
      new BinanceRest({
        brokerId: 'binance',
        restUrl: venue.restUrl,
        queue: hosts.requests(venue.restUrl),
        trades: 'individual',
        clock,
        random,
        logger: silentLogger(),
        metrics,
      }),
    );
    venue.faults.rest.nextStatus(418, { retryAfterSeconds: 120 });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    const snapshot = rest.fetchDepth('BTCUSDT', 100);
    await clock.advance(119_999);
    expect(rest.pausedUntilMs).toBe(120_000);
    expect(paths()).toEqual([ACCOUNT]);
    await clock.advance(1);
    expect(await snapshot).toHaveProperty('lastUpdateId');
    venue.faults.rest.nextStatus(429, { retryAfterSeconds: 7 });
    await expect(rest.fetchTick('BTCUSDT')).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', details: { retryAfterMs: 7_000 } });
    expect(paths()).toEqual([ACCOUNT, '/api/v3/depth', '/api/v3/ticker/bookTicker']);
  });

  it('tolerates a short fault of the venue’s server', async () => {
    const { check, paths, venue, asker } = await set();
    venue.faults.rest.nextStatus(503, { times: 2 });
    await asker.settle(check());
    expect(paths()).toEqual([ACCOUNT, ACCOUNT, ACCOUNT]);
  });

  it('reports a venue as unavailable if its server has a lasting fault', async () => {
    const { check, venue, asker } = await set();
    venue.faults.rest.nextStatus(500, { times: 9 });
    await expect(asker.settle(check())).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: "Broker binance got a fault of the venue's server (HTTP 500).",
    });
  });

  it('reports a venue as unavailable if it cannot be reached', async () => {
    const { check, venue, asker } = await set();
    venue.faults.refuseConnections = true;
    await expect(asker.settle(check())).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: "Broker binance can't reach its venue.",
    });
  });

  it.each([
    ['text that is not JSON', 200, 'certainly', 'Broker binance got an invalid answer.', 1],
    ['JSON that is not an account', 200, '{"accountType":7}', "The venue's answer to broker binance is invalid.", 1],
    [
      'an error that claims success',
      200,
      '{"code":-2015,"msg":"…"}',
      "The venue's answer to broker binance is invalid.",
      1,
    ],
    ['a refusal without a code', 401, '{"error":"no"}', 'The venue refused a request of broker binance (HTTP 401).', 0],
    [
      'a refusal of another kind',
      400,
      '{"code":-1104,"msg":"…"}',
      'The venue refused a request of broker binance (HTTP 400, code -1104).',
      0,
    ],
  ])('does not blame the credentials for %s', async (_name, status, body, message, invalid) => {
    const { check, venue, asker } = await set();
    venue.faults.rest.nextStatus(status, { body });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', message });
    expect(await asker.invalidMessages()).toBe(invalid);
  });

  it('does not blame the credentials for the page of a firewall', async () => {
    const { check, venue } = await set();
    venue.faults.rest.nextStatus(401, { html: true });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });

  it('does not blame the credentials if the host has no accounts', async () => {
    const { check } = await set({ rest: { marketDataOnly: true } });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });

  it("passes none of the venue's own words to a client or to the log", async () => {
    const { check, venue, asker } = await set();
    venue.faults.rest.nextStatus(401, { body: `{"code":-2015,"msg":"RAW ${HMAC.apiKey}"}` });
    venue.faults.rest.nextStatus(200, { body: `{"canTrade":"RAW ${HMAC.apiSecret}"}` });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
    await expect(check()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    expect(asker.written).not.toContain('RAW');
  });

  it.each([
    ['no key', { ...HMAC, apiKey: '' }, /^apiKey: /],
    ['a key with a line feed', { ...HMAC, apiKey: 'key\nHost: x' }, /^apiKey: /],
    ['a key that is not ASCII', { ...HMAC, apiKey: 'ключ' }, /^apiKey: /],
    ['too long a key', { ...HMAC, apiKey: 'k'.repeat(513) }, /^apiKey: /],
    ['no secret', { ...HMAC, apiSecret: '' }, /^apiSecret: /],
    ['a secret with a blank', { ...HMAC, apiSecret: 'se cret' }, /^apiSecret: /],
    ['a broken private key', { ...HMAC, apiSecret: '-----BEGIN PRIVATE KEY-----\nAAAA\n' }, /^apiSecret: /],
  ])('does not send the venue %s', async (_name, credentials, message) => {
    const asker = new Asker();
    const venue = stack.use(await StandInBinance.start());
    await expect(asker.check(venue.restUrl, credentials)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(message) as unknown,
    });
    expect(venue.requests).toEqual([]);
    for (const secret of secretsOf(credentials)) expect(asker.written).not.toContain(secret);
  });

  it('ends with the reason of its signal, and leaves neither connection nor timer', async () => {
    const server = stack.use(await ScriptedServer.start(() => null));
    const asker = new Asker();
    const controller = new AbortController();
    const checked = asker.check(server.url, HMAC, controller.signal);
    const rejected = expect(checked).rejects.toThrow('enough');
    await waitFor(() => server.requests.length === 1);
    controller.abort(new Error('enough'));
    await rejected;
    await waitFor(() => server.openConnections === 0 && asker.clock.pending === 0, 'nothing to be left');
  });

  it('keeps no connection once it has its answer', async () => {
    const server = stack.use(await ScriptedServer.start(() => ({ body: { canTrade: false, accountType: 'SPOT' } })));
    await new Asker().check(server.url, HMAC);
    // This is sooner than a server closes an idle connection by itself.
    await waitFor(() => server.openConnections === 0, 'the connection to close', 2_000);
    expect(server.connections).toBe(1);
  });
});

it('brokers of one gateway that use the same host observe one pause together', async () => {
  const venue = stack.use(await StandInBinance.start());
  const brokers = { one: standInBroker(venue), two: standInBroker(venue) };
  const gateway = stack.use(await startGateway({ config: { brokers } }));
  await waitFor(() => venue.requests.filter(({ status }) => status === 200).length === 2, 'what each broker lists');
  const client = stack.use(await RawClient.connect(gateway.urls.raw));
  const authenticate = (broker: string): Promise<unknown> =>
    client.ask({ action: 'authenticate', broker, credentials: HMAC });
  venue.faults.rest.nextStatus(418, { retryAfterSeconds: 120 });
  const answers = [await authenticate('one'), await authenticate('two')];
  for (const answer of answers) {
    expect(answer).toMatchObject({ code: 'BROKER_UNAVAILABLE', retryable: true });
    expect(answer).toHaveProperty('retryAfterMs', expect.closeTo(120_000, -4));
  }
  expect(venue.requests.filter(({ path }) => path === ACCOUNT)).toHaveLength(1);
});

describe('accountHost', () => {
  it.each([
    ['https://data-api.binance.vision', 'https://api.binance.com'],
    ['https://DATA-API.binance.vision:443/', 'https://api.binance.com'],
    ['https://api.binance.com', 'https://api.binance.com'],
    ['https://testnet.binance.vision', 'https://testnet.binance.vision'],
    ['https://data-api.binance.vision.example', 'https://data-api.binance.vision.example'],
    ['http://127.0.0.1:8080/data-api.binance.vision', 'http://127.0.0.1:8080/data-api.binance.vision'],
  ])('of %s is %s', (restUrl, host) => {
    expect(accountHost(restUrl)).toBe(host);
  });
});
