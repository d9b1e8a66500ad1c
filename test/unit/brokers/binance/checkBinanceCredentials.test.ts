import { constants, createPrivateKey, generateKeyPairSync, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { signatureOf, signQuery, toSigningKey } from '../../../../src/brokers/binance/checkBinanceCredentials.ts';
import { hasRecordings, recordingJson } from '../../../support/recordings.ts';

const SignVectors = z.object({
  secretKey: z.string(),
  vectors: z.array(z.object({ use: z.string(), from: z.string(), payload: z.string(), signature: z.string() })),
});

function vectors(): z.infer<typeof SignVectors> {
  if (!hasRecordings) return { secretKey: '', vectors: [] };
  const { secretKey, vectors: all } = SignVectors.parse(recordingJson('binance/sign-vectors.json'));
  return { secretKey, vectors: all.filter(({ use }) => use.startsWith('REST ')) };
}

function keyOf(secret: string): KeyObject {
  const key = toSigningKey(secret);
  if (key === null) throw new Error('the test has no key to sign with');
  return key;
}

/** The name and the decoded value of each parameter, in order. */
function parametersOf(payload: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(payload));
}

const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
const pair = generateKeyPairSync('ed25519');
const PEM = pair.privateKey.export(pkcs8).toString();
const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const RSA_PEM = rsaPair.privateKey.export(pkcs8).toString();

/** RSA with another number in place of one of its own. */
function brokenRsa(part: 'n' | 'p', value: (own: Buffer) => Buffer): string {
  const jwk = rsaPair.privateKey.export({ format: 'jwk' });
  const broken = { ...jwk, [part]: value(Buffer.from(jwk[part] ?? '', 'base64url')).toString('base64url') };
  return createPrivateKey({ key: broken, format: 'jwk' }).export(pkcs8).toString();
}

describe.skipIf(!hasRecordings)("signing, by the venue's own examples", () => {
  it('has every REST example', () => {
    expect(vectors().vectors).toHaveLength(5);
  });

  it.each(vectors().vectors)('$use, $from: $payload', ({ payload, signature }) => {
    expect(signatureOf(payload, keyOf(vectors().secretKey))).toBe(signature);
  });

  // The one example that is no query, but a query and a body without anything between them, can't be built as one.
  const queries = vectors().vectors.filter(({ payload }) => !payload.includes('GTCquantity'));
  it.each(queries)('builds the very bytes of $payload, and puts the signature last', ({ payload, signature }) => {
    const { secretKey } = vectors();
    expect(signQuery(parametersOf(payload), keyOf(secretKey))).toBe(`${payload}&signature=${signature}`);
  });
});

describe.each([
  ['an Ed25519 key', PEM, pair.publicKey, null],
  ['an RSA key', RSA_PEM, { key: rsaPair.publicKey, padding: constants.RSA_PKCS1_PADDING }, 'sha256'],
])('signing with %s', (_name, pem, publicKey, digest) => {
  const isSignedByPair = (payload: string, signature: string): boolean =>
    verify(digest, Buffer.from(payload), publicKey, Buffer.from(signature, 'base64'));

  it('gives a signature that its public key verifies, over the bytes as they are sent', () => {
    const query = signQuery({ symbol: '１２３', note: 'a b&c=d+e', timestamp: 1_499_827_319_559 }, keyOf(pem));
    const [payload = '', signature = ''] = query.split('&signature=');
    expect(payload).toBe('symbol=%EF%BC%91%EF%BC%92%EF%BC%93&note=a%20b%26c%3Dd%2Be&timestamp=1499827319559');
    expect(isSignedByPair(payload, decodeURIComponent(signature))).toBe(true);
    expect(isSignedByPair(`${payload}0`, decodeURIComponent(signature))).toBe(false);
  });

  it('encodes whatever base64 has that means something in a URL', () => {
    const key = keyOf(pem);
    fc.assert(
      fc.property(fc.nat(), (timestamp) => {
        const [payload = '', signature = ''] = signQuery({ timestamp }, key).split('&signature=');
        expect(signature).toMatch(/^(?:[A-Za-z0-9]|%2B|%2F|%3D)+$/);
        expect(decodeURIComponent(signature)).toBe(signatureOf(payload, key));
      }),
    );
  });
});

describe('toSigningKey', () => {
  it.each([
    ['64 letters and digits, as the venue gives them', 'Aa0'.padEnd(64, '9'), 'secret'],
    ['one visible character', '!', 'secret'],
    ['an Ed25519 key', PEM, 'private'],
    ['an RSA key', RSA_PEM, 'private'],
    [
      'the longest RSA key',
      generateKeyPairSync('rsa', { modulusLength: 4_096 }).privateKey.export(pkcs8).toString(),
      'private',
    ],
    [
      'an Ed25519 key from a file of another system, with blank lines about it',
      `\n ${PEM.replaceAll('\n', '\r\n')}\n`,
      'private',
    ],
  ] as const)('takes %s', (_name, secret, type) => {
    expect(toSigningKey(secret)?.type).toBe(type);
  });

  it.each([
    ['nothing', ''],
    ['too long a secret', 'x'.repeat(513)],
    ['a secret with a blank in it', 'abc def'],
    ['a secret with a line feed after it', `${'x'.repeat(64)}\n`],
    ['letters that are not ASCII', 'ключ'],
    ['a PEM of nothing', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['half a PEM', PEM.slice(0, 60)],
    ['a public key', pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    [
      'a key that takes a passphrase',
      pair.privateKey.export({ ...pkcs8, cipher: 'aes-256-cbc', passphrase: 'p' }).toString(),
    ],
    [
      'an RSA key that is too short',
      generateKeyPairSync('rsa', { modulusLength: 2_047 }).privateKey.export(pkcs8).toString(),
    ],
    [
      'an RSA key that is too long',
      generateKeyPairSync('rsa', { modulusLength: 4_104 }).privateKey.export(pkcs8).toString(),
    ],
    [
      'an RSA key for another padding',
      generateKeyPairSync('rsa-pss', { modulusLength: 2_048 }).privateKey.export(pkcs8).toString(),
    ],
    ['an RSA key that can sign nothing', brokenRsa('p', () => Buffer.from([0]))],
    [
      'an RSA key of numbers that are none',
      brokenRsa('n', (n) => Buffer.concat([n.subarray(0, -1), Buffer.from([0])])),
    ],
    ['an EC key', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pkcs8).toString()],
    ['an X25519 key, which can sign nothing', generateKeyPairSync('x25519').privateKey.export(pkcs8).toString()],
    ['a PEM with too much about it', `${PEM}${'# \n'.repeat(2_000)}`],
  ])('refuses %s', (_name, secret) => {
    expect(toSigningKey(secret)).toBeNull();
  });
});
