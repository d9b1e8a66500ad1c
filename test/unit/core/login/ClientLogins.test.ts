import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ClientLogins } from '../../../../src/core/login/ClientLogins.ts';
import type { AuthSettings } from '../../../../src/core/login/ClientLogins.ts';
import type { LoginEvidence } from '../../../../src/core/login/loginEvidence.ts';
import { ANONYMOUS } from '../../../../src/core/client.ts';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { createLogger } from '../../../../src/shared/logger.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { FakeClock } from '../../../support/FakeClock.ts';
import { logLines } from '../../../support/logLines.ts';
import { KeyServer } from './KeyServer.ts';
import { EC, NOW, RSA, SECRET, claims, forge, jwkOf, settings, sign } from './issuer.ts';

const HERE = '192.0.2.1';
const ELSEWHERE = '192.0.2.2';
const KEY = 'tg_first_0123456789abcdef';
const API_KEYS = [
  { id: 'first', sha256: createHash('sha256').update(KEY).digest('hex'), roles: ['admin'], limits: { queryDepth: 5 } },
];
const BOTH: AuthSettings = { mode: 'required', jwt: settings({ secret: SECRET }), apiKeys: API_KEYS };

class Door implements Disposable {
  readonly clock = new FakeClock();
  readonly metrics = new Metrics();
  readonly logins: ClientLogins;
  log = '';

  constructor(auth: Partial<AuthSettings>) {
    const output = {
      isTTY: false,
      write: (line: string) => {
        this.log += line;
        return true;
      },
    };
    this.logins = new ClientLogins({
      auth: { mode: 'none', jwt: null, apiKeys: [], ...auth },
      clock: this.clock,
      logger: createLogger({ level: 'trace', pretty: false, output }),
      metrics: this.metrics,
    });
  }

  [Symbol.dispose](): void {
    this.logins[Symbol.dispose]();
  }

  /** The login, or the error. */
  async bring(evidence: LoginEvidence | null, address = HERE): Promise<unknown> {
    return await this.logins.verify(evidence, address).then(
      ({ principal }) => principal,
      (error: unknown) => error,
    );
  }

  async count(outcome: string): Promise<number> {
    const { values } = await this.metrics.logins.get();
    return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
  }
}

const byToken = (token: string): LoginEvidence => ({ kind: 'token', token });
const byKey = (apiKey: string): LoginEvidence => ({ kind: 'apiKey', apiKey });
const unauthenticated = expect.objectContaining({ code: 'UNAUTHENTICATED' });
const alice = expect.objectContaining({ kind: 'jwt', subject: 'alice' });
const first = { kind: 'apiKey', id: 'first', roles: ['admin'] };

describe('who must log in', () => {
  it.each<[string, Partial<AuthSettings>, LoginEvidence | null | 'good token', unknown]>([
    ['nobody where none is configured', {}, null, ANONYMOUS],
    ['nobody where none is configured, whatever is brought', {}, byToken('x'), ANONYMOUS],
    ['nobody where none is required', { ...BOTH, mode: 'none' }, null, ANONYMOUS],
    ['who brings a token has its roles', { ...BOTH, mode: 'none' }, 'good token', alice],
    ['who brings a key has its roles', { ...BOTH, mode: 'none' }, byKey(KEY), first],
    ['who brings a bad token is refused, required or not', { ...BOTH, mode: 'none' }, byToken('x'), unauthenticated],
    ['who brings a bad key is refused, required or not', { ...BOTH, mode: 'none' }, byKey('x'), unauthenticated],
    ['everybody where it is required', BOTH, null, unauthenticated],
    ['everybody where it is required, by a token', BOTH, 'good token', alice],
    ['everybody where it is required, by a key', BOTH, byKey(KEY), first],
    ['a token does nothing where only keys are configured', { apiKeys: API_KEYS }, 'good token', unauthenticated],
    ['a key does nothing where only tokens are configured', { ...BOTH, apiKeys: [] }, byKey(KEY), unauthenticated],
  ])('%s', async (_name, auth, evidence, expected) => {
    using door = new Door(auth);
    expect(await door.bring(evidence === 'good token' ? byToken(await sign()) : evidence)).toEqual(expected);
    expect(door.logins.required).toBe(auth.mode === 'required');
  });

  it("gives the limits of an API key's own", async () => {
    using door = new Door(BOTH);
    expect((await door.logins.verify(byKey(KEY), HERE)).limits).toEqual({ queryDepth: 5 });
    expect((await door.logins.verify(byToken(await sign()), HERE)).limits).toBeNull();
  });
});

