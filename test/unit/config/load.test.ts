import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFault } from '../../../src/config/faults.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { faultsIn, load, valid } from './support.ts';

const PAIR = generateKeyPairSync('ed25519');
const ED25519 = PAIR.publicKey.export({ type: 'spki', format: 'pem' }).toString();

const keysAt = (jwksUrl: string): [string, object] => ['auth.jwt.jwksUrl', { auth: { jwt: { jwksUrl } } }];

describe('layers', () => {
  it('has the documented default of every setting if nothing is configured', () => {
    const config = valid(load());
    expect(config.server).toEqual({
      host: '127.0.0.1',
      port: 4000,
      maxPayloadBytes: 65536,
      shutdownTimeoutMs: 5000,
      keepAliveTimeoutMs: 75_000,
      allowedOrigins: [],
      trustedProxies: [],
      allowInsecureCredentials: false,
      compression: { enabled: true, thresholdBytes: 128 },
    });
    expect(config.limits).toEqual({
      connections: 10000,
      connectionsPerAddress: 200,
      subscriptionsPerConnection: 128,
      symbolsPerSubscription: 200,
      messagesPerSecond: 20,
      invalidMessagesPerMinute: 30,
      queueBytesPerConnection: 1048576,
      queryDepth: 10,
      queryAliases: 30,
      queryTokens: 2000,
      queryCost: 100_000,
    });
    expect(config.brokers).toEqual({
      binance: {
        kind: 'binance',
        enabled: true,
        trades: 'individual',
        websocketUrl: 'wss://data-stream.binance.vision',
        restUrl: 'https://data-api.binance.vision',
      },
      oanda: {
        kind: 'oanda',
        enabled: true,
        environment: 'practice',
        streamUrl: null,
        restUrl: null,
        token: null,
        accountId: null,
      },
      'mock-binance': {
        kind: 'mock-binance',
        enabled: true,
        seed: 1,
        symbols: { BTCUSDT: '43250.10', ETHUSDT: '2280.55' },
        ticksPerSecond: 10,
        faults: [],
      },
      'mock-oanda': {
        kind: 'mock-oanda',
        enabled: true,
        seed: 2,
        symbols: { EUR_USD: '1.08452', USD_JPY: '149.832' },
        ticksPerSecond: 4,
        faults: [],
        requiresAuthentication: true,
      },
    });
    expect(config).toMatchObject({
      metrics: { access: 'loopback', token: null },
      heartbeat: { graphqlMs: 12000, rawMs: 30000 },
      auth: { mode: 'none', jwt: null, apiKeys: [] },
      sessions: { idleTimeoutMs: 900000 },
      feeds: { staleAfterMs: 10000, reconnect: { baseMs: 500, maxMs: 30000 } },
      graphql: { introspection: true, graphiql: true },
      bus: { engine: 'memory', redis: { url: null, prefix: 'tickgraph', onLoss: 'stale' } },
      log: { level: 'info', pretty: 'auto' },
    });
  });

  it('finds every setting with its default in the example file', () => {
    const text = readFileSync(new URL('../../../config.example.yaml', import.meta.url), 'utf8');
    expect(valid(load({ yaml: text }))).toEqual(valid(load()));
    const everyKey = keyPaths(valid(load()));
    for (const path of everyKey) expect(text, `${path} is not in the example`).toContain(`${path.split('.').at(-1)}:`);
  });

  it('prefers the environment to the file and the file to the defaults, key by key', () => {
    const config = valid(
      load({ yaml: 'server: { port: 5000, host: "::1" }', env: { TICKGRAPH_SERVER__PORT: '6000' } }),
    );
    expect(config.server).toMatchObject({ port: 6000, host: '::1', maxPayloadBytes: 65536 });
  });

  it('keeps the default brokers that a file does not name', () => {
    const { brokers } = valid(load({ yaml: 'brokers: { binance: { enabled: false } }' }));
    expect(Object.keys(brokers)).toEqual(['binance', 'oanda', 'mock-binance', 'mock-oanda']);
    expect(brokers['binance']).toMatchObject({ enabled: false, trades: 'individual' });
  });

  it('replaces the default symbols by those of a file', () => {
    const { brokers } = valid(load({ yaml: 'brokers: { mock-binance: { symbols: { XRPUSDT: 0.50 } } }' }));
    expect(brokers['mock-binance']).toMatchObject({ symbols: { XRPUSDT: '0.50' }, seed: 1 });
    expect(
      Object.keys(brokers['mock-binance']?.kind === 'mock-binance' ? brokers['mock-binance'].symbols : {}),
    ).toEqual(['XRPUSDT']);
  });

  it('removes a default broker that the file sets to null', () => {
    const { brokers } = valid(load({ yaml: 'brokers:\n  oanda: null\n  mock-oanda:\n' }));
    expect(Object.keys(brokers)).toEqual(['binance', 'mock-binance']);
  });

  it('gives a broker of any id the defaults of its kind', () => {
    const { brokers } = valid(
      load({ yaml: 'brokers: { second: { kind: mock-oanda, requiresAuthentication: false } }' }),
    );
    expect(brokers['second']).toMatchObject({
      seed: 2,
      symbols: { EUR_USD: '1.08452' },
      requiresAuthentication: false,
    });
  });

  it('ignores a section without keys', () => {
    expect(valid(load({ yaml: 'server:\nbrokers:\n' }))).toEqual(valid(load()));
  });

  it('is frozen at every depth, and has no prototype in which brokers could be found', () => {
    const config = valid(load({ yaml: 'server: { allowedOrigins: ["*"] }' }));
    expect(() => Reflect.apply(Array.prototype.push, config.server.allowedOrigins, ['x'])).toThrow(TypeError);
    expect(Reflect.set(config.limits, 'connections', 1)).toBe(false);
    expect(config.brokers['constructor']).toBeUndefined();
  });
});

