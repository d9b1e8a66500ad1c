import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { formatFault } from '../../../src/config/faults.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { ConfigResult } from '../../../src/config/load.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { maskSecrets } from '../../../src/config/secrets.ts';
import { mutatedText, mutatedValue } from '../../support/mutations.ts';
import { faultsIn, load } from './support.ts';

const METRICS_SECRET = 'q7Zk0v9Xw3Lr8Tn2Yb6Hs4Dm';
const JWT_SECRET = 'e5Rc1u8Gp4Jf7Wa3Vx9Nq2Kz6Mt0Bh5Sd8Yl';
const OANDA_SECRET = 'z8Qm3Xc6Vb1Nk9Jh4Gf7Ds2W-o5Pu0Yt3Re6';
const DIGEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const SECRETS = [METRICS_SECRET, JWT_SECRET, OANDA_SECRET, DIGEST];
/** So much of a secret is too much. */
const SHOWN = 8;
const PIECES = SECRETS.flatMap((secret) =>
  Array.from({ length: secret.length - SHOWN + 1 }, (_, at) => secret.slice(at, at + SHOWN)),
);

/** Every section, with secrets and with faults in the mock. */
const WRITTEN = [
  'server: { port: 8080, allowedOrigins: ["https://*.example.org"], trustedProxies: [10.0.0.0/8] }',
  `metrics:`,
  `  access: token`,
  `  token: ${METRICS_SECRET}`,
  'auth:',
  '  mode: required',
  `  jwt: { secret: "${JWT_SECRET}", issuer: x, audience: [a, b], algorithms: [HS256] }`,
  `  apiKeys: [{ id: ops, sha256: ${DIGEST}, roles: [admin], limits: { connections: 5 } }]`,
  'limits: &limits { connections: 100, queueBytesPerConnection: 65536 }',
  'feeds: { staleAfterMs: 5000, reconnect: { baseMs: 100, maxMs: 2000 } }',
  'log: { level: debug, pretty: false }',
  'brokers:',
  '  binance: { trades: aggregate, restUrl: "https://data-api.binance.vision" }',
  '  oanda:',
  '    environment: live',
  `    token: ${OANDA_SECRET}`,
  '    accountId: 101-001-1234567-001',
  '  mock-binance: { seed: 7, symbols: { BTCUSDT: 43250.10 }, faults: [{ kind: silence, afterMs: 1000, forMs: 500 }] }',
  '',
].join('\n');
const EXAMPLE = readFileSync(new URL('../../../config.example.yaml', import.meta.url), 'utf8');

/** It is accepted, and would be again; or every fault says where it is, and what was expected there. */
function expectJudged(result: ConfigResult): void {
  if (result.ok) {
    expect(configSchema.parse(result.config)).toEqual(result.config);
    for (const secret of SECRETS) expect(JSON.stringify(maskSecrets(result.config))).not.toContain(secret);
    return;
  }
  expect(result.faults.length).toBeGreaterThan(0);
  for (const { source, found, expected } of result.faults) {
    expect(source).not.toBe('');
    expect(found).not.toBe('');
    expect(expected).not.toBe('');
  }
}

function expectNoSecret(result: ConfigResult): void {
  const text = result.ok ? '' : result.faults.map(formatFault).join('\n');
  expect(
    PIECES.filter((piece) => text.includes(piece)),
    text,
  ).toEqual([]);
}

it('the configuration that is changed at random here is valid', () => {
  expect(faultsIn(load({ yaml: WRITTEN }))).toEqual([]);
});

describe('a file that was valid, and was then changed at random', () => {
  it('is accepted or has faults with a place, and no secret is shown', () => {
    fc.assert(
      fc.property(mutatedText(WRITTEN), (yaml) => {
        const result = load({ yaml });
        expectJudged(result);
        expectNoSecret(result);
      }),
      { numRuns: 400 },
    );
  });

  it('is judged as quickly if it is the example', () => {
    fc.assert(
      fc.property(mutatedText(EXAMPLE), (yaml) => {
        expectJudged(load({ yaml }));
      }),
      { numRuns: 100 },
    );
  });

  it('is judged by its values, whatever they are', () => {
    const document: unknown = parseDocument(WRITTEN).toJS();
    fc.assert(
      fc.property(mutatedValue(document), (value) => {
        expectJudged(parseConfig(value, 'a test'));
        expectJudged(load({ yaml: stringify(value) }));
      }),
      { numRuns: 200 },
    );
  });
});

describe('environment variables of any names and values', () => {
  const part = fc.constantFrom(
    ...'SERVER PORT METRICS TOKEN TOKEN_FILE AUTH JWT SECRET API_KEYS 0 BROKERS OANDA MOCK_BINANCE KIND SYMBOLS'.split(
      ' ',
    ),
    ...'BTCUSDT FAULTS LIMITS CONNECTIONS LOG LEVEL BUS REDIS URL __PROTO__ CONSTRUCTOR'.split(' '),
    '',
  );
  const name = fc.oneof(
    {
      arbitrary: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `TICKGRAPH_${parts.join('__')}`),
      weight: 4,
    },
    fc.constantFrom('HOST', 'PORT', 'LOG_LEVEL', 'REDIS_URL', 'TICKGRAPH_', 'TICKGRAPH___', 'TICKGRAPH_PORT'),
  );
  const value = fc.oneof(
    fc.constantFrom(
      '',
      'true',
      '1',
      '-1',
      '1e999',
      'NaN',
      '[',
      '[]',
      '{}',
      '{ a: &a [*a] }',
      '*x',
      '!!js/undefined',
      'null',
    ),
    fc.constantFrom('oanda', 'mock-binance', 'tcp://10.0.0.1:80', '/etc/tickgraph/x', '['.repeat(5_000), `"}\n{`),
    fc.string({ maxLength: 20, unit: 'binary' }),
    fc.json({ maxDepth: 3 }),
  );
  const variables = fc.dictionary(name, value, { maxKeys: 6 });

  it('are accepted or have faults that name the variable', () => {
    fc.assert(
      fc.property(variables, fc.boolean(), (env, isWritten) => {
        const result = load({ env, ...(isWritten ? { yaml: WRITTEN } : {}), files: { '/etc/tickgraph/x': 'x\n' } });
        expectJudged(result);
        if (isWritten) expectNoSecret(result);
        if (result.ok || result.faults.every(({ source }) => Object.hasOwn(env, source))) return;
        // What the environment made of the file may break a rule for a setting that stands in the file, or nowhere.
        for (const { source } of result.faults) {
          expect(Object.hasOwn(env, source) || /^(defaults|config\.yaml)(:|$)/.test(source), source).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never show their value where a secret belongs', () => {
    const secretPlaces = [
      'METRICS__TOKEN',
      'AUTH__JWT__SECRET',
      'BROKERS__OANDA__TOKEN',
      'AUTH__API_KEYS',
      'BUS__REDIS__URL',
    ];
    const spoiled = fc.tuple(fc.constantFrom(...secretPlaces), mutatedText(`${JWT_SECRET} ${JWT_SECRET}`));
    fc.assert(
      fc.property(spoiled, ([place, text]) => {
        expectNoSecret(load({ env: { [`TICKGRAPH_${place}`]: text } }));
      }),
    );
  });
});
