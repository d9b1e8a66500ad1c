import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Random } from '../../shared/random.ts';
import { ReplyReader, RestClient } from '../../transport/RestClient.ts';
import type { RestReply } from '../../transport/RestClient.ts';
import { banMs } from './banText.ts';
import type { BinanceHosts } from './BinanceHosts.ts';
import { BinanceErrorBody, ServerTime } from './restReplies.ts';
import { timeRequest } from './restRequests.ts';
import type { BinanceRequest } from './restRequests.ts';
import { createHmac, createPrivateKey, createSecretKey, sign } from 'node:crypto';

/** An API key and its secret. */
export interface BinanceCredentials {
  readonly apiKey: string;
  /** An HMAC secret, or an Ed25519 or RSA private key as PEM. */
  readonly apiSecret: string;
}

export interface CheckBinanceOptions {
  /** The host that the broker asks for market data; see `accountHost`. */
  readonly restUrl: string;
  readonly hosts: BinanceHosts;
  readonly brokerId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * The account as the venue describes it to the holder of its key. Only the fact that it answers matters here. A part of
 * it:
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints#account-information-user_data
 *
 *     {"makerCommission":15,"canTrade":true,"updateTime":123456789,"accountType":"SPOT","balances":[],
 *      "permissions":["SPOT"],"uid":354937868}
 */
const Account = z.object({ canTrade: z.boolean(), accountType: z.string() });

/**
 * The characters that a header may have: no white space, nothing invisible. The venue's own have 64 letters and digits.
 */
const API_KEY = /^[!-~]{1,512}$/;
const RECV_WINDOW_MS = 5_000;
const MAX_BODY_BYTES = 1_048_576;
/** The stamp of a request is too old, or ahead of the venue's clock. */
const WRONG_TIME = -1021;

/**
 * The codes that mean a fault of the credentials, with a sentence for the client. Asking again would bring the same.
 */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [-1002, 'The venue does not let this API key read its account.'],
  [-1022, 'The venue refuses the signature: this secret does not belong to this API key.'],
  [-2014, 'The venue refuses the form of this API key.'],
  [
    -2015,
    "The venue refuses this API key: it is unknown there, not allowed from the gateway's address, or may not read its account.",
  ],
]);

/**
 * Asks the venue, by a signed request, for the account that the key belongs to. Resolves if it answers with one.
 * Rejects with BAD_REQUEST for what can't be credentials, BROKER_AUTHENTICATION_FAILED for those that the venue
 * refuses, BROKER_UNAVAILABLE or RATE_LIMITED if it can't be asked just now or its answer is invalid, and with the
 * signal's reason.
 */
export async function checkBinanceCredentials(
  credentials: BinanceCredentials,
  options: CheckBinanceOptions,
  signal: AbortSignal,
): Promise<void> {
  const { restUrl, hosts, brokerId, clock, random, logger, metrics } = options;
  const { apiKey, key } = parseCredentials(credentials);
  const baseUrl = accountHost(restUrl);
  await using client = new RestClient({
    name: brokerId,
    baseUrl,
    queue: hosts.requests(baseUrl),
    usedWeightHeader: 'x-mbx-used-weight-1m',
    askedPauseMs: (body) => banMs(body, clock.now()),
    headers: () => ({ 'x-mbx-apikey': apiKey }),
    maxBodyBytes: MAX_BODY_BYTES,
    clock,
    random,
    logger,
    metrics,
  });
  const ask = (request: BinanceRequest): Promise<RestReply> => client.get({ ...request, patience: 'fail', signal });
  let reply = await ask(accountRequest(clock.now(), key));
  if (refusalCode(reply) === WRONG_TIME) {
    const { serverTime } = read(ServerTime, await ask(timeRequest()), options);
    reply = await ask(accountRequest(serverTime, key));
  }
  read(Account, reply, options);
}

/** The host to ask for an account: the default host for market data has none, so that one is replaced. */
export function accountHost(restUrl: string): string {
  return URL.parse(restUrl)?.hostname === 'data-api.binance.vision' ? 'https://api.binance.com' : restUrl;
}