describe('a refusal', () => {
  it('is the same whichever check failed', async () => {
    using door = new Door(BOTH);
    const attempts = [
      byKey('wrong'),
      byToken('x'),
      byToken(await sign(claims({ exp: NOW - 600 }))),
      byToken(await sign(claims({ aud: 'x' }))),
      byToken(await sign(claims(), { key: Buffer.from('another secret of 32 characters, or more') })),
    ];
    const errors = await Promise.all(attempts.map((evidence) => door.bring(evidence)));
    const told = errors.map((error) =>
      error instanceof GatewayError ? [error.code, error.message, error.cause] : error,
    );
    expect(new Set(told.map((item) => JSON.stringify(item)))).toHaveLength(1);
  });

  it('is logged with its reason, and neither log nor error nor metrics show any part of the login', async () => {
    using door = new Door(BOTH);
    const bad = await sign(claims({ sub: 'canary-subject', exp: NOW - 600 }));
    const errors: unknown[] = [];
    for (const item of [byKey('canary-key'), byToken(bad), byToken('canary-token')])
      errors.push(await door.bring(item));
    await door.bring(byToken(await sign()));
    await door.bring(byKey(KEY));
    const line = { msg: 'login refused', level: 'info', address: HERE };
    expect(logLines(door.log)).toMatchObject([
      { ...line, sent: 'apiKey', reason: 'unknown API key' },
      { ...line, sent: 'token', reason: 'ERR_JWT_EXPIRED' },
      { ...line, sent: 'token', reason: 'ERR_JWS_INVALID' },
    ]);
    const shown = [
      door.log,
      await door.metrics.registry.metrics(),
      ...errors.map((error) => JSON.stringify(error) + String(error)),
    ];
    for (const secret of ['canary', ...bad.split('.'), KEY, SECRET]) expect(shown.join('\n')).not.toContain(secret);
  });
});

describe('an address that keeps failing', () => {
  it('is refused without a check after ten bad logins, even with a valid login, while others get in', async () => {
    using door = new Door(BOTH);
    const good = byToken(await sign());
    for (let time = 0; time < 5; time += 1) await door.bring(byKey('wrong'));
    for (let time = 0; time < 5; time += 1) await door.bring(byToken('wrong'));
    await door.clock.advance(10_000);
    const limited = { code: 'RATE_LIMITED', retryable: true, details: { retryAfterMs: 50_000 } };
    expect(await door.bring(good)).toMatchObject(limited);
    expect(await door.bring(byKey('wrong'))).toMatchObject(limited);
    expect(await door.bring(good, ELSEWHERE)).toEqual(alice);
    await door.clock.advance(50_000);
    expect(await door.bring(good)).toEqual(alice);
    expect(await door.count('accepted')).toBe(2);
    expect(await door.count('refused')).toBe(10);
    expect(await door.count('limited')).toBe(2);
  });

  it('does not include clients that send no login', async () => {
    using door = new Door(BOTH);
    for (let time = 0; time < 50; time += 1) await door.bring(null);
    expect(await door.bring(byKey(KEY))).toEqual(first);
  });
});

