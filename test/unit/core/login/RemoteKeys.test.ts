import { generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { JwtVerifier } from '../../../../src/core/login/JwtVerifier.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { KeyServer } from './KeyServer.ts';
import { EC, NOW, RSA, claims, jwkOf, settings, sign } from './issuer.ts';
import type { KeyPair } from './issuer.ts';

const MINUTE = 60_000;
const accepted = { kind: 'accepted' };
const unknownKey = { kind: 'refused', reason: 'ERR_JWKS_NO_MATCHING_KEY' };

const tryAgain = (retryAfterMs: number): object => ({ kind: 'unavailable', retryAfterMs });
const OTHER_RSA: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2_048 });

/** A key of a set in which keys have no names. */
async function nameless(pair: KeyPair): Promise<JWK> {
  const { kid: _kid, ...key } = await jwkOf(pair, '');
  return key;
}

function start(url: string, clock = new FakeClock()): { clock: FakeClock; verifier: JwtVerifier } {
  return { clock, verifier: new JwtVerifier({ settings: settings({ jwksUrl: url }), clock, logger: silentLogger() }) };
}

const byFirst = (kid = 'first'): Promise<string> =>
  sign(claims({ exp: NOW + 864_000 }), { alg: 'RS256', key: RSA.privateKey, header: { kid } });
const bySecond = (): Promise<string> =>
  sign(claims({ exp: NOW + 864_000 }), { alg: 'ES256', key: EC.privateKey, header: { kid: 'second' } });