function parseCredentials({ apiKey, apiSecret }: BinanceCredentials): { apiKey: string; key: KeyObject } {
  if (!API_KEY.test(apiKey)) {
    throw new GatewayError('BAD_REQUEST', 'apiKey: expected 1 to 512 visible ASCII characters without white space.');
  }
  const key = toSigningKey(apiSecret);
  if (key !== null) return { apiKey, key };
  throw new GatewayError(
    'BAD_REQUEST',
    'apiSecret: expected an HMAC secret (1 to 512 visible ASCII characters without white space) or an Ed25519 or RSA private key (PEM, without a passphrase; RSA of 2048 to 4096 bits).',
  );
}

function accountRequest(venueMs: number, key: KeyObject): BinanceRequest {
  // The venue's time may have a fraction, which this parameter must not have.
  const timestamp = Math.trunc(venueMs);
  const query = signQuery({ omitZeroBalances: 'true', recvWindow: RECV_WINDOW_MS, timestamp }, key);
  return { path: `/api/v3/account?${query}`, weight: 20 };
}

function refusalCode({ status, body }: RestReply): number | null {
  return status < 300 ? null : (BinanceErrorBody.safeParse(body).data?.code ?? null);
}

/** The validated body of a reply. Throws if it is a refusal; the error has nothing of the venue's own text. */
function read<Schema extends z.ZodType>(
  schema: Schema,
  reply: RestReply,
  { brokerId, metrics }: CheckBinanceOptions,
): z.infer<Schema> {
  if (reply.status >= 300) throw refused(reply, brokerId);
  return new ReplyReader({ name: brokerId, metrics }).read(schema, reply.body);
}

function refused(reply: RestReply, brokerId: string): GatewayError {
  const code = refusalCode(reply);
  const fault = code === null ? undefined : REFUSALS.get(code);
  if (fault !== undefined) return new GatewayError('BROKER_AUTHENTICATION_FAILED', fault);
  if (code === WRONG_TIME) {
    return new GatewayError(
      'BROKER_UNAVAILABLE',
      `The venue of broker ${brokerId} refuses the time of a request twice.`,
    );
  }
  const what = code === null ? `HTTP ${reply.status}` : `HTTP ${reply.status}, code ${code}`;
  return new GatewayError('BROKER_UNAVAILABLE', `The venue refused a request of broker ${brokerId} (${what}).`);
}

/** The venue shows the secret of an HMAC key once; its own secrets have 64 letters and digits. */
const HMAC_SECRET = /^[!-~]{1,512}$/;
/** The PEM of an Ed25519 key has some 120 characters, the longest of an RSA key some 3300. */
const LONGEST_PEM = 4_096;
/** The venue accepts no other keys; the cost of signing grows with the cube of the length. */
const RSA_BITS = { least: 2_048, most: 4_096 };

/**
 * The signing key that a client's secret stands for: an HMAC secret, or an Ed25519 or RSA private key as PEM (which has
 * white space in it, as no HMAC secret has). Null if it is none of these.
 */
export function toSigningKey(secret: string): KeyObject | null {
  if (HMAC_SECRET.test(secret)) return createSecretKey(secret, 'utf8');
  return secret.length <= LONGEST_PEM ? privateKey(secret.trim()) : null;
}

/**
 * The signature in the form that the venue asks for, not yet encoded for a URL: HMAC-SHA256 in lower-case hex; Ed25519,
 * or RSASSA-PKCS1-v1_5 with SHA-256, in base64.
 */
export function signatureOf(payload: string, key: KeyObject): string {
  if (key.type === 'secret') return createHmac('sha256', key).update(payload).digest('hex');
  const digest = key.asymmetricKeyType === 'rsa' ? 'sha256' : null;
  return sign(digest, Buffer.from(payload), key).toString('base64');
}

/**
 * A query with its signature. What is signed are the bytes that are sent: values are encoded first, the order stays,
 * and the signature comes last.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
 */
export function signQuery(parameters: Readonly<Record<string, string | number>>, key: KeyObject): string {
  const payload = Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return `${payload}&signature=${encodeURIComponent(signatureOf(payload, key))}`;
}

/** Null if it is no private key, one of another kind, or one with a passphrase. */
function privateKey(pem: string): KeyObject | null {
  try {
    const key = createPrivateKey(pem);
    if (!isSupported(key)) return null;
    // Only signing reveals an RSA key whose numbers don't belong together.
    signatureOf('', key);
    return key;
  } catch {
    return null;
  }
}

function isSupported({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return (
    asymmetricKeyType === 'ed25519' || (asymmetricKeyType === 'rsa' && bits >= RSA_BITS.least && bits <= RSA_BITS.most)
  );
}