describe('a token of the issuer is no attempt to guess one', () => {
  it.each([
    ['has expired', { exp: NOW - 600 }],
    ['is not valid yet', { nbf: NOW + 600 }],
    ['is for another service', { aud: 'another' }],
    ['lacks a claim', { sub: undefined }],
  ])('so one that %s is refused however often, and the address may go on logging in', async (_name, changes) => {
    using door = new Door(BOTH);
    const bad = byToken(await sign(claims(changes)));
    for (let time = 0; time < 30; time += 1) expect(await door.bring(bad)).toEqual(unauthenticated);
    expect(await door.bring(byToken(await sign()))).toEqual(alice);
    expect(await door.count('refused')).toBe(30);
    expect(await door.count('limited')).toBe(0);
  });

  it('but one with a forged signature is, whatever it claims', async () => {
    using door = new Door(BOTH);
    const forged = forge({ alg: 'HS256' }, claims({ exp: NOW - 600 }), 'x'.repeat(43));
    for (let time = 0; time < 10; time += 1) expect(await door.bring(byToken(forged))).toEqual(unauthenticated);
    expect(await door.bring(byToken(await sign()))).toMatchObject({ code: 'RATE_LIMITED' });
  });
});

describe('the log says', () => {
  it.each([
    ['a wrong issuer', { iss: 'https://evil.example' }, 'claim iss has another value than configured'],
    ['a missing end', { exp: undefined }, 'claim exp is missing'],
    ['a missing subject', { sub: undefined }, 'claim sub is missing'],
    ['another audience', { aud: 'another' }, 'claim aud has another value than configured'],
  ])('which claim of a token was wrong, and the client does not learn it: %s', async (_name, changes, reason) => {
    using door = new Door(BOTH);
    const error = await door.bring(byToken(await sign(claims(changes))));
    expect(logLines(door.log)).toMatchObject([{ msg: 'login refused', reason }]);
    expect(String(error)).not.toContain('claim');
  });

  it('once that an address has failed so often that it has to wait', async () => {
    using door = new Door(BOTH);
    for (let time = 0; time < 20; time += 1) await door.bring(byKey('wrong'));
    const lockouts = logLines(door.log).filter(({ level }) => level === 'warn');
    expect(lockouts).toMatchObject([{ address: HERE, msg: expect.stringContaining('has to wait') }]);
  });
});

describe('logins that can’t be checked', () => {
  it('because the issuer has just rotated its keys are not failures of the address', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    using door = new Door({ ...BOTH, jwt: settings({ jwksUrl: server.url }) });
    const old = byToken(await sign(claims(), { alg: 'RS256', key: RSA.privateKey, header: { kid: 'first' } }));
    const fresh = byToken(await sign(claims(), { alg: 'ES256', key: EC.privateKey, header: { kid: 'second' } }));
    expect(await door.bring(old)).toEqual(alice);
    server.keys = [...server.keys, await jwkOf(EC, 'second')];
    for (let time = 0; time < 20; time += 1) {
      expect(await door.bring(fresh)).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 30_000 } });
    }
    expect(await door.bring(old)).toEqual(alice);
    expect(await door.count('refused')).toBe(0);
    await door.clock.advance(30_000);
    expect(await door.bring(fresh)).toEqual(alice);
  });

  it('because the issuer has just rotated its only key, which nothing names, are not failures either', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    using door = new Door({ ...BOTH, jwt: settings({ jwksUrl: server.url }) });
    const other = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const old = byToken(await sign(claims(), { alg: 'RS256', key: RSA.privateKey }));
    const fresh = byToken(await sign(claims(), { alg: 'RS256', key: other.privateKey }));
    expect(await door.bring(old)).toEqual(alice);
    server.keys = [await jwkOf(other, 'second')];
    for (let time = 0; time < 20; time += 1) {
      expect(await door.bring(fresh)).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 30_000 } });
    }
    expect(await door.bring(old)).toEqual(alice);
    expect(await door.count('refused')).toBe(0);
    await door.clock.advance(30_000);
    expect(await door.bring(fresh)).toEqual(alice);
  });

  it('are asked to retry and are not counted as failures; API keys go on working', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    server.answer = { kind: 'status', status: 503 };
    using door = new Door({ ...BOTH, jwt: settings({ jwksUrl: server.url }) });
    const good = byToken(await sign(claims(), { alg: 'RS256', key: RSA.privateKey, header: { kid: 'first' } }));
    for (let time = 0; time < 20; time += 1) {
      expect(await door.bring(good)).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 5_000 } });
    }
    expect(await door.bring(byKey(KEY))).toEqual(first);
    server.answer = { kind: 'keys' };
    await door.clock.advance(5_000);
    expect(await door.bring(good)).toEqual(alice);
    expect(await door.count('unavailable')).toBe(20);
    const other = await sign(claims(), { alg: 'ES256', key: EC.privateKey, header: { kid: 'other' } });
    expect(await door.bring(byToken(other))).toMatchObject({ code: 'RATE_LIMITED', details: { retryAfterMs: 30_000 } });
    await door.clock.advance(30_000);
    expect(await door.bring(byToken(other))).toEqual(unauthenticated);
    expect(door.log).toContain('fetching the keys that verify logins failed');
  });
});

