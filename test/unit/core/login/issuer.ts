import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT, exportJWK } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import type { JwtSettings } from '../../../../src/core/login/JwtVerifier.ts';
import { FakeClock } from '../../../support/FakeClock.ts';

export const SECRET = 'a-secret-of-thirty-two-characters-or-more';
export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'tickgraph';

/** The time at which a FakeClock starts, in seconds. */
export const NOW = Math.floor(new FakeClock().now() / 1_000);

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export const RSA: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
export const EC: KeyPair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

export function pemOf({ publicKey }: KeyPair): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

export async function jwkOf({ publicKey }: KeyPair, kid: string): Promise<JWK> {
  return { ...(await exportJWK(publicKey)), kid };
}

export function settings(given: Partial<JwtSettings>): JwtSettings {
  return {
    jwksUrl: null,
    secret: null,
    publicKey: null,
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: null,
    ...given,
  };
}

/** Valid claims; undefined leaves one out. */
export function claims(changes: Readonly<Record<string, unknown>> = {}): JWTPayload {
  const all = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: NOW + 600, roles: ['admin'], ...changes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

interface Signing {
  readonly alg?: string;
  readonly key?: KeyObject | Uint8Array;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A signed token, by default with HS256 and `SECRET`. */
export function sign(payload: JWTPayload = claims(), { alg = 'HS256', key, header }: Signing = {}): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, ...header }).sign(key ?? Buffer.from(SECRET));
}

/** A token assembled by hand, with any signature. */
export function forge(header: unknown, payload: unknown, signature = ''): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(payload)}.${signature}`;
}
