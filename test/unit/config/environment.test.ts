import { describe, expect, it } from 'vitest';
import { faultsIn, load, valid } from './support.ts';

describe('environment variables', () => {
  it.each([
    ['TICKGRAPH_SERVER__PORT', '8080', { server: { port: 8080 } }],
    ['TICKGRAPH_SERVER__MAX_PAYLOAD_BYTES', '1024', { server: { maxPayloadBytes: 1024 } }],
    ['TICKGRAPH_SERVER__COMPRESSION__ENABLED', 'true', { server: { compression: { enabled: true } } }],
    ['TICKGRAPH_SERVER__TRUSTED_PROXIES', '10.0.0.0/8, ::1', { server: { trustedProxies: ['10.0.0.0/8', '::1'] } }],
    [
      'TICKGRAPH_SERVER__ALLOWED_ORIGINS',
      '["https://a.example"]',
      { server: { allowedOrigins: ['https://a.example'] } },
    ],
    ['TICKGRAPH_SERVER__ALLOWED_ORIGINS', '', { server: { allowedOrigins: [] } }],
    ['TICKGRAPH_LOG__PRETTY', 'false', { log: { pretty: false } }],
    ['TICKGRAPH_LOG__PRETTY', 'auto', { log: { pretty: 'auto' } }],
    ['TICKGRAPH_METRICS__TOKEN', '12345', { metrics: { token: '12345' } }],
    ['TICKGRAPH_METRICS__TOKEN', '', { metrics: { token: null } }],
    ['TICKGRAPH_BROKERS__BINANCE__ENABLED', 'false', { brokers: { binance: { enabled: false } } }],
    ['TICKGRAPH_BROKERS__MOCK_BINANCE__SEED', '7', { brokers: { 'mock-binance': { seed: 7 } } }],
    [
      'TICKGRAPH_BROKERS__MOCK_BINANCE__TICKS_PER_SECOND',
      '0.5',
      { brokers: { 'mock-binance': { ticksPerSecond: 0.5 } } },
    ],
    [
      'TICKGRAPH_BROKERS__MOCK_BINANCE__SYMBOLS',
      '{"BTCUSDT": 1.10}',
      { brokers: { 'mock-binance': { symbols: { BTCUSDT: '1.10' } } } },
    ],
    [
      'TICKGRAPH_BROKERS__MOCK_OANDA__SYMBOLS__EUR_USD',
      '1.10',
      { brokers: { 'mock-oanda': { symbols: { EUR_USD: '1.10' } } } },
    ],
    [
      'TICKGRAPH_BROKERS__SECOND_MOCK',
      '{"kind": "mock-oanda", "seed": 9}',
      { brokers: { 'second-mock': { kind: 'mock-oanda', seed: 9, ticksPerSecond: 4 } } },
    ],
    [
      'TICKGRAPH_AUTH__API_KEYS',
      `[{"id": "a", "sha256": "${'0'.repeat(64)}"}]`,
      { auth: { apiKeys: [{ id: 'a', sha256: '0'.repeat(64), roles: [] }] } },
    ],
    ['HOST', '0.0.0.0', { server: { host: '0.0.0.0' } }],
    ['PORT', '8080', { server: { port: 8080 } }],
    ['PORT', '', { server: { port: 4000 } }],
    ['LOG_LEVEL', 'WARN', { log: { level: 'warn' } }],
    ['REDIS_URL', 'redis://h', { bus: { engine: 'memory', redis: { url: 'redis://h' } } }],
  ])('%s=%s is read as the type that the setting has', (name, value, expected) => {
    expect(valid(load({ env: { [name]: value } }))).toMatchObject(expected);
  });

  it('create a broker, setting by setting, of the kind that one of them names', () => {
    const env = {
      TICKGRAPH_BROKERS__SECOND__ENABLED: 'false',
      TICKGRAPH_BROKERS__SECOND__KIND: 'mock-oanda',
      TICKGRAPH_BROKERS__SECOND__REQUIRES_AUTHENTICATION: 'false',
    };
    expect(valid(load({ env })).brokers['second']).toMatchObject({ enabled: false, requiresAuthentication: false });
  });

  it('address a broker of the file whether its id contains - or _', () => {
    const yaml = 'brokers: { my_mock: { kind: mock-binance }, my-other: { kind: mock-binance } }';
    const env = { TICKGRAPH_BROKERS__MY_MOCK__SEED: '3', TICKGRAPH_BROKERS__MY_OTHER__SEED: '4' };
    expect(valid(load({ yaml, env })).brokers).toMatchObject({ my_mock: { seed: 3 }, 'my-other': { seed: 4 } });
  });

  it('remove a broker with null', () => {
    expect(valid(load({ env: { TICKGRAPH_BROKERS__OANDA: 'null' } })).brokers['oanda']).toBeUndefined();
  });

  it('take precedence with TICKGRAPH_ over the short name', () => {
    const env = {
      PORT: '1',
      TICKGRAPH_SERVER__PORT: '2',
      REDIS_URL: 'redis://a',
      TICKGRAPH_BUS__REDIS__URL: 'redis://b',
    };
    expect(valid(load({ env }))).toMatchObject({ server: { port: 2 }, bus: { redis: { url: 'redis://b' } } });
  });

  it.each([
    ['TICKGRAPH_SERVER__PROT', '1', 'server.prot: found an unknown key, expected TICKGRAPH_SERVER__PORT'],
    ['TICKGRAPH_SERVER_PORT', '1', 'server_port: found an unknown key, expected TICKGRAPH_SERVER__PORT'],
    [
      'TICKGRAPH_SECRET',
      '1',
      /^secret: found an unknown key, expected a name that begins with one of: TICKGRAPH_SERVER, /,
    ],
    ['TICKGRAPH_SERVER__PORT__X', '1', 'server.port.x: found an unknown key, expected TICKGRAPH_SERVER__PORT'],
    ['TICKGRAPH_BROKERS__OANDA__SEED', '1', /^brokers\.oanda\.seed: found an unknown key/],
    ['TICKGRAPH_SERVER__PORT', '80a', 'server.port: found "80a", expected a whole number from 0 to 65535'],
    ['TICKGRAPH_SERVER__PORT', '', 'server.port: found "", expected a whole number from 0 to 65535'],
    ['TICKGRAPH_GRAPHQL__GRAPHIQL', 'yes', 'graphql.graphiql: found "yes", expected true or false'],
    ['PORT', 'http', 'server.port: found "http", expected a whole number from 0 to 65535'],
    [
      'TICKGRAPH_BROKERS__MOCK_BINANCE__SYMBOLS',
      '{',
      /^brokers\.mock-binance\.symbols: found a text \(\[redacted\]\), expected a map/,
    ],
    ['TICKGRAPH_SERVER__PORT_FILE', '/port', /^server\.port_file: found an unknown key/],
  ])('%s=%s is a fault that names it', (name, value, expected) => {
    const [fault, ...others] = faultsIn(load({ env: { [name]: value } }));
    expect(others).toEqual([]);
    expect(fault?.startsWith(`${name}: `)).toBe(true);
    expect(fault?.slice(name.length + 2)).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });

  it('of the commands that are clients of a gateway are ignored', () => {
    const env = {
      TICKGRAPH_TOKEN: 'a-login',
      TICKGRAPH_BROKER_TOKEN: 'a',
      TICKGRAPH_BROKER_ACCOUNT_ID: 'b',
      TICKGRAPH_BROKER_API_KEY: 'c',
      TICKGRAPH_BROKER_API_SECRET: 'd',
    };
    expect(valid(load({ env }))).toEqual(valid(load({})));
  });

  it('from a Kubernetes Service named tickgraph are ignored', () => {
    const env = {
      TICKGRAPH_PORT: 'tcp://10.0.0.1:4000',
      TICKGRAPH_PORT_4000_TCP: 'tcp://10.0.0.1:4000',
      TICKGRAPH_PORT_4000_TCP_ADDR: '10.0.0.1',
      TICKGRAPH_SERVICE_HOST: '10.0.0.1',
      TICKGRAPH_SERVICE_PORT: '4000',
      TICKGRAPH_SERVICE_PORT_HTTP: '4000',
    };
    expect(valid(load({ env })).server.port).toBe(4000);
    expect(faultsIn(load({ env: { TICKGRAPH_PORT: '5000' } }))).toHaveLength(1);
  });
});