describe('the key set of an issuer', () => {
  it('is fetched once for any number of logins, and again when it is ten minutes old', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { clock, verifier } = start(server.url);
    const token = await byFirst();
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)));
    expect(verdicts.every(({ kind }) => kind === 'accepted')).toBe(true);
    await clock.advance(10 * MINUTE - 1);
    expect(await verifier.verify(token)).toMatchObject(accepted);
    expect(server.fetches).toBe(1);
    await clock.advance(1);
    expect(await verifier.verify(token)).toMatchObject(accepted);
    expect(server.fetches).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it('is refreshed when the issuer rotates keys, and a withdrawn key stops working with the next fetch', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { clock, verifier } = start(server.url);
    expect(await verifier.verify(await byFirst())).toMatchObject(accepted);
    server.keys = [await jwkOf(EC, 'second')];
    await clock.advance(30_000);
    expect(await verifier.verify(await bySecond())).toMatchObject(accepted);
    expect(await verifier.verify(await byFirst())).toEqual(tryAgain(30_000));
    expect(server.fetches).toBe(2);
    await clock.advance(30_000);
    expect(await verifier.verify(await byFirst())).toEqual(unknownKey);
  });

  it('may have got new keys since it was fetched: until it can be fetched again, their tokens are neither accepted nor refused', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { clock, verifier } = start(server.url);
    expect(await verifier.verify(await byFirst())).toMatchObject(accepted);
    server.keys = [await jwkOf(RSA, 'first'), await jwkOf(EC, 'second')];
    await clock.advance(1_000);
    expect(await verifier.verify(await bySecond())).toEqual(tryAgain(29_000));
    expect(await verifier.verify(await byFirst())).toMatchObject(accepted);
    await clock.advance(29_000);
    expect(await verifier.verify(await bySecond())).toMatchObject(accepted);
  });

  it('is fetched again for a token that names no key and fits none, because the issuer may have rotated its only key', async () => {
    await using server = await KeyServer.start(await nameless(RSA));
    const { clock, verifier } = start(server.url);
    const token = await sign(claims({ exp: NOW + 864_000 }), { alg: 'RS256', key: OTHER_RSA.privateKey });
    expect(await verifier.verify(token)).toEqual({ kind: 'refused', reason: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
    server.keys = [await nameless(OTHER_RSA)];
    await clock.advance(30_000);
    expect(await verifier.verify(token)).toMatchObject(accepted);
  });

  const named = (pair: KeyPair): Promise<JWK> => jwkOf(pair, pair === RSA ? 'a' : 'b');
  it.each([
    ['whose keys have no names', nameless, {}],
    ['whose tokens name no key', named, {}],
    ['whose tokens alone name one', nameless, { kid: 'a' }],
  ])(
    'may have got another key that nothing names, so tokens are not refused before it can be fetched again: of an issuer %s',
    async (_name, keyOf, header) => {
      await using server = await KeyServer.start(await keyOf(RSA));
      const { clock, verifier } = start(server.url);
      const by = ({ privateKey }: KeyPair): Promise<string> =>
        sign(claims({ exp: NOW + 864_000 }), { alg: 'RS256', key: privateKey, header });
      expect(await verifier.verify(await by(RSA))).toMatchObject(accepted);
      server.keys = [await keyOf(OTHER_RSA)];
      await clock.advance(1_000);
      expect(await verifier.verify(await by(OTHER_RSA))).toEqual(tryAgain(29_000));
      expect(await verifier.verify(await by(RSA))).toMatchObject(accepted);
      await clock.advance(29_000);
      expect(await verifier.verify(await by(OTHER_RSA))).toMatchObject(accepted);
      expect(server.fetches).toBe(2);
      await clock.advance(30_000);
      expect(await verifier.verify(await by(RSA))).toMatchObject({ kind: 'refused' });
    },
  );

  it('does not excuse a forged signature of a key that is known by name', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { verifier } = start(server.url);
    expect(await verifier.verify(await byFirst())).toMatchObject(accepted);
    const forged = await sign(claims(), { alg: 'RS256', key: OTHER_RSA.privateKey, header: { kid: 'first' } });
    expect(await verifier.verify(forged)).toEqual({
      kind: 'refused',
      reason: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    });
  });

  it('is fetched at most once in 30 s, whatever keys a storm of tokens asks for', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { clock, verifier } = start(server.url);
    await verifier.verify(await byFirst());
    const storm = await Promise.all(Array.from({ length: 100 }, (_, index) => byFirst(`../../unknown/${index}`)));
    for (const token of storm) expect(await verifier.verify(token)).toEqual(tryAgain(30_000));
    expect(server.fetches).toBe(1);
    await clock.advance(30_000);
    await Promise.all(storm.map((token) => verifier.verify(token)));
    expect(server.fetches).toBe(2);
    expect(await verifier.verify(await byFirst())).toMatchObject(accepted);
  });

  it('goes on working for a day if its server fails, and nobody waits for further fetches', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { clock, verifier } = start(server.url);
    const token = await byFirst();
    await verifier.verify(token);
    server.answer = { kind: 'status', status: 503 };
    await clock.advance(10 * MINUTE);
    expect(await verifier.verify(token)).toMatchObject(accepted);
    server.answer = { kind: 'none' };
    await clock.advance(MINUTE);
    expect(await verifier.verify(token)).toMatchObject(accepted); // though this fetch is never answered
    await waitFor(() => server.fetches === 3, 'the fetch in the background');
    await clock.advance(5_000);
    await waitFor(() => clock.pending === 0, 'the end of its patience');
    expect(await verifier.verify(await bySecond())).toEqual({ kind: 'unavailable', retryAfterMs: 25_000 });
    server.answer = { kind: 'status', status: 503 };
    await clock.advance(1_440 * MINUTE);
    expect(await verifier.verify(token)).toEqual({ kind: 'unavailable', retryAfterMs: 5_000 });
  });

  it('makes clients retry later if it could never be fetched, and is fetched then', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    server.answer = { kind: 'status', status: 500 };
    const { clock, verifier } = start(server.url);
    const token = await byFirst();
    expect(await verifier.verify(token)).toEqual({ kind: 'unavailable', retryAfterMs: 5_000 });
    await clock.advance(4_000);
    expect(await verifier.verify(token)).toEqual({ kind: 'unavailable', retryAfterMs: 1_000 });
    expect(server.fetches).toBe(1);
    server.answer = { kind: 'keys' };
    await clock.advance(1_000);
    expect(await verifier.verify(token)).toMatchObject(accepted);
  });

  it('is given up after 5 s', async () => {
    await using server = await KeyServer.start();
    server.answer = { kind: 'none' };
    const { clock, verifier } = start(server.url);
    const verdict = verifier.verify(await byFirst());
    await waitFor(() => server.fetches === 1, 'the fetch');
    await clock.advance(5_000);
    expect(await verdict).toMatchObject({ kind: 'unavailable' });
    expect(clock.pending).toBe(0);
  });

  it('leaves no fetch and no timer behind when it is closed', async () => {
    await using server = await KeyServer.start();
    server.answer = { kind: 'none' };
    const { clock, verifier } = start(server.url);
    const verdict = verifier.verify(await byFirst());
    await waitFor(() => server.fetches === 1, 'the fetch');
    verifier[Symbol.dispose]();
    expect(await verdict).toMatchObject({ kind: 'unavailable' });
    expect(clock.pending).toBe(0);
    await clock.advance(MINUTE);
    expect(await verifier.verify(await byFirst())).toMatchObject({ kind: 'unavailable' });
    expect(server.fetches).toBe(1);
  });

  it('is not accepted after a redirect, or if it is too long', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    server.answer = { kind: 'status', status: 302 };
    const { clock, verifier } = start(server.url);
    const token = await byFirst();
    expect(await verifier.verify(token)).toMatchObject({ kind: 'unavailable' });
    expect(server.fetches).toBe(1);
    server.answer = { kind: 'keys' };
    server.keys = [...server.keys, { kty: 'RSA', kid: 'x'.repeat(262_144) }];
    await clock.advance(5_000);
    expect(await verifier.verify(token)).toMatchObject({ kind: 'unavailable' });
    server.keys = server.keys.slice(0, 1);
    await clock.advance(5_000);
    expect(await verifier.verify(token)).toMatchObject(accepted);
  });

  it.each(['HS256', 'none'])('never verifies %s', async (alg) => {
    const oct = { kty: 'oct', kid: 'first', k: Buffer.from('x'.repeat(32)).toString('base64url') };
    await using server = await KeyServer.start(oct);
    const token = await sign(claims(), { key: Buffer.from('x'.repeat(32)), header: { kid: 'first' } });
    const given =
      alg === 'none' ? `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.` : token;
    const verdict = await start(server.url).verifier.verify(given);
    expect(verdict).toEqual({ kind: 'refused', reason: 'ERR_JOSE_ALG_NOT_ALLOWED' });
    expect(server.fetches).toBe(0);
  });

  it('rejects the signatures of a key that is too weak', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    await using server = await KeyServer.start(await jwkOf(weak, 'first'));
    const verdict = await start(server.url).verifier.verify(await byFirst());
    expect(verdict).toEqual({ kind: 'refused', reason: 'unusable key' });
  });
});

