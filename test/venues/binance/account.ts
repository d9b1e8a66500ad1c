import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import type { RestRequest, RestWorld } from './restEndpoints.ts';
import { RestError } from './restParams.ts';
import { inUnit, parameterToMs } from './time.ts';

/** A key that the stand-in accepts: an HMAC secret, or the public half of an Ed25519 or RSA pair as PEM. */
export type StandInAccount = { readonly apiKey: string } & (
  { readonly secret: string } | { readonly publicKey: string }
);

/** An invented account, known from the start unless options say otherwise. It opens nothing anywhere else. */
export const DEFAULT_ACCOUNT = {
  apiKey: 'StandInKey'.padEnd(64, '0'),
  secret: 'StandInSecret'.padEnd(64, '0'),
} as const satisfies StandInAccount;

const MAX_RECV_WINDOW_MS = 60_000;

/** `GET /api/v3/account`: checks key, time and signature in the venue's order. Throws a RestError. */
export function answerAccount(request: RestRequest, world: RestWorld): string {
  const { params, apiKey } = request;
  if (apiKey === null || !/^[A-Za-z0-9]{64}$/.test(apiKey)) throw new RestError(401, -2014, 'API-key format invalid.');
  params.text('omitZeroBalances');
  const recvWindowMs = readRecvWindow(params.text('recvWindow'));
  const timestamp = params.required('timestamp');
  const signature = params.required('signature');
  params.end();
  const account = world.accounts.find((known) => known.apiKey === apiKey);
  if (account === undefined) throw new RestError(401, -2015, 'Invalid API-key, IP, or permissions for action.');
  checkTime(timestamp, recvWindowMs, world.now());
  if (!isSigned(request.rawQuery, signature, account)) {
    throw new RestError(400, -1022, 'Signature for this request is not valid.');
  }
  return JSON.stringify({
    makerCommission: 10,
    takerCommission: 10,
    canTrade: false,
    canWithdraw: false,
    canDeposit: false,
    updateTime: inUnit(world.now(), request.unit),
    accountType: 'SPOT',
    balances: [],
    permissions: ['SPOT'],
    uid: 354_937_868,
  });
}

function readRecvWindow(text: string | null): number {
  if (text === null) return 5000;
  if (!/^\d+(?:\.\d{1,3})?$/.test(text)) {
    throw new RestError(400, -1100, "Illegal characters found in parameter 'recvWindow'.");
  }
  if (Number(text) > MAX_RECV_WINDOW_MS) throw new RestError(400, -1131, "'recvWindow' must be less than 60000.");
  return Number(text);
}

function checkTime(text: string, recvWindowMs: number, now: number): void {
  if (!/^\d{1,20}$/.test(text)) throw new RestError(400, -1100, "Illegal characters found in parameter 'timestamp'.");
  const timestamp = parameterToMs(Number(text));
  if (timestamp >= now + 1000) {
    throw new RestError(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");
  }
  if (now - timestamp > recvWindowMs) {
    throw new RestError(400, -1021, 'Timestamp for this request is outside of the recvWindow.');
  }
}

/** The signed text is the bytes of the query up to its signature, which has to come last. */
function isSigned(rawQuery: string, signature: string, account: StandInAccount): boolean {
  const match = /^(.*)&signature=[^&]*$/.exec(rawQuery);
  const payload = match?.[1];
  if (payload === undefined) return false;
  if ('secret' in account) return isHmac(payload, signature, account.secret);
  const key = createPublicKey(account.publicKey);
  const digest = key.asymmetricKeyType === 'rsa' ? 'sha256' : null;
  return verify(digest, Buffer.from(payload), key, Buffer.from(signature, 'base64'));
}

function isHmac(payload: string, signature: string, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(payload).digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
