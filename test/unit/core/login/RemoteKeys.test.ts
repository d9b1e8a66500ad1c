import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { JwtVerifier } from '../../../../src/core/login/JwtVerifier.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { KeyServer } from './KeyServer.ts';
import { EC, NOW, RSA, claims, jwkOf, settings, sign } from './issuer.ts';

const MINUTE = 60_000;
const accepted = { kind: 'accepted' };
const unknownKey = { kind: 'refused', reason: 'ERR_JWKS_NO_MATCHING_KEY' };

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
    expect(await verifier.verify(await byFirst())).toEqual(unknownKey);
    expect(server.fetches).toBe(2);
  });

  it('is fetched at most once in 30 s, whatever keys a storm of tokens asks for', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const { clock, verifier } = start(server.url);
    await verifier.verify(await byFirst());
    const storm = await Promise.all(Array.from({ length: 100 }, (_, index) => byFirst(`../../unknown/${index}`)));
    for (const token of storm) expect(await verifier.verify(token)).toEqual(unknownKey);
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
