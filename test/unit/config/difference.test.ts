import { describe, expect, it } from 'vitest';
import { APPLICABLE, brokerDifference, differenceOf } from '../../../src/config/difference.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';
import { load, valid } from './support.ts';

const config = (yaml: string): Config => valid(load({ yaml }));
const NOTHING = { added: [], removed: [], reopened: [], enabled: [], disabled: [] };

function difference(before: string, after: string, started = before) {
  return differenceOf({ started: config(started), running: config(before), next: config(after) });
}

describe('the difference between two configurations', () => {
  it('is nothing if only the text differs', () => {
    const same = difference('limits: { queryDepth: 5 }', '# a comment\nlimits:\n  queryDepth: 5\n');
    expect(same).toEqual({ applicable: [], restart: [], brokers: NOTHING });
  });

  it.each([
    ['server: { port: 1, host: localhost }', ['server.host', 'server.port']],
    [
      'server: { maxPayloadBytes: 1000, keepAliveTimeoutMs: 1000 }',
      ['server.maxPayloadBytes', 'server.keepAliveTimeoutMs'],
    ],
    ['server: { compression: { enabled: false } }', ['server.compression.enabled']],
    ['heartbeat: { rawMs: 50 }', ['heartbeat.rawMs']],
    ['bus: { redis: { prefix: other } }', ['bus.redis.prefix']],
    ['log: { pretty: true }', ['log.pretty']],
  ])('takes a restart: %s', (yaml, restart) => {
    expect(difference('', yaml)).toEqual({ applicable: [], restart, brokers: NOTHING });
  });

  it.each([
    ['server: { allowedOrigins: ["https://a.example"] }', ['server.allowedOrigins']],
    ['server: { trustedProxies: [10.0.0.1] }', ['server.trustedProxies']],
    ['server: { shutdownTimeoutMs: 1 }', ['server.shutdownTimeoutMs']],
    ['log: { level: debug }', ['log.level']],
    ['feeds: { reconnect: { baseMs: 1 } }', ['feeds.reconnect.baseMs']],
    ['limits: { connections: 1, queryCost: 1 }', ['limits.connections', 'limits.queryCost']],
    ['metrics: { access: token, token: t }', ['metrics.access', 'metrics.token']],
    [`auth: { apiKeys: [{ id: a, sha256: ${'a'.repeat(64)} }] }`, ['auth.apiKeys']],
    [`auth: { jwt: { secret: ${'s'.repeat(32)} } }`, ['auth.jwt']],
  ])('can be applied: %s', (yaml, applicable) => {
    expect(difference('', yaml)).toEqual({ applicable, restart: [], brokers: NOTHING });
  });

  it('still takes a restart for what an earlier change left over, until that is taken back', () => {
    expect(difference('server: { port: 1 }', 'server: { port: 1 }', '').restart).toEqual(['server.port']);
    expect(difference('server: { port: 1 }', '', '').restart).toEqual([]);
  });

  it('applies each change of a section once', () => {
    expect(difference('limits: { connections: 5 }', 'limits: { connections: 5 }', '').applicable).toEqual([]);
  });

  it('knows which settings can be applied by paths that there are', () => {
    const settings = config('');
    for (const path of APPLICABLE) {
      const [section = '', key] = path.split('.');
      const found: unknown = Reflect.get(settings, section);
      expect(key === undefined ? found : Reflect.get(found as object, key), path).toBeDefined();
    }
  });
});

describe('the difference between brokers', () => {
  const on = { kind: 'mock-binance' };
  const off = { kind: 'mock-binance', enabled: false };
  const brokersOf = (brokers: object): Config['brokers'] => valid(parseConfig({ brokers }, 'test')).brokers;

  it.each([
    ['one more', { a: on, b: off, c: on }, { added: ['c'] }],
    ['one less', { b: off }, { removed: ['a'] }],
    ['one switched off', { a: off, b: off }, { disabled: ['a'] }],
    ['one switched on', { a: on, b: on }, { enabled: ['b'] }],
    ['another setting', { a: { ...on, seed: 5 }, b: off }, { reopened: ['a'] }],
    ['another price of a symbol', { a: { ...on, symbols: { BTCUSDT: '43250.1' } }, b: off }, { reopened: ['a'] }],
    ['another kind', { a: { kind: 'mock-oanda' }, b: off }, { reopened: ['a'] }],
    ['switched on with another setting', { a: on, b: { ...on, seed: 5 } }, { reopened: ['b'], enabled: ['b'] }],
    ['its defaults spelled out', { a: { ...on, seed: 1, ticksPerSecond: 10, enabled: true }, b: off }, {}],
    ['another order', { b: off, a: on }, {}],
  ])('is that alone: %s', (_name, after, expected) => {
    expect(brokerDifference(brokersOf({ a: on, b: off }), brokersOf(after))).toEqual({ ...NOTHING, ...expected });
  });

  it('from none is all of them, in the order of the configuration', () => {
    const brokers = brokersOf({ z: on });
    expect(brokerDifference({}, brokers)).toEqual({ ...NOTHING, added: Object.keys(brokers) });
  });
});