it('warns at the start that tokens for other services are accepted', () => {
  using open = new Door({ jwt: settings({ secret: SECRET, audience: null }) });
  using closed = new Door(BOTH);
  expect(open.log).toContain('auth.jwt.audience is not set');
  expect(closed.log).toBe('');
});

describe('settings that change', () => {
  it('decide the next login: by the new secret, and whether one is required', async () => {
    using door = new Door(BOTH);
    const former = byToken(await sign());
    const other = `${SECRET}-2`;
    const next = byToken(await sign(claims(), { key: Buffer.from(other) }));
    expect([await door.bring(former), await door.bring(next)]).toEqual([alice, unauthenticated]);
    door.logins.replace({ ...BOTH, jwt: settings({ secret: other }) });
    expect([await door.bring(former), await door.bring(next)]).toEqual([unauthenticated, alice]);
    expect(await door.bring(null)).toEqual(unauthenticated);
    door.logins.replace({ mode: 'none', jwt: null, apiKeys: [] });
    expect([await door.bring(null), door.logins.areChecked]).toEqual([ANONYMOUS, false]);
    door.logins.replace({ ...BOTH, jwt: settings({ secret: other, audience: null }) });
    expect(door.log).toContain('auth.jwt.audience is not set');
  });

  it('leave the keys alone that were fetched for settings that have not changed', async () => {
    await using server = await KeyServer.start(await jwkOf(RSA, 'first'));
    const jwt = settings({ jwksUrl: server.url });
    using door = new Door({ ...BOTH, jwt });
    const token = byToken(await sign(claims(), { alg: 'RS256', key: RSA.privateKey, header: { kid: 'first' } }));
    await door.bring(token);
    door.logins.replace({ ...BOTH, jwt: { ...jwt }, apiKeys: [] });
    expect(await door.bring(token)).toEqual(alice);
    expect(server.fetches).toBe(1);
  });

  it('end a login with a key that was revoked before anybody followed it', async () => {
    using door = new Door(BOTH);
    const login = await door.logins.verify(byKey(KEY), HERE);
    door.logins.replace({ ...BOTH, apiKeys: [] });
    let ended = 0;
    using _followed = door.logins.watch(login, { changed: () => undefined, revoked: () => (ended += 1) });
    expect(ended).toBe(0);
    await door.clock.advance(0);
    expect(ended).toBe(1);
  });

  it('reach a login that began under former ones, until it is no longer followed', async () => {
    using door = new Door(BOTH);
    const login = await door.logins.verify(byKey(KEY), HERE);
    const changes: unknown[] = [];
    const withDepth = (queryDepth: number): AuthSettings => ({
      ...BOTH,
      apiKeys: API_KEYS.map((key) => ({ ...key, limits: { queryDepth } })),
    });
    door.logins.replace(withDepth(6));
    const followed = door.logins.watch(login, {
      changed: ({ limits }) => changes.push(limits),
      revoked: () => changes.push('revoked'),
    });
    door.logins.replace(withDepth(6));
    door.logins.replace(withDepth(7));
    expect(changes).toEqual([{ queryDepth: 6 }, { queryDepth: 7 }]);
    followed?.[Symbol.dispose]();
    door.logins.replace({ ...BOTH, apiKeys: [] });
    expect(changes).toHaveLength(2);
  });
});
