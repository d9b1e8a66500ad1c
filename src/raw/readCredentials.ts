import type { BrokerCredentials } from '../market/credentials.ts';
import { GatewayError } from '../shared/errors.ts';
import type { ClientLogin } from './messages.ts';
import type { JsonObject } from './parseObject.ts';

const OF_BROKERS = ['apiKey', 'apiSecret', 'accountId', 'token'] as const;
const OF_LOGINS = ['token', 'apiKey', 'session'] as const;
const MAX_LENGTH = 8_192;

/** What a client gives a broker. Like its kin it throws BAD_REQUEST, and never shows what it found: that may be a secret. */
export function readBrokerCredentials(json: JsonObject): BrokerCredentials {
  const given = readMembers(json, OF_BROKERS, 'what the broker asks for');
  const [apiKey, apiSecret, accountId, token] = OF_BROKERS.map((name) => given.get(name) ?? null);
  return { apiKey: apiKey ?? null, apiSecret: apiSecret ?? null, accountId: accountId ?? null, token: token ?? null };
}

/** What a client logs in to the gateway itself with. */
export function readLogin(json: JsonObject): ClientLogin {
  const given = readMembers(json, OF_LOGINS, 'one');
  const [first, ...others] = given;
  if (first === undefined || others.length > 0) {
    throw bad(
      `credentials has ${[...given.keys()].join(' and ')}; expected one of ${OF_LOGINS.join(', ')} to log in with.`,
    );
  }
  const [name, value] = first;
  if (name === 'apiKey') return { kind: 'apiKey', apiKey: value };
  return name === 'token' ? { kind: 'token', token: value } : { kind: 'session', session: value };
}

function readMembers<Name extends string>(
  json: JsonObject,
  names: readonly Name[],
  needed: string,
): ReadonlyMap<Name, string> {
  const expected = `expected an object with ${needed} of ${names.join(', ')}`;
  const credentials = json.get('credentials');
  if (credentials === undefined) throw bad(`credentials is missing; ${expected}.`);
  if (!(credentials instanceof Map)) throw bad(`credentials is no object; ${expected}.`);
  if (credentials.size === 0) throw bad(`credentials is empty; ${expected}.`);
  const given = new Map<Name, string>();
  for (const [key, value] of credentials) {
    const name = names.find((candidate) => candidate === key);
    if (name === undefined)
      throw bad(`credentials has a member that means nothing here; expected only ${names.join(', ')}.`);
    if (typeof value !== 'string' || value === '' || value.length > MAX_LENGTH) {
      throw bad(`credentials.${name}: expected text of 1 to ${MAX_LENGTH} characters.`);
    }
    given.set(name, value);
  }
  return given;
}

function bad(message: string): GatewayError {
  return new GatewayError('BAD_REQUEST', message);
}
