import type * as Crypto from 'node:crypto';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiKeyRing, KeyConnections } from '../../../../src/core/login/apiKeys.ts';
import type { LoggedIn, PartialLimits } from '../../../../src/core/login/apiKeys.ts';
import { ANONYMOUS } from '../../../../src/core/client.ts';

const compared = vi.hoisted(() => ({ times: 0 }));

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof Crypto>();
  return {
    ...crypto,
    timingSafeEqual: (a: Buffer, b: Buffer) => {
      compared.times += 1;
      return crypto.timingSafeEqual(a, b);
    },
  };
});

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
const ring = new ApiKeyRing([
  { id: 'first', sha256: sha256('key-1'), roles: ['admin'], limits: {} },
  { id: 'second', sha256: sha256('key-2').toUpperCase(), roles: [], limits: { subscriptionsPerConnection: 5 } },
  { id: 'third', sha256: sha256('key-3'), roles: [], limits: {} },
]);

describe('API keys', () => {
  beforeEach(() => {
    compared.times = 0;
  });

  it.each([
    ['the first', 'key-1', { principal: { kind: 'apiKey', id: 'first', roles: ['admin'] }, limits: null }],
    [
      'one with limits of its own, its digest in upper case',
      'key-2',
      { principal: { kind: 'apiKey', id: 'second', roles: [] }, limits: { subscriptionsPerConnection: 5 } },
    ],
    ['the last', 'key-3', { principal: { kind: 'apiKey', id: 'third', roles: [] }, limits: null }],
    ['a wrong one', 'key-4', null],
    ['an empty one', '', null],
    ['the digest in place of the key', sha256('key-1'), null],
    ['one that goes on', 'key-11', null],
    ['a huge one', 'x'.repeat(60_000), null],
  ])('are compared with every digest: %s', (_name, key, expected) => {
    expect(ring.find(key)).toEqual(expected);
    expect(compared.times).toBe(3);
  });
});

const HERE = { address: '192.0.2.1', secure: true, local: false };
const ELSEWHERE = { address: '192.0.2.2', secure: true, local: false };

const key = (id: string, limits: PartialLimits | null): LoggedIn => ({
  principal: { kind: 'apiKey', id, roles: [] },
  limits,
});
const limited = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

describe('the connections of an API key', () => {
  it('are bounded by its own limit, from whatever address, and those of other keys are not', () => {
    const connections = new KeyConnections();
    const mine = key('mine', { connections: 2 });
    const first = connections.take(mine, HERE);
    connections.take(mine, ELSEWHERE);
    expect(() => connections.take(mine, HERE)).toThrow(limited);
    for (const other of [key('other', { connections: 2 }), key('free', null), { principal: ANONYMOUS, limits: null }]) {
      expect(() => connections.take(other, HERE)).not.toThrow();
    }
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    connections.take(mine, HERE);
    expect(() => connections.take(mine, HERE)).toThrow(limited);
  });

  it('are bounded by its own limit for each address', () => {
    const connections = new KeyConnections();
    const mine = key('mine', { connectionsPerAddress: 1 });
    const here = connections.take(mine, HERE);
    connections.take(mine, ELSEWHERE);
    expect(() => connections.take(mine, HERE)).toThrow(limited);
    here[Symbol.dispose]();
    expect(() => connections.take(mine, HERE)).not.toThrow();
  });

  it('that are refused for one of the limits do not count for the other', () => {
    const connections = new KeyConnections();
    const mine = key('mine', { connections: 2, connectionsPerAddress: 1 });
    connections.take(mine, HERE);
    for (let attempt = 0; attempt < 5; attempt += 1) expect(() => connections.take(mine, HERE)).toThrow(limited);
    expect(() => connections.take(mine, ELSEWHERE)).not.toThrow();
  });
});