describe('the file', () => {
  it.each([
    ['--config', { file: 'a.yaml', env: { TICKGRAPH_CONFIG: 'b.yaml' } }, '/etc/a.yaml'],
    ['TICKGRAPH_CONFIG', { file: null, env: { TICKGRAPH_CONFIG: '/b.yaml' } }, '/b.yaml'],
    ['./config.yaml', { file: null, env: {} }, '/etc/config.yaml'],
  ])('comes from %s', (_name, options, expected) => {
    const read: string[] = [];
    const readFile = (path: string): string => {
      read.push(path);
      return 'server: { port: 1 }';
    };
    expect(valid(loadConfig({ ...options, cwd: '/etc', readFile })).server.port).toBe(1);
    expect(read).toEqual([expected]);
  });

  it('may be missing only if it was not named', () => {
    expect(loadConfig({ file: null, env: {}, cwd: '/', readFile: missing }).ok).toBe(true);
    const named = loadConfig({ file: 'gone.yaml', env: {}, cwd: '/', readFile: missing });
    expect(faultsIn(named)).toEqual([
      "gone.yaml: found a file that can't be read (ENOENT), expected a readable YAML file",
    ]);
  });

  it.each([
    [
      'a syntax error, with line and column',
      'server:\n  port: [1\n',
      /^config\.yaml:3:1: found .*, expected valid YAML$/,
    ],
    ['a key that is there twice', 'server: {}\nserver: {}', /^config\.yaml:2:1: found Map keys must be unique/],
    [
      'a tag of another schema',
      'server: !secret hunter2',
      /^config\.yaml:1:9: found a tag that is not in the core schema/,
    ],
    ['an alias without an anchor', 'server: *hunter2', /found an alias without its anchor/],
    ['a list', '- server', /^config\.yaml:1: found a list, expected a map$/],
    ['a text', 'server', /^config\.yaml:1: found a single value, expected a map$/],
    ['endless nesting', '['.repeat(50_000), /too deep nesting/],
    ['a hundred thousand aliases', billionLaughs(), /too many aliases/],
    ['a text too long', `# ${'x'.repeat(1_100_000)}`, /found 1100002 characters/],
  ])('is rejected with a sentence for %s', (_name, yaml, expected) => {
    const faults = faultsIn(load({ yaml }));
    expect(faults[0]).toMatch(expected);
    expect(faults.join('\n')).not.toContain('hunter2');
  });

  it('reports the other faults too if a key is duplicated', () => {
    expect(faultsIn(load({ yaml: 'server: { port: 1 }\nserver: { port: -1 }' }))).toHaveLength(2);
  });
});

