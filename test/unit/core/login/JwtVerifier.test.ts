import { createHmac, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { JwtVerifier } from '../../../../src/core/login/JwtVerifier.ts';
import type { JwtSettings, JwtVerdict } from '../../../../src/core/login/JwtVerifier.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { AUDIENCE, EC, ISSUER, NOW, RSA, SECRET, claims, forge, pemOf, settings, sign } from './issuer.ts';

function verify(token: string, given: Partial<JwtSettings>, clock = new FakeClock()): Promise<JwtVerdict> {
  return new JwtVerifier({ settings: settings(given), clock, logger: silentLogger() }).verify(token);
}

const bySecret = { secret: SECRET };
const byRsa = { publicKey: pemOf(RSA) };
const rsaSigned = (payload = claims(), header = {}): Promise<string> =>
  sign(payload, { alg: 'RS256', key: RSA.privateKey, header });

/** Signs exactly these bytes, so that the forged parts have a valid signature. */
function hmac(unsigned: string, key: string): string {
  const signed = unsigned.split('.').slice(0, 2).join('.');
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

describe('a token of the issuer', () => {
  it.each<[string, Partial<JwtSettings>, () => Promise<string>]>([
    ['a shared secret', bySecret, () => sign()],
    ['an RSA key', byRsa, () => rsaSigned()],
    ['an elliptic curve', { publicKey: pemOf(EC) }, () => sign(claims(), { alg: 'ES256', key: EC.privateKey })],
    ['one audience of several', { ...bySecret, audience: ['other', AUDIENCE] }, () => sign()],
    ['an audience in a list', bySecret, () => sign(claims({ aud: ['x', AUDIENCE] }))],
  ])('is accepted: %s', async (_name, given, token) => {
    expect(await verify(await token(), given)).toEqual({
      kind: 'accepted',
      principal: { kind: 'jwt', issuer: ISSUER, subject: 'alice', roles: ['admin'], expiresAtMs: (NOW + 600) * 1_000 },
    });
  });

  it.each([
    ['none', undefined, []],
    ['text', 'admin', []],
    ['a map', { admin: true }, []],
    ['names among other things', ['admin', 1, null, ['x']], ['admin']],
  ])('gives roles only if the claim is a list of names: %s', async (_name, roles, expected) => {
    expect(await verify(await sign(claims({ roles })), bySecret)).toMatchObject({ principal: { roles: expected } });
  });

  it('has no issuer if none is required and it names none', async () => {
    const token = await sign(claims({ iss: undefined }));
    expect(await verify(token, { ...bySecret, issuer: null })).toMatchObject({ principal: { issuer: null } });
  });
});

describe('an attack is refused', () => {
  const header = { alg: 'HS256' };
  it.each<[string, string, Partial<JwtSettings>, string | Promise<string>]>([
    ['alg none', 'ERR_JOSE_ALG_NOT_ALLOWED', bySecret, forge({ alg: 'none' }, claims())],
    ['alg NONE', 'ERR_JOSE_ALG_NOT_ALLOWED', byRsa, forge({ alg: 'NoNe' }, claims())],
    ['no alg', 'ERR_JWS_INVALID', bySecret, hmac(forge({}, claims()), SECRET)],
    ['HS256 keyed with the public key', 'ERR_JOSE_ALG_NOT_ALLOWED', byRsa, hmac(forge(header, claims()), pemOf(RSA))],
    ['an algorithm not configured', 'ERR_JOSE_ALG_NOT_ALLOWED', bySecret, sign(claims(), { alg: 'HS512' })],
    [
      'an algorithm of the key, not configured',
      'ERR_JOSE_ALG_NOT_ALLOWED',
      byRsa,
      sign(claims(), { alg: 'PS256', key: RSA.privateKey }),
    ],
    [
      'another secret',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      bySecret,
      sign(claims(), { key: Buffer.from(SECRET.toUpperCase()) }),
    ],
    [
      'a key of its own in the header',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      byRsa,
      sign(claims(), {
        alg: 'RS256',
        key: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
        header: { jwk: EC.publicKey.export({ format: 'jwk' }), jku: 'https://evil.example/keys' },
      }),
    ],
    ['no signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', byRsa, forge({ alg: 'RS256' }, claims())],
    [
      'an extension it does not know',
      'ERR_JOSE_NOT_SUPPORTED',
      bySecret,
      hmac(forge({ ...header, crit: ['x'], x: 1 }, claims()), SECRET),
    ],
    [
      'another issuer',
      'claim iss has another value than configured',
      bySecret,
      sign(claims({ iss: 'https://evil.example' })),
    ],
    ['no issuer', 'claim iss is missing', bySecret, sign(claims({ iss: undefined }))],
    ['another audience', 'claim aud has another value than configured', bySecret, sign(claims({ aud: 'another' }))],
    ['no audience', 'claim aud is missing', bySecret, sign(claims({ aud: undefined }))],
    ['no end', 'claim exp is missing', bySecret, sign(claims({ exp: undefined }))],
    ['an end that is text', 'claim exp is malformed', bySecret, hmac(forge(header, { ...claims(), exp: '9' }), SECRET)],
    [
      'an end beyond all time',
      'claim exp is beyond all time',
      bySecret,
      hmac(forge(header, { ...claims(), exp: 1e300 }), SECRET),
    ],
    ['no subject', 'claim sub is missing', bySecret, sign(claims({ sub: undefined }))],
    ['an empty subject', 'claim sub is empty or no text', bySecret, sign(claims({ sub: '' }))],
    [
      'a subject that is no text',
      'claim sub is empty or no text',
      bySecret,
      hmac(forge(header, { ...claims(), sub: 1 }), SECRET),
    ],
    ['expired', 'ERR_JWT_EXPIRED', bySecret, sign(claims({ exp: NOW - 30 }))],
    ['not yet valid', 'claim nbf: the token is not valid yet', bySecret, sign(claims({ nbf: NOW + 31 }))],
    ['over 8 KiB', 'too long', bySecret, sign(claims({ pad: 'x'.repeat(8_192) }))],
    ['claims that are no map', 'ERR_JWT_INVALID', bySecret, hmac(forge(header, ['x']), SECRET)],
    ['claims that are no JSON', 'ERR_JWT_INVALID', bySecret, hmac(`${forge(header, 1).split('.')[0]}.eHh4.`, SECRET)],
    ['two tokens', 'ERR_JWS_INVALID', bySecret, 'a.b.c, Basic d'],
    ['nothing', 'ERR_JWS_INVALID', bySecret, ''],
  ])('%s (%s)', async (_name, reason, given, token) => {
    // Claims are read only if the signature is the issuer's.
    const isSigned = reason.startsWith('claim ') || reason === 'ERR_JWT_EXPIRED';
    expect(await verify(await token, given)).toEqual({ kind: isSigned ? 'unsuitable' : 'refused', reason });
  });

  it('a kid only ever selects a key of the set, never a file', async () => {
    const token = hmac(forge({ ...header, kid: '../../../../dev/null' }, claims()), '');
    expect(await verify(token, bySecret)).toMatchObject({ kind: 'refused' });
  });
});

describe('an Ed25519 signature has two names (RFC 9864), and either may be configured', () => {
  const pair = generateKeyPairSync('ed25519');
  it.each([
    ['EdDSA', 'EdDSA'],
    ['EdDSA', 'Ed25519'],
    ['Ed25519', 'EdDSA'],
    ['Ed25519', 'Ed25519'],
  ])('%s is configured, the token says %s', async (configured, alg) => {
    const token = await sign(claims(), { alg, key: pair.privateKey });
    const given = { publicKey: pemOf(pair), algorithms: [configured] };
    expect(await verify(token, given)).toMatchObject({ kind: 'accepted' });
    expect(await verify(token, { ...given, publicKey: pemOf(RSA), algorithms: ['RS256'] })).toMatchObject({
      kind: 'refused',
    });
  });
});

describe('time', () => {
  it('is read from the given clock with a tolerance of 30 s at both ends, which the reported end does not include', async () => {
    const clock = new FakeClock();
    const token = await sign(claims({ nbf: NOW + 30, exp: NOW + 60 }));
    expect(await verify(token, bySecret, clock)).toMatchObject({ principal: { expiresAtMs: (NOW + 60) * 1_000 } });
    clock.jumpWall(89_999);
    expect(await verify(token, bySecret, clock)).toMatchObject({ kind: 'accepted' });
    clock.jumpWall(1);
    expect(await verify(token, bySecret, clock)).toEqual({ kind: 'unsuitable', reason: 'ERR_JWT_EXPIRED' });
  });
});
