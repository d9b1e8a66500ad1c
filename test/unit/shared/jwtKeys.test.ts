import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  PUBLIC_KEY_ALGORITHMS,
  SECRET_ALGORITHMS,
  readPublicKey,
  usableAlgorithms,
} from '../../../src/shared/jwtKeys.ts';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const rsa = (modulusLength: number): Pair => generateKeyPairSync('rsa', { modulusLength });
const curve = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve });
const pemOf = ({ publicKey }: Pair): string => publicKey.export({ type: 'spki', format: 'pem' }).toString();
const fittingRsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

describe('readPublicKey', () => {
  it.each([
    ['RSA', rsa(2_048), fittingRsa],
    ['P-256', curve('prime256v1'), ['ES256']],
    ['P-384', curve('secp384r1'), ['ES384']],
    ['P-521', curve('secp521r1'), ['ES512']],
    ['Ed25519', generateKeyPairSync('ed25519'), ['EdDSA', 'Ed25519']],
  ])('knows the algorithms of a key of %s', (_name, pair, algorithms) => {
    expect(readPublicKey(pemOf(pair))?.algorithms).toEqual(algorithms);
  });

  const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
  it.each([
    ['nothing', ''],
    ['no PEM', '-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----'],
    ['a JWK', JSON.stringify(rsa(2_048).publicKey.export({ format: 'jwk' }))],
    ['an RSA key too short to be used', pemOf(rsa(1_024))],
    ['a curve that no algorithm has', pemOf(curve('secp256k1'))],
    ['a key that signs nothing', pemOf(generateKeyPairSync('x25519'))],
    ['a private key', rsa(2_048).privateKey.export(pkcs8).toString()],
    ['a private key among public ones', pemOf(rsa(2_048)) + curve('prime256v1').privateKey.export(pkcs8).toString()],
  ])('reads no key from %s', (_name, pem) => {
    expect(readPublicKey(pem)).toBeNull();
  });
});

describe('the algorithms of a key', () => {
  it.each<[string, readonly string[], readonly string[] | null, readonly string[]]>([
    ['a secret, as a rule', SECRET_ALGORITHMS, null, ['HS256']],
    ['a secret', SECRET_ALGORITHMS, ['HS512', 'RS256'], ['HS512']],
    ['RSA, as a rule', fittingRsa, null, ['RS256']],
    ['RSA', fittingRsa, ['PS512', 'ES256', 'HS256'], ['PS512']],
    ['a curve, as a rule', ['ES256'], null, ['ES256']],
    ['Ed25519, as a rule', ['EdDSA'], null, []],
    ['Ed25519 by its newer name', ['EdDSA', 'Ed25519'], ['Ed25519'], ['EdDSA', 'Ed25519']],
    ['Ed25519 by its older name', ['EdDSA', 'Ed25519'], ['ES256', 'EdDSA'], ['EdDSA', 'Ed25519']],
    ['a remote key, as a rule', PUBLIC_KEY_ALGORITHMS, null, ['RS256', 'ES256']],
    ['a remote key is never a shared secret', PUBLIC_KEY_ALGORITHMS, ['HS256', 'ES256'], ['ES256']],
  ])('are only those that are allowed and that fit it: %s', (_name, fitting, wanted, expected) => {
    expect(usableAlgorithms(fitting, wanted)).toEqual(expected);
  });
});