describe('naming the key is optional (RFC 7515, 4.1.4), so every key that fits is tried', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  const ED = generateKeyPairSync('ed25519');
  const unnamed = (pair: KeyPair, alg = 'RS256', more = {}): Promise<string> =>
    sign(claims(more), { alg, key: pair.privateKey });
  const named = (pair: KeyPair, kid: string): Promise<string> =>
    sign(claims(), { alg: 'RS256', key: pair.privateKey, header: { kid } });

  it.each<[string, () => Promise<readonly JWK[]>, () => Promise<string>, object]>([
    [
      'the first of two',
      async () => [await jwkOf(RSA, 'a'), await jwkOf(OTHER_RSA, 'b')],
      () => unnamed(RSA),
      accepted,
    ],
    [
      'the second',
      async () => [await jwkOf(RSA, 'a'), await jwkOf(OTHER_RSA, 'b')],
      () => unnamed(OTHER_RSA),
      accepted,
    ],
    [
      'two without names',
      async () => [await nameless(RSA), await nameless(OTHER_RSA)],
      () => unnamed(OTHER_RSA),
      accepted,
    ],
    [
      'two of one name',
      async () => [await jwkOf(RSA, 'a'), await jwkOf(OTHER_RSA, 'a')],
      () => named(OTHER_RSA, 'a'),
      accepted,
    ],
    ['a name in the token alone', async () => [await nameless(RSA)], () => named(RSA, 'a'), accepted],
    [
      'a name that only others have',
      async () => [await jwkOf(RSA, 'b'), await nameless(OTHER_RSA)],
      () => named(OTHER_RSA, 'a'),
      accepted,
    ],
    [
      'one that is too weak before it',
      async () => [await jwkOf(weak, 'a'), await jwkOf(RSA, 'b')],
      () => unnamed(RSA),
      accepted,
    ],
    [
      'another name of Ed25519',
      async () => [{ ...(await jwkOf(ED, 'a')), alg: 'EdDSA' }],
      () => unnamed(ED, 'Ed25519'),
      accepted,
    ],
    [
      'none',
      async () => [await jwkOf(OTHER_RSA, 'a'), await jwkOf(OTHER_RSA, 'b')],
      () => unnamed(RSA),
      { kind: 'refused' },
    ],
    [
      'the right one, too late',
      async () => [await jwkOf(OTHER_RSA, 'a'), await jwkOf(RSA, 'b')],
      () => unnamed(RSA, 'RS256', { exp: NOW - 60 }),
      { kind: 'unsuitable', reason: 'ERR_JWT_EXPIRED' },
    ],
  ])('%s', async (_name, keys, token, verdict) => {
    await using server = await KeyServer.start(...(await keys()));
    const given = settings({ jwksUrl: server.url, algorithms: ['RS256', 'EdDSA'] });
    const verifier = new JwtVerifier({ settings: given, clock: new FakeClock(), logger: silentLogger() });
    expect(await verifier.verify(await token())).toMatchObject(verdict);
  });

  it('but no more than 32, whatever the set holds', async () => {
    const keys = await Promise.all(Array.from({ length: 32 }, (_, index) => jwkOf(OTHER_RSA, String(index))));
    await using server = await KeyServer.start(...keys, await jwkOf(RSA, 'last'));
    expect(await start(server.url).verifier.verify(await unnamed(RSA))).toMatchObject({ kind: 'refused' });
    expect(await start(server.url).verifier.verify(await named(RSA, 'last'))).toMatchObject(accepted);
  });

  it('and a byte order mark before the set is skipped', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'a'));
    server.prefix = '\u{FEFF}';
    expect(await start(server.url).verifier.verify(await named(RSA, 'a'))).toMatchObject(accepted);
  });
});