describe('secrets from files', () => {
  it.each([
    ['TICKGRAPH_METRICS__TOKEN_FILE', { metrics: { token: 'from-a-file' } }],
    ['TICKGRAPH_BUS__REDIS__URL_FILE', { bus: { redis: { url: 'redis://from-a-file' } } }],
  ])('%s names a file, read without its last line feed', (name, expected) => {
    const text = name.includes('REDIS') ? 'redis://from-a-file\n' : 'from-a-file\r\n';
    expect(valid(load({ env: { [name]: 'secret' }, files: { '/etc/tickgraph/secret': text } }))).toMatchObject(
      expected,
    );
  });

  it('are read without the byte order mark that some editors write', () => {
    const files = { '/token': '\u{FEFF}secret\r\n' };
    const config = valid(
      load({ env: { TICKGRAPH_METRICS__TOKEN_FILE: '/token' }, files, yaml: '\u{FEFF}log: { level: warn }' }),
    );
    expect([config.metrics.token, config.log.level]).toEqual(['secret', 'warn']);
  });

  it("read a broker's token and account from files", () => {
    const env = {
      TICKGRAPH_BROKERS__OANDA__TOKEN_FILE: '/run/secrets/token',
      TICKGRAPH_BROKERS__OANDA__ACCOUNT_ID_FILE: '/run/secrets/account',
    };
    const files = { '/run/secrets/token': 'abc\n', '/run/secrets/account': '101\n' };
    expect(valid(load({ env, files })).brokers['oanda']).toMatchObject({ token: 'abc', accountId: '101' });
  });

  it('are faults if the file is missing or the secret is given twice', () => {
    expect(faultsIn(load({ env: { TICKGRAPH_METRICS__TOKEN_FILE: '/gone' } }))).toEqual([
      "TICKGRAPH_METRICS__TOKEN_FILE: metrics.token: found a file that can't be read (ENOENT), expected the name of a readable file",
    ]);
    expect(
      faultsIn(
        load({ env: { TICKGRAPH_METRICS__TOKEN_FILE: '/a', TICKGRAPH_METRICS__TOKEN: 'b' }, files: { '/a': 'c' } }),
      ),
    ).toEqual([
      'TICKGRAPH_METRICS__TOKEN_FILE: metrics.token: found TICKGRAPH_METRICS__TOKEN as well, expected only one of the two',
    ]);
  });
});
