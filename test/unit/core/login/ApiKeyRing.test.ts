import { createHash } from 'node:crypto';
import type * as Crypto from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiKeyRing } from '../../../../src/core/login/ApiKeyRing.ts';

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
  ])('are compared with every digest, whichever it is: %s', (_name, key, expected) => {
    expect(ring.find(key)).toEqual(expected);
    expect(compared.times).toBe(3);
  });
});