describe('faults', () => {
  it('are reported all at once, each with source, path, what was found and what was expected', () => {
    const yaml = [
      'server:',
      '  port: 70000',
      '  prot: 1',
      '  host: [a]',
      'log: { level: loud }',
      'feeds: { reconnect: { baseMs: 900, maxMs: 100 } }',
      'brokers:',
      '  binance: { trades: some }',
      '  new: { kind: kraken }',
    ].join('\n');
    expect(
      faultsIn(load({ yaml, env: { TICKGRAPH_LIMITS__CONNECTIONS: 'many', TICKGRAPH_LIMIT__CONNECTIONS: '1' } })),
    ).toEqual([
      'TICKGRAPH_LIMIT__CONNECTIONS: limit: found an unknown key, expected TICKGRAPH_LIMITS__CONNECTIONS',
      'config.yaml:4: server.host: found a list, expected a host name or an IP address',
      'config.yaml:2: server.port: found 70000, expected a whole number from 0 to 65535',
      'config.yaml:3: server.prot: found an unknown key, expected port or another of: host, port, maxPayloadBytes, ' +
        'shutdownTimeoutMs, keepAliveTimeoutMs, allowedOrigins, trustedProxies, allowInsecureCredentials, compression',
      'TICKGRAPH_LIMITS__CONNECTIONS: limits.connections: found "many", expected a whole number from 1 to 1000000',
      'config.yaml:6: feeds.reconnect.maxMs: found 100, expected no less than feeds.reconnect.baseMs',
      'config.yaml:5: log.level: found "loud", expected one of: trace, debug, info, warn, error, fatal, silent',
      'config.yaml:8: brokers.binance.trades: found "some", expected one of: individual, aggregate',
      'config.yaml:9: brokers.new.kind: found "kraken", expected one of: binance, oanda, mock-binance, mock-oanda',
    ]);
  });

  const digest = 'a'.repeat(64);
  it.each([
    ['server.port', { server: { port: '8080' } }],
    ['server.port', { server: { port: 1.5 } }],
    ['server.allowedOrigins.0', { server: { allowedOrigins: ['https://example.org/path'] } }],
    ['server.allowedOrigins.0', { server: { allowedOrigins: ['null'] } }],
    ['server.trustedProxies.0', { server: { trustedProxies: ['10.0.0.0/33'] } }],
    ['server.trustedProxies.0', { server: { trustedProxies: ['proxy'] } }],
    ['metrics.access', { metrics: { access: 'token' } }],
    ['auth.mode', { auth: { mode: 'required' } }],
    ['auth.jwt.jwksUrl', { auth: { jwt: { issuer: 'x' } } }],
    ['auth.jwt.jwksUrl', { auth: { jwt: { jwksUrl: 'https://user:word@x.example/keys' } } }],
    ...['ftp:', 'file:///etc/keys', 'x.example/keys', ''].map(keysAt),
    // From beyond this machine never over plain text.
    ...['x.example', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '[::2]'].map((host) =>
      keysAt(`http://${host}/keys`),
    ),
    ['auth.jwt.secret', { auth: { jwt: { secret: 'too short' } } }],
    ['auth.jwt.algorithms', { auth: { jwt: { jwksUrl: 'https://x.example/keys', algorithms: ['HS256'] } } }],
    ['auth.jwt.algorithms.0', { auth: { jwt: { jwksUrl: 'https://x.example/keys', algorithms: ['none'] } } }],
    [
      'auth.jwt.publicKey',
      { auth: { jwt: { publicKey: '-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----' } } },
    ],
    ['auth.jwt.publicKey', { auth: { jwt: { publicKey: 'a key' } } }],
    ['auth.jwt.algorithms', { auth: { jwt: { publicKey: ED25519 } } }],
    ['auth.jwt.algorithms', { auth: { jwt: { publicKey: ED25519, algorithms: ['RS256', 'ES256'] } } }],
    ['auth.jwt.algorithms', { auth: { jwt: { publicKey: ED25519, algorithms: ['HS256'] } } }],
    ['auth.apiKeys.0.sha256', { auth: { apiKeys: [{ id: 'a', sha256: 'zz' }] } }],
    ['auth.apiKeys', { auth: { apiKeys: [1, 2].map(() => ({ id: 'a', sha256: digest })) } }],
    [
      'auth.apiKeys.0.limits.connections',
      { auth: { apiKeys: [{ id: 'a', sha256: digest, limits: { connections: 0 } }] } },
    ],
    ['bus.engine', { bus: { engine: 'redis' } }],
    ['bus.engine', { bus: { engine: 'kafka' } }],
    ['bus.redis.url', { bus: { redis: { url: 'http://x' } } }],
    ['brokers.binance.websocketUrl', { brokers: { binance: { websocketUrl: 'https://x' } } }],
    ['brokers.binance.restUrl', { brokers: { binance: { restUrl: 'https://user:word@x' } } }],
    ['brokers.binance.websocketUrl', { brokers: { binance: { websocketUrl: 'wss://x?timeUnit=MICROSECOND' } } }],
    ['brokers.oanda.token', { brokers: { oanda: { token: 'abc' } } }],
    ['brokers.oanda.trades', { brokers: { oanda: { trades: 'individual' } } }],
    ['brokers.mock-binance.symbols', { brokers: { 'mock-binance': { symbols: {} } } }],
    ['brokers.mock-binance.symbols.A', { brokers: { 'mock-binance': { symbols: { A: 0 } } } }],
    ['brokers.mock-binance.symbols.A', { brokers: { 'mock-binance': { symbols: { A: '1e5' } } } }],
    ...['1'.repeat(40), '10000000000001', `0.${'0'.repeat(14)}1`, `0.${'0'.repeat(40)}1`].map(
      (price): [string, object] => [
        'brokers.mock-binance.symbols.A',
        { brokers: { 'mock-binance': { symbols: { A: price } } } },
      ],
    ),
    ['brokers.mock-oanda.symbols.A', { brokers: { 'mock-oanda': { symbols: { A: '9'.repeat(30) } } } }],
    ['brokers.mock-binance.symbols.A B', { brokers: { 'mock-binance': { symbols: { 'A B': 1 } } } }],
    ['brokers.mock-binance.ticksPerSecond', { brokers: { 'mock-binance': { ticksPerSecond: 0 } } }],
    ['brokers.Loud', { brokers: { Loud: { kind: 'binance' } } }],
    ['brokers.x.kind', { brokers: { x: { enabled: true } } }],
    ['brokers.mock_oanda', { brokers: { mock_oanda: { kind: 'binance' } } }],
    ['brokers', { brokers: [] }],
  ])('%s is rejected, and nothing else', (path, document) => {
    const result = parseConfig(document, 'a test');
    expect(result.ok ? [] : result.faults.map((fault) => fault.path)).toEqual([path]);
  });

  it.each([
    { auth: { mode: 'required', jwt: { secret: 's'.repeat(32), algorithms: ['HS512'], audience: ['a', 'b'] } } },
    { auth: { jwt: { publicKey: ED25519, algorithms: ['RS256', 'EdDSA'] } } },
    { auth: { jwt: { publicKey: ED25519, algorithms: ['Ed25519'] } } },
    { auth: { jwt: { jwksUrl: 'https://x.example/keys', algorithms: ['ES256', 'Ed25519'] } } },
    ...['https://x.example/keys', 'http://localhost:1/keys', 'http://[::1]:1/keys', 'http://127.1.2.3/keys'].map(
      (jwksUrl) => ({ auth: { jwt: { jwksUrl } } }),
    ),
    { auth: { mode: 'required', apiKeys: [{ id: 'ops', sha256: digest, roles: ['admin'] }] } },
    {
      server: {
        allowedOrigins: ['*', 'https://app.example.org', 'http://localhost:3000'],
        trustedProxies: ['::1/128'],
      },
    },
    { bus: { engine: 'memory', redis: { url: 'rediss://user:word@redis.example:6380/1' } } },
    {
      bus: { engine: 'redis', redis: { url: 'redis+sentinel://user:word@a.example:26379/main?also=b.example:26379' } },
    },
    { brokers: { oanda: { token: 'abc', accountId: '101-001-1234567-001', environment: 'live' } } },
    { log: { pretty: false } },
  ])('%j is accepted', (document) => {
    expect(faultsIn(parseConfig(document, 'a test'))).toEqual([]);
  });

  it('never show any part of a private key, or of text that may be one', () => {
    const pem = PAIR.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const document = {
      auth: { jwt: { publicKey: pem } },
      server: { host: pem },
      brokers: { oanda: { token: pem }, binance: { restUrl: pem } },
    };
    const faults = parseConfig(document, 'a test');
    expect(faults.ok ? [] : faults.faults.map(({ found }) => found)).toEqual(Array(4).fill('a private key'));
    const broken = parseConfig({ auth: { jwt: { publicKey: pem.replaceAll('-----', '') } } }, 'a test');
    expect(broken.ok ? [] : broken.faults.map(({ found }) => found)).toEqual(['a text ([redacted])']);
  });

  it('never show a secret, wherever it was written', () => {
    const yaml = [
      'metrics: hunter2',
      'auth: { jwt: { secret: hunter2, publicKey: 7 }, apiKeys: [{ id: a, sha256: hunter2 }] }',
      'bus: { redis: { url: "http://user:hunter2@host" } }',
      'brokers:',
      '  oanda: { token: "hunter2 with space", accountId: [hunter2] }',
      '  binance: { restUrl: "https://user:hunter2@host" }',
      '  mock-oanda: hunter2',
    ].join('\n');
    const env = {
      TICKGRAPH_METRICS__TOKEN: 'hunter2\n',
      TICKGRAPH_METRICS__TOKEN_FIEL: 'hunter2',
      TICKGRAPH_BUS: 'hunter2',
    };
    const faults = faultsIn(load({ yaml, env }));
    expect(faults.length).toBeGreaterThan(7);
    expect(faults.join('\n')).not.toContain('hunter2');
  });
});

