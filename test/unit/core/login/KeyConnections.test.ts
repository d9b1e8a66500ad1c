import { describe, expect, it } from 'vitest';
import type { LoggedIn, PartialLimits } from '../../../../src/core/login/ApiKeyRing.ts';
import { KeyConnections } from '../../../../src/core/login/KeyConnections.ts';
import { ANONYMOUS } from '../../../../src/core/client.ts';

const HERE = { address: '192.0.2.1', secure: true };
const ELSEWHERE = { address: '192.0.2.2', secure: true };

const key = (id: string, limits: PartialLimits | null): LoggedIn => ({
  principal: { kind: 'apiKey', id, roles: [] },
  limits,
});
const limited = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

describe('the connections of an API key', () => {
  it('are bounded by its own limit, wherever they come from, and others’ are not', () => {
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