describe('hostile documents', () => {
  it('rejects __proto__ at every level, and does not change the prototype of objects', () => {
    const yaml = [
      '__proto__: { polluted: 1 }',
      'server: { __proto__: { polluted: 1 } }',
      'brokers: { __proto__: { kind: binance }, mock-binance: { symbols: { __proto__: 1 } } }',
    ].join('\n');
    const result = load({
      yaml,
      env: { TICKGRAPH___PROTO____POLLUTED: '1', TICKGRAPH_BROKERS____PROTO____KIND: 'oanda' },
    });
    expect(result.ok ? [] : result.faults.map((fault) => fault.path)).toEqual(
      expect.arrayContaining([
        '__proto__',
        'server.__proto__',
        'brokers.__proto__',
        'brokers.mock-binance.symbols.__proto__',
      ]),
    );
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('answers any document with a configuration or with faults, and never throws', () => {
    const place = fc.constantFrom(
      'server',
      'brokers',
      'auth',
      'log',
      'bus',
      'port',
      'jwt',
      'oanda',
      'symbols',
      '__proto__',
    );
    const document = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.dictionary(place, tie('value')), tie('map')),
      map: fc.dictionary(place, tie('value')),
    })).value;
    fc.assert(
      fc.property(document, (value) => {
        const result = parseConfig(value, 'a test');
        if (!result.ok)
          for (const fault of result.faults) expect(formatFault(fault)).toMatch(/^a test: .*found .*expected /s);
      }),
    );
  });
});

function keyPaths(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path.join('.')];
  return Object.entries(value).flatMap(([key, item]) => keyPaths(item, [...path, key]));
}

function billionLaughs(): string {
  return ['1', '*a', '*b', '*c']
    .map((below, index) => `${'abcd'[index]}: &${'abcd'[index]} [${Array(9).fill(below).join(', ')}]`)
    .join('\n');
}

function missing(): never {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
}
